//! The log: played again in a lab, it leads to the same bytes.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::support::manual;
use crate::served::Served;

/// What `onbeat replay --log` says of a log, and its exit code.
pub(crate) fn replayed(name: &str, log: &str) -> (String, Option<i32>) {
    replayed_with(name, log, &[])
}

/// The same, with further arguments.
pub(crate) fn replayed_with(name: &str, log: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let path = std::env::temp_dir().join(format!("onbeat-{}-{name}.jsonl", std::process::id()));
    fs::write(&path, log).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let output = command.args(["replay", "--log"]).arg(&path).args(arguments).output().expect("runs");
    fs::remove_file(&path).expect("it was there");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("UTF-8"), output.status.code())
}

fn eventful(served: &Served) -> String {
    let mut one = served.listener();
    let two = served.stream("/stream-json");
    served.advance(29_999);
    served.fault(&json!({"path": "/sse-data", "kind": "split", "bytes": 7}));
    served.fault(&json!({"path": "/sse-data", "kind": "line-ends", "ends": "crlf", "from": {"write": 3}}));
    served.fault(&json!({"connection": 0, "kind": "invalid-utf8"}));
    let mut three = served.stream("/sse-data");
    served.ask("/broadcast-text?msg=a%0Ab&msg=%E4%BD%A0");
    served.advance(1);
    served.ask("/send-heartbeat?msg=now");
    served.ask("/nothing");
    drop(two);
    served.streams_become(2);
    served.advance(3000);
    served.did("DELETE", "/faults/2", &Value::Null);
    served.advance(30_000);
    let four = served.stream("/stream-text");
    served.did("POST", "/connections/0/write", &json!({"event": "pushed", "data": "a\nb"}));
    served.did("POST", "/connections/0/close", &json!({"how": "end"}));
    served.did("POST", "/connections/6/write", &json!({"base64": "8J+Y"}));
    served.advance(1000);
    served.did("POST", "/connections/6/close", &json!({"how": "reset"}));
    assert!(three.rest().len() > 30);
    three.get("/dynamic-counter");
    served.advance(10_000);
    served.fault(&json!({"connection": 2, "kind": "cut", "from": {"ms": 12_500}}));
    served.advance(10_000);
    drop(four);
    assert_eq!(one.rest().last().map(String::as_str), Some("."));
    served.log()
}

#[test]
fn a_log_is_replayed_to_the_byte() {
    let log = eventful(&manual());
    assert_eq!(log, eventful(&manual()), "the log itself is the same each time");
    let (said, code) = replayed("same", &log);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the same to the byte"), "{said}");
}

