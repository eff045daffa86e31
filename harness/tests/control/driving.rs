//! The test decides what a response sends, and when: writes to live connections, cuts, and the wait for clients.

use std::thread;

use serde_json::{Value, json};

use super::support::{Client, GREETING, HEARTBEAT, crowd_and_driver, manual};
use crate::served::Served;

/// Writes to the response on a connection, and returns the answer.
fn write(served: &Served, id: u64, chunk: &Value) -> Value {
    served.did("POST", &format!("/connections/{id}/write"), chunk)
}

/// The status and the wrong field of a write that is refused.
fn refused(served: &Served, id: impl std::fmt::Display, chunk: &Value) -> (u16, String) {
    let (status, answer) = served.control("POST", &format!("/connections/{id}/write"), chunk);
    assert!(answer["error"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
    (status, answer["error"]["field"].as_str().unwrap_or_default().to_owned())
}

/// The kinds of the lines of a log, with the texts of pushes and writes.
fn kinds(log: &str) -> Vec<String> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .map(|line| format!("{} {}", line["kind"].as_str().unwrap_or("?"), line["text"].as_str().unwrap_or("")))
        .collect()
}

#[test]
fn what_is_written_is_one_chunk_and_on_the_socket_when_the_answer_comes() {
    let served = manual();
    let (mut client, mut other) = (served.listener(), served.listener());
    for (chunk, text) in [
        (json!({"data": "{\"delta\":\"Hel\"}"}), "data: {\"delta\":\"Hel\"}\n\n"),
        (
            json!({"event": "e", "id": "7", "retry": 100, "comment": "c", "data": "a\nb"}),
            ": c\nevent: e\nid: 7\nretry: 100\ndata: a\ndata: b\n\n",
        ),
        (json!({"comment": ""}), ":\n\n"),
        (json!({"text": "data: half an ev"}), "data: half an ev"),
        (json!({"text": "ent\r\n\r\n", "request": 0}), "ent\r\n\r\n"),
        (json!({"base64": "5L2g"}), "你"),
    ] {
        let answer = write(&served, 0, &chunk);
        assert_eq!(answer, json!({"id": 0, "request": 0, "bytes": text.len(), "written": true}), "{chunk}");
        assert_eq!(client.there(), [text]);
    }
    assert_eq!(served.did("GET", "/clock", &Value::Null)["now_ms"], 0);
    assert_eq!(other.there(), [""; 0]);
    // The stream goes on as ever.
    served.advance(30_000);
    assert_eq!(client.there(), [HEARTBEAT]);
}

#[test]
fn a_chunk_of_a_hundred_thousand_bytes_stays_one_chunk() {
    let served = manual();
    let mut client = served.listener();
    let text = format!("data: {}\n\n", "x".repeat(100_000));
    let reading = {
        let served_write = json!({"text": text});
        thread::scope(|scope| {
            let answer = scope.spawn(|| write(&served, 0, &served_write));
            let data = client.data();
            assert_eq!(answer.join().expect("it is answered")["written"], true);
            data
        })
    };
    assert_eq!(reading, text);
}

#[test]
fn writes_come_in_the_order_of_their_requests_however_many_come_at_once() {
    let served = manual();
    let mut clients: Vec<_> = (0..8).map(|_| served.listener()).collect();
    thread::scope(|scope| {
        for id in 0..8 {
            let served = &served;
            scope.spawn(move || {
                for number in 0..50 {
                    write(served, id, &json!({"text": format!("{number} ")}));
                    write(served, (id + 1) % 8, &json!({"text": "other "}));
                }
            });
        }
    });
    let own: Vec<_> = (0..50).map(|number| format!("{number} ")).collect();
    for client in &mut clients {
        let (others, mine): (Vec<_>, Vec<_>) = client.there().into_iter().partition(|text| text == "other ");
        assert_eq!((mine, others.len()), (own.clone(), 50));
    }
    // The log has each push before its write, and no other in between.
    let log = kinds(&served.log());
    let pushes = log.iter().enumerate().filter(|(_, line)| line.starts_with("push "));
    assert_eq!(pushes.clone().count(), 800);
    for (place, push) in pushes {
        assert_eq!(log[place + 1], push.replace("push", "write"));
    }
}

#[test]
fn faults_strike_what_is_written() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "split", "bytes": 4}));
    served.fault(&json!({"connection": 0, "kind": "line-ends", "ends": "crlf"}));
    write(&served, 0, &json!({"data": "ab"}));
    // Each piece has been sent before the next, and the second fault has made two bytes of each line end.
    assert_eq!(client.there(), ["data", ": ab", "\r\n\r\n"]);
    served.did("DELETE", "/faults", &Value::Null);
    write(&served, 0, &json!({"data": "ab"}));
    assert_eq!(client.there(), ["data: ab\n\n"]);
}

