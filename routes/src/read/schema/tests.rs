use std::collections::BTreeSet;
use std::path::Path;

use onbeat_faults::Kind;
use serde_json::{Value, json};

use super::super::chunk::CHUNK_KEYS;
use super::super::file::{CHANNEL_KEYS, FILE_KEYS, PUBLISH_KEYS, read_text};
use super::super::response::RESPONSE_KEYS;
use super::super::route::ROUTE_KEYS;
use super::super::step::{HEARTBEAT_KEYS, STEP_KEYS};
use super::SCHEMA;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// A file with these lines, as TOML and as JSON.
fn file(lines: &str) -> (String, Value) {
    let text = format!("onbeat = 1\n{lines}");
    let json = serde_json::to_value(toml::from_str::<toml::Table>(&text).expect(lines)).expect("JSON");
    (text, json)
}

/// Returns why the reader refuses a text; nothing if the reader takes the text.
fn refusal(text: &str) -> Option<String> {
    read_text("routes.toml", text, Path::new("")).err().map(|problems| problems.to_string())
}

/// Forms that are good.
const GOOD: &[&str] = &[
    "",
    "[channel]",
    "[scenario.a]",
    "[[scenario.a.route]]\npath = \"/a\"\nstatus = 503",
    "[channel.\"a.b-c_1\"]\nhistory = 100000",
    "[channel.a]\npublish = { path = \"/p\" }",
    "[channel.a]\npublish = { path = \"/p\", method = \"PUT\", status = 202.0, event = \"e\", id = \"i\", retry = 1 }",
    "[channel.a]\npublish = { path = \"/p\", send = \"x\" }",
    "[channel.a]\npublish = { path = \"/p\", send_b64 = \"eA==\" }",
];

/// The keys of a route that are good beside the path.
const GOOD_ROUTES: &[&str] = &[
    "status = 200",
    "status = 599",
    "wait_ms = 3155760000000",
    "wait_ms = 5.0",
    "retry_after_s = 4294967295",
    "method = \"*\"\nbody = \"\"",
    "method = \"M-SEARCH\"\nbody = \"x\"",
    "match = { \"/\" = 1, \"/a/b\" = [\"*\", { c = 1.5 }], body = \"*\", \"query.a b\" = \"\", \"header.X-Key\" = true }\nstatus = 200",
    "response = [{}]",
    "response = [{ status = 500 }, { body = \"x\" }]",
    "headers = { X-Any = \"\\ta~ zä\", \"content-type\" = \"x\", connection = \"close\" }",
    "steps = [{ wait_ms = 1 }]",
    "steps = [{ event = \"\" }, { id = \"{{seq}}\" }, { retry = 0 }, { comment = \"a\\nb\" }, { data = \"a\\nb\" }]",
    "steps = [{ event = \"e\", id = \"1\", retry = 5, comment = \"c\", data = \"d\", times = 1000000, every_ms = 0 }]",
    "steps = [{ send = \"\\r\\n\", wait_ms = 1, times = 2 }, { send_b64 = \"AAEC\" }, { send_b64 = \"/w==\" }, { send_b64 = \"AAE=\" }]",
    "steps = [{ open = true, wait_ms = 3 }]",
    "steps = [{ end = \"complete\" }]",
    "steps = [{ end = \"cut\" }]",
    "steps = [{ end = \"reset\", wait_ms = 9 }]",
    "steps = [{ data = \"x\" }]\nafter = \"last-event-id\"\nheartbeat = { every_ms = 1, times = 3, data = \"beat\" }",
    "steps = [{ data = \"x\" }]\nheartbeat = { every_ms = 5, send_b64 = \"AA==\" }",
    "body = \"x\"\nfault = { kind = \"status\", status = 204 }",
    "body = \"x\"\nfault = { kind = \"status\", status = 302, location = \"/b c\" }",
    "body = \"x\"\nfault = { kind = \"status\", status = 503, retry_after_s = 5 }",
    "body = \"x\"\nfault = { kind = \"content-type\", content_type = \"text/html; charset=utf-8\" }",
    "body = \"x\"\nfault = [{ kind = \"cut\" }, { kind = \"reset\", from = { ms = 1 } }, { kind = \"end\", from = { byte = 0 } }]",
    "body = \"x\"\nfault = [{ kind = \"stall\", from = { write = 1 } }, { kind = \"bom\" }, { kind = \"invalid-utf8\" }]",
    "body = \"x\"\nfault = [{ kind = \"split\", bytes = 65536 }, { kind = \"coalesce\", writes = 2 }, { kind = \"duplicate\" }]",
    "body = \"x\"\nfault = [{ kind = \"line-ends\", ends = \"crlf\" }, { kind = \"retry\", retry_ms = 0 }, { kind = \"id\", event_id = \"\" }]",
];

