use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use onbeat_faults::Kind;
use serde_json::{Value, json};

use super::SCHEMA;
use crate::read::{KEYS, read_text};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("JSON")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("a JSON Schema")
}

/// Returns the form in a routes file, as an editor hands the form to the schema.
fn form(toml: &str) -> Value {
    toml::from_str(toml).expect(toml)
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn schema_and_reader_have_the_same_keys_and_each_is_described() {
    let schema = schema();
    for (name, lists) in KEYS {
        let table = if name.is_empty() { &schema } else { &schema["$defs"][name] };
        let properties = table["properties"].as_object().expect(name);
        let described: BTreeSet<_> = properties.keys().map(String::as_str).collect();
        let read: BTreeSet<_> = lists.iter().copied().flatten().copied().collect();
        assert_eq!(described, read, "{name}");
        // Demands that an editor marks unknown keys, as the reader refuses them.
        assert_eq!(table["additionalProperties"], json!(false), "{name}");
        for (key, property) in properties {
            let property = match property["$ref"].as_str().and_then(|at| at.strip_prefix('#')) {
                Some(pointer) if property.get("description").is_none() => schema.pointer(pointer).expect(pointer),
                _ => property,
            };
            assert!(property["description"].is_string(), "{name}.{key}");
        }
    }
}

#[test]
fn the_schema_has_all_kinds_of_faults() {
    let kinds: Vec<Value> = schema()["$defs"]["fault"]["oneOf"]
        .as_array()
        .expect("kinds")
        .iter()
        .map(|fault| fault["properties"]["kind"].clone())
        .flat_map(|kind| kind["enum"].as_array().cloned().unwrap_or_else(|| vec![kind["const"].clone()]))
        .collect();
    let described: BTreeSet<_> = kinds.iter().map(|kind| kind.as_str().expect("a name")).collect();
    assert_eq!(described, Kind::NAMES.iter().copied().collect());
}

/// The beginning of a route; the table goes on with the keys of the response.
const ROUTE: &str = "onbeat = 1\n[[route]]\npath = \"/a\"\n";

#[test]
fn schema_and_reader_take_the_same_forms() {
    let validator = validator();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for text in GOOD_RESPONSES.iter().map(|response| format!("{ROUTE}{response}")).chain(good_files()) {
        read_text("a.toml", &text, &folder).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        let form = form(&text);
        let errors: Vec<_> = validator.iter_errors(&form).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{text}");
    }
    for text in BAD_RESPONSES.iter().map(|response| format!("{ROUTE}{response}")).chain(bad_files()) {
        assert!(read_text("a.toml", &text, &folder).is_err(), "the reader takes {text}");
        assert!(!validator.is_valid(&form(&text)), "the schema takes {text}");
    }
}

#[test]
fn the_examples_follow_the_schema() {
    let validator = validator();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(&examples).expect("examples").map(|entry| entry.expect("an entry").path());
    let files = folders.map(|path| path.join("routes.toml")).chain([examples.join("tutorial.toml")]);
    let files: Vec<_> = files.filter(|file| file.is_file()).collect();
    // Fails if the examples have moved: a loop over no files would check nothing.
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let form = form(&std::fs::read_to_string(&file).expect("a file"));
        let errors: Vec<_> = validator.iter_errors(&form).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{}", file.display());
    }
}

const GOOD_RESPONSES: &[&str] = &[
    "status = 204",
    "body = \"{{path}}\"\nwait_ms = 5\nheaders = { \"x-a\" = \"{{now}}\\tb\" }",
    "status = 503\nretry_after_s = 1",
    "response = [{ status = 503 }, { body = \"x\" }]",
    "play = \"schema.rs\"\nbytes = 3\nevery_ms = 10",
    "play = \"schema.rs\"\nafter = \"last-event-id\"\nheartbeat = { every_ms = 5 }",
    "heartbeat = { every_ms = 5, times = 2, comment = \"x\" }\nsteps = [{ wait_ms = 1000.0 }]",
    "heartbeat = { after_silence_ms = 5, data = \"x\" }\nsteps = [{ open = true }]",
    "steps = [{ event = \"a\", id = \"{{seq}}\", retry = 5, comment = \"c\", data = \"d\", times = 3, every_ms = 9 }]",
    "steps = [{ send = \"x\", wait_ms = 5 }, { send_b64 = \"AA==\" }, { open = true }]",
    "steps = [{ data = \"\" }, { end = \"complete\" }]",
    "steps = [{ end = \"cut\", wait_ms = 3155760000000 }]",
    "steps = [{ end = \"reset\" }]",
    "status = 200\nfault = { kind = \"cut\", from = { write = 12 } }",
    "status = 200\nfault = [{ kind = \"split\", bytes = 1 }, { kind = \"line-ends\", ends = \"crlf\" }]",
    "status = 200\nfault = { kind = \"status\", status = 302, location = \"/b\" }",
    "status = 200\nfault = { kind = \"status\", status = 503, retry_after_s = 5 }",
    "status = 200\nfault = [{ kind = \"coalesce\", writes = 2, from = { byte = 0 } }, { kind = \"bom\" }]",
    "status = 200\nfault = [{ kind = \"retry\", retry_ms = 0, from = { ms = 5 } }, { kind = \"id\", event_id = \"\" }]",
    "status = 200\nmethod = \"*\"",
    "status = 200\nmethod = \"PURGE\"",
    "status = 200\nmatch = { \"/a\" = { b = [1] }, \"query.x\" = 2, \"header.X-Y\" = \"a*\", body = \"*z*\" }",
];