#[test]
fn a_fault_that_holds_writes_back_holds_these_back_and_is_told() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "coalesce", "writes": 3}));
    assert_eq!(write(&served, 0, &json!({"text": "1"}))["written"], false);
    assert_eq!(write(&served, 0, &json!({"text": "2"}))["written"], false);
    assert_eq!(client.there(), [""; 0]);
    assert_eq!(write(&served, 0, &json!({"text": "3"}))["written"], true);
    assert_eq!(client.there(), ["123"]);
    served.did("DELETE", "/faults", &Value::Null);
    served.fault(&json!({"connection": 0, "kind": "stall"}));
    assert_eq!(write(&served, 0, &json!({"text": "4"}))["written"], false);
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"][0]["state"], "stalled");
    served.advance(30_000);
    assert_eq!(client.there(), [""; 0]);
    // As with any write, what a stall has met is lost, and the rest comes.
    served.did("DELETE", "/faults", &Value::Null);
    write(&served, 0, &json!({"text": "5"}));
    assert_eq!(client.there(), ["5"]);
}

#[test]
fn a_fault_can_cut_a_response_in_the_middle_of_what_is_written() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "cut", "from": {"byte": GREETING.len() + 9}}));
    assert_eq!(write(&served, 0, &json!({"data": "{\"a\":1}"}))["written"], true);
    assert_eq!(client.rest(), ["data: {\"a"]);
    assert!(!client.reset && served.did("GET", "/connections", &Value::Null)["connections"] == json!([]));
    let mut client = served.listener();
    served.fault(&json!({"connection": 1, "kind": "reset", "from": {"write": 1}}));
    assert_eq!(refused(&served, 1, &json!({"data": ""})).0, 404);
    assert_eq!(client.rest(), [""; 0]);
    assert!(client.reset);
}

#[test]
fn a_write_that_cannot_be_made_is_refused_and_changes_nothing() {
    let served = manual();
    let mut client = served.listener();
    for (id, chunk, status, field) in [
        ("0", json!({}), 400, "body"),
        ("0", json!({"dta": "x"}), 400, "dta"),
        ("0", json!({"data": 1}), 400, "data"),
        ("0", json!({"text": ""}), 400, "text"),
        ("0", json!({"base64": "?"}), 400, "base64"),
        ("0", json!({"text": "a", "base64": "YQ=="}), 400, "text"),
        ("0", json!({"event": "a\nb"}), 400, "event"),
        ("0", json!({"text": "a", "request": -1}), 400, "request"),
        ("0", json!({"text": "a", "request": 1}), 409, "request"),
        ("1", json!({"text": "a"}), 404, "id"),
        ("x", json!({"text": "a"}), 404, "id"),
    ] {
        assert_eq!(refused(&served, id, &chunk), (status, field.to_owned()), "{id} {chunk}");
    }
    let long = json!({"text": "x".repeat(1024 * 1024)});
    assert_eq!(refused(&served, 0, &long), (413, "body".to_owned()));
    assert_eq!(client.there(), [""; 0]);
    assert!(!served.log().contains("push"));
}

#[test]
fn a_response_that_is_over_takes_no_writes_and_the_next_on_its_connection_is_another() {
    let served = manual();
    let mut client = served.stream("/dynamic-counter");
    served.advance(31_000);
    assert_eq!(client.rest().last().map(String::as_str), Some("."));
    let text = json!({"text": "a"});
    assert_eq!(refused(&served, 0, &text), (409, "connection".to_owned()));
    client.get("/sse");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.data(), GREETING);
    assert_eq!(refused(&served, 0, &json!({"text": "a", "request": 0})), (409, "request".to_owned()));
    let (status, answer) = served.control("POST", "/connections/0/close", &json!({"how": "cut", "request": 0}));
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("request")));
    assert_eq!(write(&served, 0, &json!({"text": "a", "request": 1}))["request"], 1);
    assert_eq!(client.there(), ["a"]);
    served.did("POST", "/connections/0/close", &json!({"how": "half"}));
    assert_eq!(refused(&served, 0, &text), (409, "connection".to_owned()));
}