/// The keys of a step that subscribes to the channel `news`, and are good.
const GOOD_SUBSCRIPTIONS: &[&str] = &[
    "subscribe = \"news\"",
    "subscribe = [\"news\", \"news\"], wait_ms = 1",
    "subscribe = \"news\", history = \"missed\", heartbeat_ms = 1",
    "subscribe = \"news\", history = \"all\", heartbeat = { every_ms = 1 }",
    "subscribe = \"news\", history = \"none\", heartbeat = { every_ms = 1, comment = \"\" }",
];

/// Forms that are wrong in what a schema can know.
const BAD: &[&str] = &[
    "channel = []",
    "channel = { a = 1 }",
    "channel = { \"a b\" = {} }",
    "channel = { \"\" = {} }",
    "channel = { a = { histry = 1 } }",
    "channel = { a = { history = -1 } }",
    "channel = { a = { history = 100001 } }",
    "channel = { a = { publish = \"/p\" } }",
    "channel = { a = { publish = {} } }",
    "channel = { a = { publish = { path = \"p\" } } }",
    "channel = { a = { publish = { path = \"/p\", method = \"*\" } } }",
    "channel = { a = { publish = { path = \"/p\", status = 100 } } }",
    "channel = { a = { publish = { path = \"/p\", data = \"x\", send = \"y\" } } }",
    "channel = { a = { publish = { path = \"/p\", body = \"x\" } } }",
    "scenario = 1",
    "scenario = { a = 1 }",
    "scenario = { a = { routes = [] } }",
    "scenario = { a = { route = [] } }",
    "scenario = { a = { route = [{ path = \"/a\" }] } }",
    "route = []",
    "route = {}",
    "route = [1]",
    "route = [{ body = \"x\" }]",
    "route = [{ path = \"/a\" }]",
    "route = [{ path = \"/a\", respond = \"x\" }]",
    "route = [{ path = 1, body = \"x\" }]",
    "route = [{ path = \"a\", body = \"x\" }]",
    "route = [{ path = \"/ä\", body = \"x\" }]",
    "route = [{ path = \"/a b\", body = \"x\" }]",
    "route = [{ path = \"/a?b\", body = \"x\" }]",
    "route = [{ path = \"/a#b\", body = \"x\" }]",
    "route = [{ path = \"/users/:id\", body = \"x\" }]",
    "route = [{ path = \"/users/{id}\", body = \"x\" }]",
    "route = [{ path = \"/__onbeat\", body = \"x\" }]",
    "route = [{ path = \"/__onbeat/a\", body = \"x\" }]",
    "routes = 1",
];