const BAD_RESPONSES: &[&str] = &[
    "",
    "colour = 1",
    "status = 199",
    "status = 600",
    "status = 1.5",
    "status = \"200\"",
    "status = 2026-01-01",
    "status = inf",
    "wait_ms = -1",
    "wait_ms = 3155760000001",
    "body = 1",
    "body = \"x\"\nsteps = [{ data = \"\" }]",
    "body = \"x\"\nplay = \"schema.rs\"",
    "play = \"schema.rs\"\nsteps = [{ data = \"\" }]",
    "body = \"x\"\nstatus = 204",
    "play = \"schema.rs\"\nbytes = 0",
    "body = \"x\"\nbytes = 1",
    "body = \"x\"\nevery_ms = 1",
    "body = \"x\"\nexchange = 1",
    "body = \"x\"\nafter = \"last-event-id\"",
    "body = \"x\"\nheartbeat = { every_ms = 1 }",
    "steps = [{ data = \"\" }]\nafter = \"id\"",
    "status = 503\nretry_after_s = -1",
    "status = 503\nretry_after_s = 1\nheaders = { \"Retry-After\" = \"2\" }",
    "status = 200\nheaders = { \"a b\" = \"x\" }",
    "status = 200\nheaders = { \"Content-Length\" = \"1\" }",
    "status = 200\nheaders = { \"transfer-encoding\" = \"chunked\" }",
    "status = 200\nheaders = { a = \"x\\ny\" }",
    "status = 200\nheaders = { a = 1 }",
    "status = 200\nheaders = [\"a\"]",
    "steps = []",
    "steps = {}",
    "steps = [1]",
    "steps = [{}]",
    "steps = [{ dta = \"x\" }]",
    "steps = [{ data = [\"x\"] }]",
    "steps = [{ event = \"a\\nb\" }]",
    "steps = [{ id = \"a\\rb\" }]",
    "steps = [{ retry = -1 }]",
    "steps = [{ send = \"x\", data = \"y\" }]",
    "steps = [{ send = \"x\", send_b64 = \"AA==\" }]",
    "steps = [{ send_b64 = \"?\" }]",
    "steps = [{ send_b64 = \"\" }]",
    "steps = [{ send_b64 = \"AB==\" }]",
    "steps = [{ data = \"x\", open = true }]",
    "steps = [{ open = false }]",
    "steps = [{ end = \"closed\" }]",
    "steps = [{ data = \"x\", times = 0 }]",
    "steps = [{ data = \"x\", times = 1000001 }]",
    "steps = [{ wait_ms = 1, times = 2 }]",
    "steps = [{ wait_ms = 1, every_ms = 2 }]",
    "steps = [{ data = \"x\", every_ms = 2 }]",
    "steps = [{ data = \"x\", history = \"all\" }]",
    "steps = [{ data = \"x\", heartbeat_ms = 1 }]",
    "steps = [{ subscribe = \"a b\" }]",
    "steps = [{ subscribe = [] }]",
    "steps = [{ subscribe = 1 }]",
    "heartbeat = { times = 1 }\nsteps = [{ data = \"\" }]",
    "heartbeat = { after_silence_ms = 0 }\nsteps = [{ data = \"\" }]",
    "heartbeat = { every_ms = 1, after_silence_ms = 1 }\nsteps = [{ data = \"\" }]",
    "heartbeat = { every_ms = 0 }\nsteps = [{ data = \"\" }]",
    "heartbeat = { every_ms = 1, open = true }\nsteps = [{ data = \"\" }]",
    "heartbeat = { every_ms = 1, send = \"\", data = \"\" }\nsteps = [{ data = \"\" }]",
    "response = []",
    "response = { status = 200 }",
    "response = [{ status = 200, path = \"/b\" }]",
    "response = [{ status = 200 }]\nstatus = 200",
    "status = 200\nmethod = \"get\"",
    "status = 200\nmethod = \"G T\"",
    "status = 200\nmethod = \"\"",
    "status = 200\nmatch = { model = \"x\" }",
    "status = 200\nmatch = { path = \"x\" }",
    "status = 200\nmatch = { \"header.a b\" = \"x\" }",
    "status = 200\nmatch = { \"/a~2\" = \"x\" }",
    "status = 200\nmatch = { \"/a~\" = \"x\" }",
    "status = 200\nmatch = { \"query.\" = \"x\" }",
    "status = 200\nmatch = { \"query.x\" = [1] }",
    "status = 200\nmatch = \"/a\"",
    "status = 200\nfault = { kind = \"explode\" }",
    "status = 200\nfault = { from = { write = 1 } }",
    "status = 200\nfault = { kind = \"cut\", path = \"/b\" }",
    "status = 200\nfault = { kind = \"cut\", times = 1 }",
    "status = 200\nfault = { kind = \"cut\", from = {} }",
    "status = 200\nfault = { kind = \"cut\", from = { write = 1, ms = 1 } }",
    "status = 200\nfault = { kind = \"cut\", bytes = 1 }",
    "status = 200\nfault = { kind = \"split\" }",
    "status = 200\nfault = { kind = \"split\", bytes = 0 }",
    "status = 200\nfault = { kind = \"coalesce\", writes = 1 }",
    "status = 200\nfault = { kind = \"line-ends\", ends = \"lf\" }",
    "status = 200\nfault = { kind = \"id\", event_id = \"a\\nb\" }",
    "status = 200\nfault = { kind = \"status\", status = 200 }",
    "status = 200\nfault = { kind = \"status\", status = 302 }",
    "status = 200\nfault = { kind = \"status\", status = 503, location = \"/b\" }",
    "status = 200\nfault = { kind = \"status\", status = 204, retry_after_s = 1 }",
    "status = 200\nfault = { kind = \"status\", status = 503, from = { ms = 1 } }",
    "status = 200\nfault = { kind = \"content-type\", content_type = \"\" }",
    "status = 200\nfault = [1]",
    "status = 200\nfault = []",
];