#[test]
fn a_cut_comes_behind_all_that_was_written_and_closes_the_connection() {
    let served = manual();
    let mut client = served.listener();
    write(&served, 0, &json!({"text": "data: a"}));
    let answer = served.did("POST", "/connections/0/close", &json!({"how": "cut"}));
    assert_eq!(answer, json!({"id": 0, "how": "cut"}));
    // Unlike a half-close it does not wait for the client.
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"], json!([]));
    assert_eq!(client.rest(), ["data: a"]);
    assert!(!client.reset);
    let log = served.log();
    assert!(log.ends_with("\"how\":\"cut\"}\n"), "{log}");
}

#[test]
fn a_write_is_made_between_two_advances_and_in_the_middle_of_none() {
    let served = manual();
    let (_crowd, mut driver) = crowd_and_driver(&served, 7_200_000);
    write(&served, 0, &json!({"text": "a"}));
    assert_eq!(driver.head().status, 200);
    let log = served.log();
    let line = log.lines().find(|line| line.contains("\"kind\":\"push\"")).expect("a line");
    assert!(line.starts_with("{\"t_ms\":7200000,"), "{line}");
}

#[test]
fn a_client_that_does_not_read_gets_all_in_the_end_and_no_more_than_so_much_waits() {
    let served = manual();
    let mut client = served.listener();
    let text = "x".repeat(700_000);
    let (mut written, mut waiting) = (0, 0);
    // The socket takes a few megabytes.
    let refusal = loop {
        let (status, answer) = served.control("POST", "/connections/0/write", &json!({"text": text}));
        match &answer["written"] {
            Value::Bool(true) => written += 1,
            Value::Bool(false) => waiting += 1,
            _ => break (status, answer),
        }
        assert!(written + waiting < 1000, "the socket takes everything");
    };
    assert_eq!((refusal.0, &refusal.1["error"]["field"]), (429, &json!("connection")), "{}", refusal.1);
    assert!(
        refusal.1["error"]["reason"].as_str().is_some_and(|reason| reason.contains("256 writes and 2097152 bytes"))
    );
    // The first may be on its way; then three more bring it beyond two megabytes.
    assert!((3..=5).contains(&waiting), "{waiting}");
    let mut length = 0;
    while length < (written + waiting) * text.len() {
        length += client.data().len();
    }
    assert_eq!(length, (written + waiting) * text.len());
    // What was held up is let go, and the stream is as before.
    while served.did("GET", "/connections", &Value::Null)["connections"][0]["state"] != "streaming" {}
    assert_eq!(write(&served, 0, &json!({"text": "y"}))["written"], true);
    assert_eq!(client.there(), ["y"]);
}

#[test]
fn what_clocks_that_run_by_themselves_write_is_mixed_with_what_the_test_writes() {
    for clock in ["real", "scaled:1000"] {
        let served = Served::start(&["--clock", clock, "--control"]);
        let mut client = served.listener();
        for number in 0..100 {
            assert_eq!(write(&served, 0, &json!({"text": number.to_string()}))["written"], true);
        }
        served.did("POST", "/connections/0/close", &json!({"how": "end"}));
        let mut rest = client.rest();
        assert_eq!(rest.pop().as_deref(), Some("."));
        rest.retain(|text| text != HEARTBEAT);
        assert!(rest.into_iter().eq((0..100).map(|number| number.to_string())), "{clock}");
    }
}

/// Asks to wait for clients; the answer is read later.
fn waiting(served: &Served, form: &Value) -> Client {
    let mut client = served.connect();
    client.expect("POST");
    let body = form.to_string();
    let head = "POST /__onbeat/connections/wait HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    client.send(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    client
}

/// The status and the body of an answer that was waited for.
fn answer(client: &mut Client) -> (u16, Value) {
    let status = client.head().status;
    (status, serde_json::from_str(&client.data()).expect("JSON"))
}

fn ids(answer: &Value) -> Vec<u64> {
    let connections = answer["connections"].as_array().expect("a list");
    connections.iter().map(|one| one["id"].as_u64().expect("an id")).collect()
}