#[test]
fn a_request_is_there_when_its_body_is_there() {
    let served = manual();
    served.did("POST", "/routes", &json!({"method": "POST", "path": "/slow", "body": "{{t_ms}}"}));
    let mut client = served.connect();
    client.expect("POST");
    client.send(b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1");
    served.advance(5000);
    client.send(b"2");
    assert_eq!((client.head().status, client.data().as_str()), (200, "5000"));
    let log = served.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let slow = lines.filter(|line| line["kind"] == "request");
    assert_eq!(slow.map(|line| line["t_ms"].clone()).collect::<Vec<_>>(), [5000]);
    let (said, code) = replayed("slow-body", &log);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn whatever_http_can_do_is_replayed_to_the_byte() {
    let served = manual();
    served.fault(&json!({"path": "/sse-data", "kind": "cut", "from": {"ms": 3000}}));
    // Answers that wait behind a stream, come to their turn, and are altered then.
    let mut queue = served.stream("/stream-text");
    queue.get("/send-heartbeat?msg=1");
    queue.asked_ahead("HEAD", "/broadcast-text");
    queue.asked_ahead("OPTIONS", "/sse");
    queue.get("/nothing");
    queue.get("/sse-data");
    // One that waits in vain.
    let mut leaver = served.listener();
    leaver.get("/stream-text");
    leaver.asked_ahead("HEAD", "/sse");
    served.advance(4000);
    drop(leaver);
    served.streams_become(1);
    served.advance(2000);
    assert!(queue.there().len() > 80);
    // Streams without chunks, and connections that close.
    let mut old = served.connect();
    old.expect("GET");
    old.send(b"GET /sse-data HTTP/1.0\r\n\r\n");
    let mut last = served.connect();
    last.expect("GET");
    last.send(b"GET /send-heartbeat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(last.rest().len(), 2);
    served.advance(25_000);
    old.rest();
    // A head that is too large for its credentials, which are not in the log.
    let cookie = "s3cret".repeat(3000);
    let (head, _) = served.connect().asked("GET", "/sse", &[("Cookie", &cookie)], "");
    assert_eq!(head.status, 431);
    let log = served.log();
    assert!(!log.contains("s3cret"));
    let (said, code) = replayed("http", &log);
    assert_eq!(code, Some(0), "{said}\n{log}");
}

#[test]
fn secrets_are_not_in_the_log_which_is_replayed_all_the_same() {
    let served = Served::start(&["--clock", "manual", "--redact", "X-Room", "--redact", "ticket_no"]);
    let redirect = json!({"path": "/moved", "kind": "status", "status": 302, "location": "/sse?jwt=s3cret"});
    served.fault(&redirect);
    let headers = [
        ("Authorization", "Bearer s3cret"),
        ("Cookie", "a=s3cret"),
        ("X-Api-Key", "s3cret"),
        ("x-room", "s3cret"),
        ("Referer", "http://localhost:5173/?access_token=s3cret"),
    ];
    for target in [
        "/broadcast-text?msg=token&token=s3cret",
        "/broadcast-text?TOKEN=s3cret&msg=key%3Dvisible",
        "/send-heartbeat?api_key=s3cret&ticket-no=s3cret&%74oken=s3cret",
        "/sse?code=s3cret",
        "/moved?session_id=s3cret",
        &format!("/nothing?x-room=s3cret&password=s3cret{}", "y".repeat(15_000)),
    ] {
        let mut client = served.connect();
        client.get(target);
        client.head();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut client = served.connect();
        client.expect("GET");
        client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes());
        client.head();
        served.advance(1000);
    }
    let log = served.log();
    assert!(!log.contains("s3cret"), "{log}");
    assert!(log.contains("/broadcast-text?msg=token&token=xxxxxx") && log.contains("visible"), "{log}");
    let (said, code) = replayed("secrets", &log);
    assert_eq!(code, Some(0), "{said}\n{log}");
}

#[test]
fn what_is_too_long_for_a_line_is_cut_and_replayed_all_the_same() {
    let served = manual();
    let long = |length| "M".repeat(length);
    for request in [
        format!("{} /sse HTTP/1.1\r\nHost: x\r\n\r\n", long(23_000)),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", long(20_000)),
        format!("GET /sse?token={} HTTP/1.1\r\nHost: x\r\n\r\n", long(20_000)),
        format!("GET /sse HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", long(20_000)),
        format!("GET /sse HTTP/1.1\r\nHost: x\r\n{}: y\r\n\r\n", long(20_000)),
        format!("OPTIONS /sse HTTP/1.1\r\nHost: x\r\nAccess-Control-Request-Headers: {}\r\n\r\n", long(20_000)),
    ] {
        let mut client = served.connect();
        client.expect("GET");
        client.send(request.as_bytes());
        assert!([404, 431].contains(&client.head().status));
    }
    let log = served.log();
    assert_eq!(log.matches(" bytes left out]").count(), 6);
    assert!(log.lines().all(|line| line.len() < 20_000));
    let (said, code) = replayed("cut", &log);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = replayed("cut-wrongly", &log.replacen("[22936 bytes", "[99999 bytes", 1));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("line 2: expected at most 65536 bytes left out, got 99999"), "{said}");
}

#[test]
fn what_a_test_writes_is_replayed_at_its_time_through_the_same_faults() {
    let served = manual();
    let (mut one, mut two) = (served.listener(), served.stream("/dynamic-counter"));
    let write = |id: u64, chunk: Value| served.control("POST", &format!("/connections/{id}/write"), &chunk).0;
    served.advance(2500);
    assert_eq!(write(1, json!({"event": "delta", "id": "7", "data": "a\nb"})), 200);
    served.advance(500);
    // In the instant of a write of the endpoint, behind it.
    assert_eq!(write(1, json!({"text": "data: c\n\n"})), 200);
    served.fault(&json!({"connection": 0, "kind": "split", "bytes": 3}));
    assert_eq!(write(0, json!({"base64": "8J+YgGFi"})), 200);
    assert_eq!(write(0, json!({"data": "d"})), 200);
    served.fault(&json!({"connection": 0, "kind": "coalesce", "writes": 2, "from": {"write": 0}}));
    assert_eq!(write(0, json!({"data": "e"})), 200);
    served.ask("/broadcast-text?msg=f");
    served.did("DELETE", "/faults", &Value::Null);
    served.advance(27_000);
    served.fault(&json!({"connection": 1, "kind": "stall"}));
    assert_eq!(write(1, json!({"data": "lost"})), 200);
    served.did("POST", "/connections/1/close", &json!({"how": "cut"}));
    assert_eq!(write(1, json!({"data": "too late"})), 404);
    assert_eq!(write(0, json!({"text": "data: half"})), 200);
    served.did("POST", "/connections/0/close", &json!({"how": "cut"}));
    assert!(one.rest().len() > 10 && two.rest().len() > 5);
    let log = served.log();
    assert_eq!(log.matches("\"kind\":\"push\"").count(), 7);
    let (said, code) = replayed("pushes", &log);
    assert_eq!(code, Some(0), "{said}\n{log}");
    assert!(said.contains("the same to the byte"), "{said}");
    // A push that is left out, or comes at another time, is missed.
    let push = log.lines().find(|line| line.contains("\"kind\":\"push\"")).expect("a push");
    assert_eq!(replayed("no-push", &log.replacen(&format!("{push}\n"), "", 1)).1, Some(1));
    let later = push.replace("2500", "2501");
    assert_eq!(replayed("late-push", &log.replacen(push, &later, 1)).1, Some(1));
}

#[test]
fn the_first_difference_is_told() {
    let log = eventful(&manual());
    let other = log.replacen(r#"counter\":3"#, r#"counter\":4"#, 1);
    let (said, code) = replayed("other", &other);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("connection 2, request 1 (GET /dynamic-counter)"), "{said}");
    assert!(said.contains("\"counter\":4") && said.contains("\"counter\":3"), "{said}");
    let other = log.replacen("\"seed\":\"42\"", "\"seed\":\"43\"", 1);
    assert_eq!(replayed("seed", &other).1, Some(1));
}

#[test]
fn how_much_is_seen_at_the_instant_of_leaving_is_up_to_the_machine() {
    let served = manual();
    let mut leaver = served.stream("/sse-data");
    leaver.data();
    served.advance(3000);
    drop(leaver);
    served.streams_become(0);
    let log = served.log();
    let writes: Vec<&str> = log.lines().filter(|line| line.contains("\"kind\":\"write\"")).collect();
    assert!(writes.last().is_some_and(|last| last.starts_with("{\"t_ms\":3000,")), "{writes:?}");
    let without = |left_out: &[&str]| -> String {
        log.lines().filter(|line| !left_out.contains(line)).map(|line| format!("{line}\n")).collect()
    };
    let at_the_end: Vec<&str> = writes.iter().copied().filter(|line| line.starts_with("{\"t_ms\":3000,")).collect();
    for (name, log, expected) in [
        ("all", log.clone(), 0),
        ("one-less", without(&at_the_end[at_the_end.len() - 1..]), 0),
        ("none-then", without(&at_the_end), 0),
        ("one-before", without(&writes[writes.len() - at_the_end.len() - 1..]), 1),
    ] {
        let (said, code) = replayed(name, &log);
        assert_eq!(code, Some(expected), "{name}: {said}");
    }
}

#[test]
fn answers_without_chunks_are_replayed_whatever_ends_them() {
    for (fault, how) in
        [(Some("cut"), None), (Some("reset"), None), (None, Some("reset")), (None, Some("half")), (None, Some("cut"))]
    {
        let served = manual();
        if let Some(kind) = fault {
            served.fault(&json!({"path": "/sse-data", "kind": kind, "from": {"write": 2}}));
        }
        let mut client = served.connect();
        client.expect("GET");
        client.send(b"GET /sse-data HTTP/1.0\r\nHost: x\r\n\r\n");
        assert_eq!(client.head().status, 200);
        served.advance(1500);
        if let Some(how) = how {
            served.did("POST", "/connections/0/close", &json!({"how": how}));
        }
        served.advance(2000);
        let (said, code) = replayed("unchunked", &served.log());
        assert_eq!(code, Some(0), "{fault:?} {how:?}: {said}");
    }
}

#[test]
fn a_broadcast_has_the_time_of_its_request() {
    // Runs fast enough for a millisecond to pass between request and broadcast, and slowly enough for no heartbeat to come: on
    // a busy machine a heartbeat due just behind a request is sent before the broadcast.
    let served = Served::start(&["--clock", "scaled:10", "--control", "--epoch", "2025-12-01T00:00:00Z"]);
    let mut listener = served.listener();
    for _ in 0..30 {
        served.ask("/broadcast-text?msg=x");
        while !listener.data().contains("\"msg\":\"x\"") {}
    }
    let (said, code) = replayed("broadcasts", &served.log());
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_no_log_is_refused() {
    for (name, text) in [
        ("empty", ""),
        ("text", "hello\n"),
        ("headless", "{\"t_ms\":0,\"kind\":\"close\",\"connection\":0,\"how\":\"end\"}\n"),
        (
            "orphan",
            "{\"t_ms\":0,\"kind\":\"log\",\"version\":1,\"seed\":\"1\",\"epoch\":\"2025-12-01T00:00:00Z\",\"clock\":\"manual\",\"mailbox\":1,\"dropped\":0}\n{\"t_ms\":0,\"kind\":\"end\",\"connection\":0,\"request\":0,\"how\":\"cut\"}\n",
        ),
    ] {
        let (said, code) = replayed(name, text);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("failed to read"), "{said}");
    }
}

#[test]
fn a_request_counts_when_it_has_come_whole() {
    let served = manual();
    served.did("POST", "/routes", &json!({"method": "POST", "path": "/slow", "body": "done"}));
    let mut slow = served.connect();
    slow.expect("POST");
    slow.send(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    served.ask("/send-heartbeat");
    slow.send(b"cd");
    assert_eq!(slow.head().status, 200);
    let log = served.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let requests = lines.filter(|line| line["kind"] == "request");
    let counted: Vec<_> = requests.map(|line| (line["connection"].clone(), line["target"].clone())).collect();
    assert_eq!(counted, [(json!(0), json!("/send-heartbeat")), (json!(1), json!("/slow"))], "{log}");
}

#[test]
fn the_trailers_of_a_request_are_no_part_of_its_body() {
    let served = manual();
    served.did("POST", "/routes", &json!({"method": "POST", "path": "/taken", "body": "done"}));
    let mut client = served.connect();
    client.expect("POST");
    client
        .send(b"POST /taken HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n");
    assert_eq!(client.head().status, 200);
    let log = served.log();
    assert!(log.contains(r#""body":{"text":"ab"}"#) && !log.contains("x-sum"), "{log}");
}

#[test]
fn an_answer_without_a_body_is_complete_whatever_a_fault_does_to_bodies() {
    for status in [204, 304] {
        let served = manual();
        served.did("POST", "/routes", &json!({"path": "/empty", "status": status}));
        served.fault(&json!({"path": "/empty", "kind": "stall"}));
        assert_eq!(served.stream_or_refusal("/empty").0, status);
        let log = served.log();
        assert!(log.contains(r#""how":"complete""#) && !log.contains(r#""how":"closed""#), "{log}");
    }
}
