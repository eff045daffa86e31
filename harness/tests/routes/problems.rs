//! The problems of routes files, all at once and each with its line.

use std::path::Path;

use onbeat_routes::{read_route, read_text};
use serde_json::json;

use crate::snapshot::assert_snapshot;

fn problems(text: &str) -> String {
    match read_text("routes.toml", text, Path::new("/nowhere")) {
        Ok(_) => panic!("expected a problem in {text}"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn every_problem_has_its_line_and_what_was_expected() {
    let files = [
        "",
        "onbeat = 2",
        "onbeat = 1\n[[rout]]\npath = \"/a\"",
        "onbeat = 1\n[[route]]\npath = \"/a\nbody = 1",
        "onbeat = 1\n[[route]]\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"a b\"\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/__onbeat/x\"\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nmethod = \"post\"\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"x\"\nresponse = []",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"x\"\nplay = \"y\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"chat.jsonl\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 99\nwait_ms = -1\nretry_after_s = \"soon\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nheaders = { \"a b\" = \"x\", \"content-length\" = \"3\", ok = \"a\\nb\" }\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nmatch = { model = \"x\", \"query.\" = \"y\" }\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = []",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\n  { evnt = \"x\" },\n  { data = 1 },\n  { data = \"{{nwo}}\" },\n  { send = \"x\", data = \"y\" },\n  { id = \"a\\nb\" },\n  { send_b64 = \"?\" },\n  {},\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\n  { open = false },\n  { data = \"never\" },\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\n  { end = \"cut\", data = \"x\" },\n  { end = \"later\" },\n  { wait_ms = 1, times = 3 },\n  { data = \"x\", history = \"all\" },\n  { data = \"x\", times = 0 },\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"nws\" }]\n[channel.news]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"news\", heartbeat_ms = 0, heartbeat = {} }]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nheartbeat = { times = 3 }\nsteps = [{ data = \"x\" }]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nfault = { kind = \"cutt\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nfault = [\n  { kind = \"cut\", from = { byte = -1 } },\n  { kind = \"split\" },\n  { kind = \"cut\", path = \"/b\" },\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\n[[route]]\npath = \"/a\"\nstatus = 500",
        "onbeat = 1\n[channel.\"a b\"]\nhistory = 100001\n[channel.x]\npublish = { pth = \"/x\" }",
        "onbeat = 1\n[[route]]\nmethod = \"*\"\npath = \"/x\"\nstatus = 200\n[channel.x]\npublish = { path = \"/x\" }\n[channel.y]\npublish = { path = \"/x\" }",
        "onbeat = 1\n[scenario.a]\nroutes = 1\n[scenario.b]\n[[scenario.b.route]]\npath = 5",
        "{\"onbeat\": 1}",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ data = { a = 1 } }, { wait = 5 }, { data = \"{{\" }]",
        "onbeat = 1\n[[route]]\npath = \"/users/:id\"\nbody = \"x\"\n[[route]]\npath = \"/users/{id}/feed\"\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nmatch = { \"/a\" = 2025-01-01, \"/b\" = [nan], \"/c\" = 99999999999999999999 }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nheaders = { X-A = \"1\", x-a = \"2\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nfault = { kind = \"cut\", after = { write = 2 } }",
        "onbeat = 1\nwhen = 2025-12-01\n[[route]]\npath = \"/a\"\nafter = \"id\"\nbytes = 3\nstatus = 200",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\npath = \"/b\"",
        "onbeat = 1\n[[route]]\npath = /a\nstatus = = 2\nbody = 'x",
        "onbeat = \"1\"\nroute = 1",
        "onbeat = 1\nroute = [1, \"x\"]",
        "onbeat = 1\n[route]\npath = \"/a\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nresponse = { status = 200 }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"x\"\n[[route.response]]\nstatus = 503\n[[route.response]]\npath = \"/b\"",
        "onbeat = 1\n[[route]]\npath = \"/a#b\"\nmethod = \"GET POST\"\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/ü\"\nmethod = [\"GET\"]\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 204\nbody = \"x\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = inf\nwait_ms = 1.5\nbody = 2025-12-01T00:00:00Z",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 503\nretry_after_s = 1\nheaders = { Retry-After = \"2\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nheaders = { x = 1, y = \"{{sequence}}\", z = \"{{header.}}\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nmatch = { \"query.page\" = [1], \"header.a b\" = \"x\", method = \"GET\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"{{pick \\\"a}} {{now\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"{{random 1}} and {{random 2 1}}\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nbody = \"{{json}}\"\n[[route]]\npath = \"/b\"\nbody = \"{{json name}}\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"\"\nbytes = 0\nevery_ms = \"1s\"\nexchange = -1",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nplay = 5",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = { data = \"x\" }",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\"data\"]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\n  { data = \"x\", times = 1000001 },\n  { data = \"x\", retry = \"1s\" },\n  { send_b64 = \"\" },\n  { open = \"yes\" },\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [\n  { subscribe = [] },\n  { subscribe = [1, \"a b\"] },\n  { subscribe = \"news\", history = \"some\" },\n]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ end = \"complete\" }, { wait_ms = 1 }]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nheartbeat = 15000\nsteps = [{ data = \"x\" }]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nheartbeat = { every_ms = 0, comment = \"a\", send = \"b\" }\nsteps = [{ data = \"x\" }]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nfault = \"cut\"",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nfault = { kind = \"status\", status = 302 }",
        "onbeat = 1\n[[route]]\npath = \"/a/*\"\nstatus = 200\n[[route]]\nmethod = \"HEAD\"\npath = \"/a/b*\"\nstatus = 200",
        "onbeat = 1\n[channel]\nnews = 1\nother = { histroy = 5, publish = \"/news\" }",
        "onbeat = 1\n[channel.news]\nhistory = -1\npublish = { path = \"/news\", method = \"*\", status = 99, data = \"a\", send = \"b\" }",
        "onbeat = 1\n[scenario]\noffline = []\n[scenarios.x]",
        "onbeat = 1\n[[route]]\npath = \"/a\"\nstatus = 200\nheaders = { x = \"{{seq}}\" }\n[channel.\"a.b\"]\npublish = { path = \"/a\", method = \"GET\" }\n[channel.c]\npublish = { path = \"/c\", method = \"post\" }",
    ];
    let told = files.map(|text| format!("{}\n{}\n", text.replace('\n', "\n    ").trim_end(), problems(text)));
    assert_snapshot!("routes-problems", told.map(|told| format!("    {told}")).join("\n"));
}

/// The first lines of a recording.
const START: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/","framing":"chunked"}"#;
const REQUEST: &str = r#"{"t_ms":0,"kind":"request","text":"GET / HTTP/1.1\r\n\r\n"}"#;

#[test]
fn a_wrong_recording_is_told_by_the_routes_file_and_its_own_line() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong-recordings");
    std::fs::create_dir_all(&folder).expect("a folder");
    let head = r#"{"t_ms":5,"kind":"head","status":200,"headers":[]}"#;
    let recordings = [
        String::new(),
        "data: a raw body\n\n".into(),
        r#"{"t_ms":0}"#.into(),
        r#"{"t_ms":"0","kind":"head","status":200,"headers":[]}"#.into(),
        r#"{"t_ms":0,"kind":"heads"}"#.into(),
        r#"{"t_ms":0,"kind":"head","status":99,"headers":[]}"#.into(),
        r#"{"t_ms":0,"kind":"head","status":200,"headers":{}}"#.into(),
        r#"{"t_ms":0,"kind":"head","status":200,"headers":[["a"]]}"#.into(),
        r#"{"t_ms":0,"kind":"head","status":200,"headers":[["a b","c"]]}"#.into(),
        r#"{"t_ms":0,"kind":"write","text":"x"}"#.into(),
        r#"{"kind":"recording","format":2,"onbeat":"9","from":"x","framing":"chunked"}"#.into(),
        format!("{head}\n{}", r#"{"t_ms":4,"kind":"write","text":"x"}"#),
        format!("{head}\n{}", r#"{"t_ms":5,"kind":"write","txt":"x"}"#),
        format!("{head}\n{}", r#"{"t_ms":5,"kind":"write","base64":"%"}"#),
        format!("{head}\n{}", r#"{"t_ms":5,"kind":"write","te"#),
        format!("{head}\n{}", r#"{"t_ms":5,"kind":"end","how":"done"}"#),
        format!("{head}\n{head}"),
        head.into(),
        format!("{START}\n{}", r#"{"t_ms":0,"kind":"request","text":"hello"}"#),
        format!("{START}\n{head}"),
        format!("{START}\n{REQUEST}\n{head}\n{}", r#"{"t_ms":6,"kind":"write","text":"x","first_ms":7}"#),
        format!("{START}\n{REQUEST}\n{head}\n{}", r#"{"t_ms":6,"kind":"write","text":""}"#),
        format!("{START}\n{REQUEST}\n{}", head.replace("[]", r#"[["content-length","5"],["content-length","6"]]"#)),
        format!("{START}\n{REQUEST}\n{}\n{}", head.replace("200", "204"), r#"{"t_ms":6,"kind":"write","text":"x"}"#),
    ];
    let mut text = String::new();
    for recording in recordings {
        std::fs::write(folder.join("chat.jsonl"), &recording).expect("a file");
        let routes = "onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"chat.jsonl\"\n";
        let told = read_text("routes.toml", routes, &folder).expect_err(&recording);
        text += &format!("{}\n{told}\n\n", recording.lines().map(|line| format!("    {line}\n")).collect::<String>());
    }
    assert_snapshot!("routes-recordings", text);
}

#[test]
fn a_route_that_is_added_is_told_by_the_path_of_the_field() {
    let route = json!({"path": "/a", "response": [{"steps": [{"data": "x"}, {"wait_ms": -1}]}]});
    let problems = read_route(route, None).expect_err("a wrong time");
    assert_eq!(
        problems.to_string(),
        "response[0].steps[1].wait_ms: expected a whole number from 0 to 3155760000000, got -1"
    );
    for (play, said) in [
        (
            "../x.sse",
            "play: expected a file in the folder of the routes file or below, as a relative path, got ../x.sse",
        ),
        (
            "/etc/passwd",
            "play: expected a file in the folder of the routes file or below, as a relative path, got /etc/passwd",
        ),
    ] {
        let problems = read_route(json!({"path": "/a", "play": play}), Some(Path::new("."))).expect_err(play);
        assert_eq!(problems.to_string(), said);
    }
    let problems = read_route(json!({"path": "/a", "play": "x.sse"}), None).expect_err("no folder");
    assert_eq!(problems.to_string(), "play: expected no file: the server was started without a routes file");
    for wrong in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(read_route(wrong, None).is_err());
    }
}