#[test]
fn a_wait_ends_when_enough_clients_are_there_the_oldest_first() {
    let served = manual();
    let mut idle = served.connect();
    assert_eq!(idle.asked("GET", "/send-heartbeat", &[], "").0.status, 200);
    let mut two = waiting(&served, &json!({"path": "/SSE/", "method": "GET", "at_least": 2, "timeout_ms": 600_000}));
    let _one = served.listener();
    let _another = served.stream("/sse-data");
    // The oldest connection carries the newest request.
    idle.get("/sse");
    assert_eq!(idle.head().status, 200);
    let (status, found) = answer(&mut two);
    assert_eq!((status, ids(&found)), (200, vec![1, 0]), "{found}");
    assert_eq!(found["connections"][1]["request"], 1);
    // Those that are there already are not waited for.
    let (status, found) = answer(&mut waiting(&served, &json!({"path": "/sse-data", "timeout_ms": 0})));
    assert_eq!((status, ids(&found)), (200, vec![2]));
}

#[test]
fn a_wait_in_vain_tells_what_is_under_way() {
    let served = manual();
    let ask = |form: Value| served.control("POST", "/connections/wait", &form);
    let reason = |answer: &Value| answer["error"]["reason"].as_str().expect("a reason").to_owned();
    let (status, answer) = ask(json!({"path": "/chat", "timeout_ms": 0}));
    assert_eq!(status, 409);
    assert_eq!(reason(&answer), "expected 1 under way to /chat within 0 ms, got 0; no response is under way");
    let _clients: Vec<_> = (0..12).map(|_| served.listener()).collect();
    let (_, answer) = ask(json!({"path": "/sse", "method": "POST", "at_least": 1, "timeout_ms": 20}));
    let told = reason(&answer);
    assert!(
        told.starts_with(
            "expected 1 under way to POST /sse within 20 ms, got 0; under way: GET /sse on connection 0, "
        ),
        "{told}"
    );
    assert!(told.ends_with("GET /sse on connection 9, and 2 more"), "{told}");
    let (_, answer) = ask(json!({"path": "/sse", "at_least": 13, "timeout_ms": 0}));
    assert!(reason(&answer).starts_with("expected 13 under way to /sse within 0 ms, got 12; "));
    for (form, field) in [
        (json!({}), "path"),
        (json!({"path": "sse"}), "path"),
        (json!({"path": "/sse?x"}), "path"),
        (json!({"path": "/sse", "method": "a b"}), "method"),
        (json!({"path": "/sse", "at_least": 0}), "at_least"),
        (json!({"path": "/sse", "timeout_ms": 600_001}), "timeout_ms"),
        (json!({"path": "/sse", "n": 1}), "n"),
    ] {
        let (status, answer) = ask(form.clone());
        assert_eq!((status, &answer["error"]["field"]), (400, &json!(field)), "{form}");
    }
}

#[test]
fn nothing_waits_for_a_wait() {
    let served = manual();
    let patient = json!({"path": "/sse-data", "timeout_ms": 600_000});
    let mut waits: Vec<_> = (0..3).map(|_| waiting(&served, &patient)).collect();
    let mut client = served.listener();
    served.advance(30_000);
    assert_eq!(client.there(), [HEARTBEAT]);
    write(&served, 0, &json!({"text": "a"}));
    drop(waits.pop());
    // A reset ends a wait, and so does the end of the server.
    served.did("POST", "/reset", &json!({}));
    for wait in &mut waits {
        let (status, answer) = answer(wait);
        assert_eq!((status, &answer["error"]["field"]), (409, &json!("clients")), "{answer}");
    }
    let mut wait = waiting(&served, &patient);
    // Both have been taken in when this is answered.
    served.did("GET", "/clock", &Value::Null);
    served.signal_end();
    let (status, answer) = answer(&mut wait);
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("server")), "{answer}");
    assert_eq!(served.exit_code(), Some(0));
}

/// Adds a route.
fn route(served: &Served, route: &Value) {
    served.did("POST", "/routes", route);
}

/// A client that has sent a `POST` with this body.
fn post(served: &Served, path: &str, body: &str) -> Client {
    let mut client = served.connect();
    client.expect("POST");
    client.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    client
}

#[test]
fn a_chat_of_a_route_is_typed_and_cut_by_the_test() {
    let served = manual();
    let path = "/v1/chat/completions";
    route(&served, &json!({"method": "POST", "path": path, "steps": [{"event": "start"}, {"open": true}]}));
    let mut client = post(&served, path, "{\"stream\":true}");
    let found = served.did("POST", "/connections/wait", &json!({"path": path, "method": "POST"}));
    assert_eq!(ids(&found), [0]);
    write(&served, 0, &json!({"data": "{\"delta\":\"Hel\"}"}));
    served.did("POST", "/connections/0/close", &json!({"how": "cut"}));
    assert_eq!(client.head().status, 200);
    assert_eq!(client.rest(), ["event: start\n\n", "data: {\"delta\":\"Hel\"}\n\n"]);
}