/// The keys of a route that are wrong beside the path.
const BAD_ROUTES: &[&str] = &[
    "method = \"get\"\nbody = \"x\"",
    "method = \"\"\nbody = \"x\"",
    "method = \"A B\"\nbody = \"x\"",
    "method = 1\nbody = \"x\"",
    "match = 1\nbody = \"x\"",
    "match = { model = 1 }\nbody = \"x\"",
    "match = { method = \"x\" }\nbody = \"x\"",
    "match = { \"query.\" = 1 }\nbody = \"x\"",
    "match = { \"header.a b\" = 1 }\nbody = \"x\"",
    "response = []",
    "response = {}",
    "response = [1]",
    "response = [{ path = \"/b\" }]",
    "response = [{}]\nstatus = 200",
    "status = 199",
    "status = 600",
    "status = \"200\"",
    "status = 200.5",
    "wait_ms = -1",
    "wait_ms = 3155760000001",
    "wait_ms = 1.5",
    "wait_ms = true",
    "retry_after_s = -1",
    "headers = []",
    "headers = { \"a b\" = \"x\" }",
    "headers = { \"\" = \"x\" }",
    "headers = { content-length = \"1\" }",
    "headers = { transfer-encoding = \"chunked\" }",
    "headers = { a = 1 }",
    "headers = { a = \"x\\ny\" }",
    "body = 1",
    "body = \"x\"\nsteps = [{ data = \"x\" }]",
    "play = 1",
    "play = \"x.sse\"\nbody = \"x\"",
    "play = \"x.sse\"\nbytes = 0",
    "play = \"x.sse\"\nexchange = -1",
    "body = \"x\"\nbytes = 1",
    "body = \"x\"\nevery_ms = 1",
    "body = \"x\"\nexchange = 1",
    "body = \"x\"\nafter = \"last-event-id\"",
    "steps = [{ data = \"x\" }]\nafter = \"id\"",
    "body = \"x\"\nheartbeat = { every_ms = 1 }",
    "steps = [{ data = \"x\" }]\nheartbeat = {}",
    "steps = [{ data = \"x\" }]\nheartbeat = { every_ms = 0 }",
    "steps = [{ data = \"x\" }]\nheartbeat = { every_ms = 1, times = 0 }",
    "steps = [{ data = \"x\" }]\nheartbeat = { every_ms = 1, send = \"x\", data = \"y\" }",
    "steps = [{ data = \"x\" }]\nheartbeat = { every_ms = 1, wait_ms = 1 }",
    "steps = []",
    "steps = {}",
    "steps = [1]",
    "steps = [{}]",
    "steps = [{ evnt = \"x\" }]",
    "steps = [{ data = 1 }]",
    "steps = [{ event = \"a\\nb\" }]",
    "steps = [{ id = \"a\\rb\" }]",
    "steps = [{ retry = -1 }]",
    "steps = [{ retry = 9007199254740992 }]",
    "steps = [{ send = \"x\", send_b64 = \"AA==\" }]",
    "steps = [{ send = \"x\", comment = \"y\" }]",
    "steps = [{ send_b64 = \"\" }]",
    "steps = [{ send_b64 = \"A\" }]",
    "steps = [{ send_b64 = \"AB==\" }]",
    "steps = [{ send_b64 = \"AAE\" }]",
    "steps = [{ send_b64 = \"AA=A\" }]",
    "steps = [{ data = \"x\", end = \"cut\" }]",
    "steps = [{ data = \"x\", open = true }]",
    "steps = [{ data = \"x\", subscribe = \"news\" }]",
    "steps = [{ open = true, end = \"cut\" }]",
    "steps = [{ open = false }]",
    "steps = [{ end = \"later\" }]",
    "steps = [{ wait_ms = 1, times = 3 }]",
    "steps = [{ wait_ms = 1, every_ms = 3 }]",
    "steps = [{ data = \"x\", times = 0 }]",
    "steps = [{ data = \"x\", times = 1000001 }]",
    "steps = [{ data = \"x\", history = \"all\" }]",
    "steps = [{ data = \"x\", heartbeat_ms = 1 }]",
    "steps = [{ data = \"x\", heartbeat = { every_ms = 1 } }]",
    "steps = [{ subscribe = 1 }]",
    "steps = [{ subscribe = [] }]",
    "steps = [{ subscribe = \"a b\" }]",
    "steps = [{ subscribe = \"news\", history = \"some\" }]",
    "steps = [{ subscribe = \"news\", heartbeat_ms = 0 }]",
    "steps = [{ subscribe = \"news\", heartbeat_ms = 1, heartbeat = { every_ms = 1 } }]",
    "steps = [{ subscribe = \"news\", times = 2 }]",
    "body = \"x\"\nfault = []",
    "body = \"x\"\nfault = 1",
    "body = \"x\"\nfault = {}",
    "body = \"x\"\nfault = { kind = \"explode\" }",
    "body = \"x\"\nfault = { kind = \"cut\", path = \"/b\" }",
    "body = \"x\"\nfault = { kind = \"cut\", times = 1 }",
    "body = \"x\"\nfault = { kind = \"cut\", bytes = 1 }",
    "body = \"x\"\nfault = { kind = \"cut\", from = 1 }",
    "body = \"x\"\nfault = { kind = \"cut\", from = {} }",
    "body = \"x\"\nfault = { kind = \"cut\", from = { byte = 1, ms = 1 } }",
    "body = \"x\"\nfault = { kind = \"cut\", from = { byte = -1 } }",
    "body = \"x\"\nfault = { kind = \"split\" }",
    "body = \"x\"\nfault = { kind = \"split\", bytes = 65537 }",
    "body = \"x\"\nfault = { kind = \"coalesce\", writes = 1 }",
    "body = \"x\"\nfault = { kind = \"line-ends\", ends = \"lf\" }",
    "body = \"x\"\nfault = { kind = \"retry\" }",
    "body = \"x\"\nfault = { kind = \"id\", event_id = \"a\\nb\" }",
    "body = \"x\"\nfault = { kind = \"status\" }",
    "body = \"x\"\nfault = { kind = \"status\", status = 200 }",
    "body = \"x\"\nfault = { kind = \"status\", status = 302 }",
    "body = \"x\"\nfault = { kind = \"status\", status = 503, location = \"/b\" }",
    "body = \"x\"\nfault = { kind = \"status\", status = 204, retry_after_s = 1 }",
    "body = \"x\"\nfault = { kind = \"status\", status = 503, from = { ms = 1 } }",
    "body = \"x\"\nfault = { kind = \"content-type\", content_type = \"\" }",
    "body = \"x\"\nfault = { kind = \"content-type\", content_type = \" a\" }",
];