fn good_files() -> impl Iterator<Item = String> {
    let route = "[[route]]\npath = \"/*/b\"\nstatus = 200\n";
    [
        String::new(),
        format!("{route}[[scenario.offline.route]]\npath = \"/a\"\nstatus = 503"),
        "[scenario.empty]".into(),
        "[channel.news]\nhistory = 100000".into(),
        "[channel.news]\npublish = { method = \"PUT\", path = \"/n\", status = 202, id = \"{{json /id}}\" }".into(),
        "[channel.a-b_c]\npublish = { path = \"/n\", send = \"{{body}}\" }".into(),
        "[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"n\", history = \"all\", heartbeat_ms = 5 }]\n[channel.n]"
            .into(),
        "[[route]]\npath = \"/a\"\nsteps = [{ subscribe = [\"n\"], heartbeat = { every_ms = 1 } }]\n[channel.n]".into(),
    ]
    .into_iter()
    .map(|text| format!("onbeat = 1\n{text}"))
}

fn bad_files() -> impl Iterator<Item = String> {
    [
        "",
        "onbeat = 2",
        "onbeat = \"1\"",
        "onbeat = 1\nroutes = []",
        "onbeat = 1\nroute = {}",
        "onbeat = 1\nroute = [1]",
        "onbeat = 1\n[[route]]\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"a\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/a?b\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/ü\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/users/:id\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/{id}/feed\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/__onbeat\"\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/__onbeat/x\"\nstatus = 200",
        "onbeat = 1\nchannel = 1",
        "onbeat = 1\n[channel.\"a b\"]",
        "onbeat = 1\n[channel.news]\nhistory = 100001",
        "onbeat = 1\n[channel.news]\nhistroy = 1",
        "onbeat = 1\n[channel.news]\npublish = {}",
        "onbeat = 1\n[channel.news]\npublish = { path = \"/n\", method = \"post\" }",
        "onbeat = 1\n[channel.news]\npublish = { path = \"/n\", method = \"*\" }",
        "onbeat = 1\n[channel.news]\npublish = { path = \"/n\", send = \"\", data = \"\" }",
        "onbeat = 1\n[channel.news]\npublish = { path = \"/n\", status = 100 }",
        "onbeat = 1\n[scenario.a]\nroutes = []",
        "onbeat = 1\nscenario = []",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"n\", history = \"some\" }]\n[channel.n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"n\", heartbeat_ms = 1, heartbeat = { every_ms = 1 } }]\n[channel.n]",
    ]
    .into_iter()
    .map(str::to_owned)
}