#[test]
fn the_faults_of_a_route_strike_what_is_written_as_they_strike_its_steps() {
    let served = manual();
    let steps = json!([{"send": "abcd"}, {"open": true}]);
    let fault = json!([{"kind": "split", "bytes": 3}, {"kind": "cut", "from": {"byte": 10}}]);
    route(&served, &json!({"path": "/a", "steps": steps, "fault": fault}));
    let mut client = served.stream("/a");
    assert_eq!([client.data(), client.data()], ["abc", "d"]);
    assert_eq!(write(&served, 0, &json!({"text": "efgh"}))["written"], true);
    assert_eq!(client.there(), ["efg", "h"]);
    write(&served, 0, &json!({"text": "ijkl"}));
    assert_eq!(client.rest(), ["ij"]);
}

#[test]
fn what_is_written_before_a_head_that_is_due_later_follows_that_head() {
    let served = manual();
    route(&served, &json!({"path": "/late", "wait_ms": 500, "steps": [{"data": "step"}, {"open": true}]}));
    let mut client = served.connect();
    client.get("/late");
    assert_eq!(ids(&served.did("POST", "/connections/wait", &json!({"path": "/late"}))), [0]);
    assert_eq!(write(&served, 0, &json!({"data": "pushed"}))["written"], false);
    served.advance(499);
    assert_eq!(client.there(), [""; 0]);
    served.advance(1);
    // By their times: what was written at 0 ms, and what is due at 500 ms.
    assert_eq!(client.there(), ["data: pushed\n\n", "data: step\n\n"]);
    write(&served, 0, &json!({"data": "more"}));
    assert_eq!(client.there(), ["data: more\n\n"]);
}

#[test]
fn what_is_written_in_the_instant_of_a_step_follows_the_step() {
    let served = manual();
    let steps = json!([{"data": "{{seq}}", "times": 4, "every_ms": 1000}]);
    route(&served, &json!({"path": "/ticks", "steps": steps, "heartbeat": {"every_ms": 1500}}));
    let mut client = served.stream("/ticks");
    for _ in 0..3 {
        write(&served, 0, &json!({"text": "x"}));
        served.advance(1000);
    }
    let expected = ["data: 1\n\n", "x", "data: 2\n\n", "x", ":\n\n", "data: 3\n\n", "x", "data: 4\n\n", "."];
    assert_eq!(client.rest(), expected);
    assert_eq!(refused(&served, 0, &json!({"text": "x"})), (409, "connection".to_owned()));
}

#[test]
fn what_is_written_puts_off_the_heartbeats_after_silence() {
    let served = manual();
    let heartbeat = json!({"after_silence_ms": 1000, "data": "{{t_ms}}"});
    route(&served, &json!({"path": "/quiet", "steps": [{"open": true}], "heartbeat": heartbeat}));
    let mut client = served.stream("/quiet");
    for _ in 0..3 {
        served.advance(700);
        write(&served, 0, &json!({"text": "x"}));
    }
    assert_eq!(client.there(), ["x", "x", "x"]);
    let timers = served.did("GET", "/clock", &Value::Null)["timers"].clone();
    assert_eq!(timers["next_ms"], 3100, "{timers}");
    assert_eq!(served.advance(2000)["due_count"], 2);
    assert_eq!(client.there(), ["data: 3100\n\n", "data: 4100\n\n"]);
}

#[test]
fn a_request_counts_when_all_of_it_has_come() {
    let served = manual();
    route(&served, &json!({"method": "POST", "path": "/chat", "steps": [{"open": true}]}));
    let mut client = served.connect();
    client.expect("POST");
    client.send(b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    let form = |timeout_ms: u64| json!({"path": "/chat", "timeout_ms": timeout_ms});
    assert_eq!(served.control("POST", "/connections/wait", &form(20)).0, 409);
    let mut wait = waiting(&served, &form(600_000));
    client.send(b"cd");
    assert_eq!(answer(&mut wait).0, 200);
    write(&served, 0, &json!({"text": "x"}));
    assert_eq!(client.head().status, 200);
    assert_eq!(client.there(), ["x"]);
}