/// Forms that are wrong in what only the reader can know: other parts of the file, files, and what a text says.
const ONLY_THE_READER_KNOWS: &[&str] = &[
    // Placeholders.
    "route = [{ path = \"/a\", body = \"{{nwo}}\" }]",
    "route = [{ path = \"/a\", steps = [{ data = \"{{random 2 1}}\" }] }]",
    // Files.
    "route = [{ path = \"/a\", play = \"nowhere.sse\" }]",
    // Channels.
    "route = [{ path = \"/a\", steps = [{ subscribe = \"news\" }] }]",
    "channel = { a = { publish = { path = \"/p\" } }, b = { publish = { path = \"/p\" } } }",
    "channel = { a = { publish = { path = \"/p\" } } }\nroute = [{ method = \"POST\", path = \"/p\", body = \"x\" }]",
    // Order.
    "route = [{ path = \"/a\", steps = [{ open = true }, { data = \"never\" }] }]",
    "route = [{ path = \"/a\", body = \"x\" }, { path = \"/a\", body = \"y\" }]",
    // Names of headers in other cases.
    "route = [{ path = \"/a\", headers = { Content-Length = \"1\" } }]",
    "route = [{ path = \"/a\", headers = { X-A = \"1\", x-a = \"2\" } }]",
];

/// All forms of a list, those of routes and of steps completed.
fn forms(files: &[&str], routes: &[&str], subscriptions: &[&str]) -> Vec<(String, Value)> {
    let routes = routes.iter().map(|keys| file(&format!("[channel.news]\n[[route]]\npath = \"/a*/b\"\n{keys}")));
    let subscriptions = subscriptions
        .iter()
        .map(|keys| file(&format!("[channel.news]\n[[route]]\npath = \"/a\"\nsteps = [{{ {keys} }}]")));
    files.iter().map(|lines| file(lines)).chain(routes).chain(subscriptions).collect()
}

#[test]
fn the_schema_and_the_reader_take_and_refuse_the_same_forms() {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is one");
    for (text, json) in forms(GOOD, GOOD_ROUTES, GOOD_SUBSCRIPTIONS) {
        let errors: Vec<_> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
        assert_eq!((errors, refusal(&text)), (vec![], None), "{text}");
    }
    for (text, json) in forms(BAD, BAD_ROUTES, &[]) {
        assert!(refusal(&text).is_some(), "the reader takes {text}");
        assert!(!validator.is_valid(&json), "the schema takes {text}");
    }
    for (text, json) in forms(ONLY_THE_READER_KNOWS, &[], &[]) {
        assert!(refusal(&text).is_some() && validator.is_valid(&json), "{text}");
    }
    for version in [json!({}), json!({"onbeat": 2}), json!({"onbeat": "1"}), json!([]), json!(null)] {
        assert!(!validator.is_valid(&version), "{version}");
    }
}

#[test]
fn the_schema_has_the_keys_that_the_reader_knows() {
    let schema = schema();
    for (pointer, keys) in [
        ("", FILE_KEYS.to_vec()),
        ("/$defs/route", [&ROUTE_KEYS[..], &RESPONSE_KEYS].concat()),
        ("/$defs/response", RESPONSE_KEYS.to_vec()),
        ("/$defs/step", [&STEP_KEYS[..], &CHUNK_KEYS].concat()),
        ("/$defs/chunk", CHUNK_KEYS.to_vec()),
        ("/$defs/heartbeat", [&HEARTBEAT_KEYS[..], &CHUNK_KEYS].concat()),
        ("/$defs/channel", CHANNEL_KEYS.to_vec()),
        ("/$defs/publish", [&PUBLISH_KEYS[..], &CHUNK_KEYS].concat()),
        ("/$defs/scenario", vec!["route"]),
    ] {
        let properties = schema.pointer(&format!("{pointer}/properties")).and_then(Value::as_object);
        let known: BTreeSet<_> = properties.expect(pointer).keys().map(String::as_str).collect();
        assert_eq!(known, keys.into_iter().collect(), "{pointer}");
    }
    let kinds = schema.pointer("/$defs/fault/properties/kind/enum").and_then(Value::as_array).expect("kinds");
    assert!(kinds.iter().filter_map(Value::as_str).eq(Kind::NAMES.iter().copied()));
}

#[test]
fn every_key_of_the_schema_is_described() {
    let schema = schema();
    let mut left = vec![&schema];
    while let Some(value) = left.pop() {
        for (name, property) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            // The rules about faults repeat keys that are described before.
            let is_rule = value.get("propertyNames").is_some();
            let target = property["$ref"].as_str().and_then(|target| schema.pointer(&target[1..]));
            let described = [Some(property), target].into_iter().flatten().any(|one| one["description"].is_string());
            assert!(described || is_rule, "{name} in {value}");
        }
        left.extend(value.as_array().into_iter().flatten());
        left.extend(value.as_object().into_iter().flat_map(|object| object.values()));
    }
}
