//! The wait for clients: when it ends, and what it tells if it is in vain.

use serde_json::{Value, json};

use super::{add_route, ids, write};
use crate::served::Served;
use crate::support::{Client, HEARTBEAT, manual};

/// Asks to wait for clients; the answer is read later.
fn waiting(served: &Served, form: &Value) -> Client {
    let mut client = served.connect();
    client.control_ahead("/connections/wait", form);
    client
}

/// The status and the body of an answer that was waited for.
fn answer(client: &mut Client) -> (u16, Value) {
    let status = client.head().status;
    (status, serde_json::from_str(&client.data()).expect("JSON"))
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
        (json!({"path": "/sse#x"}), "path"),
        (json!({"path": "/s*"}), "path"),
        (json!({"path": "/sse", "method": "a b"}), "method"),
        (json!({"path": "/sse", "method": "get"}), "method"),
        (json!({"path": "/sse", "method": "*"}), "method"),
        (json!({"path": "/sse", "at_least": 0}), "at_least"),
        (json!({"path": "/sse", "timeout_ms": 600_001}), "timeout_ms"),
        (json!({"path": "/sse", "n": 1}), "n"),
    ] {
        let (status, answer) = ask(form.clone());
        assert_eq!((status, &answer["error"]["field"]), (400, &json!(field)), "{form}");
    }
}

#[test]
fn a_wait_in_vain_tells_how_the_request_was_answered() {
    let served = manual();
    add_route(&served, &json!({"method": "POST", "path": "/chat", "steps": [{"data": "x"}, {"end": "cut"}]}));
    served.advance(5);
    let reason = |form: Value| {
        let (status, answer) = served.control("POST", "/connections/wait", &form);
        assert_eq!(status, 409, "{answer}");
        answer["error"]["reason"].as_str().expect("a reason").to_owned()
    };
    let mut client = served.connect();
    client.get("/chat?token=abc");
    assert_eq!(client.head().status, 404);
    client.data();
    assert_eq!(
        reason(json!({"path": "/chat", "timeout_ms": 0})),
        "expected 1 under way to /chat within 0 ms, got 0; no response is under way; the last such request, \
         GET /chat?token=xxx at 5 ms, was answered with 404 (not found), and was complete at 5 ms"
    );
    client.expect("POST");
    client.send(b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.head().status, 200);
    client.rest();
    let told = reason(json!({"path": "/chat", "timeout_ms": 0}));
    assert!(
        told.ends_with("POST /chat at 5 ms, was answered with 200, and was cut off by the server at 5 ms"),
        "{told}"
    );
    let told = reason(json!({"path": "/chat", "method": "GET", "timeout_ms": 0}));
    assert!(told.contains("GET /chat?token=xxx at 5 ms, was answered with 404"), "{told}");
    // The first error status has its text told.
    add_route(&served, &json!({"path": "/bad", "status": 400, "body": "no model"}));
    assert_eq!(served.ask("/bad"), "no model");
    let told = reason(json!({"path": "/bad", "timeout_ms": 0}));
    assert!(told.contains("was answered with 400 (no model)"), "{told}");
}

#[test]
fn streams_that_differ_by_their_query_alone_are_told_apart() {
    let served = manual();
    let _rooms = ["/sse?id=a", "/sse?token=abc&id=b", "/sse", "/sse?"].map(|target| served.stream(target));
    let found = |target: &str| {
        let (status, answer) = served.control("POST", "/connections/wait", &json!({"path": target, "timeout_ms": 0}));
        if status == 200 { ids(&answer) } else { Vec::new() }
    };
    for (target, expected) in [
        ("/sse", vec![0, 1, 2, 3]),
        ("/sse?id=a", vec![0]),
        ("/SSE/?%69d=a", vec![0]),
        ("/sse?id=b&token=abc", vec![1]),
        ("/sse?id=b&token=xxx", vec![]),
        ("/sse?id=b", vec![]),
        ("/sse?id=A", vec![]),
        ("/sse?", vec![2, 3]),
    ] {
        assert_eq!(found(target), expected, "{target}");
    }
    let listed = served.did("GET", "/connections", &Value::Null);
    let queries: Vec<_> = (0..4).map(|id| &listed["connections"][id]["query"]).collect();
    assert_eq!(queries, [&json!("id=a"), &json!("token=xxx&id=b"), &Value::Null, &json!("")]);
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
        let reason =
            "the server was reset during the wait for 1 under way to /sse-data: is an await missing before that call?";
        assert_eq!(answer["error"]["reason"], reason);
    }
    let mut wait = waiting(&served, &patient);
    // Both have been taken in when this is answered.
    served.did("GET", "/clock", &Value::Null);
    served.signal_end();
    let (status, answer) = answer(&mut wait);
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("server")), "{answer}");
    assert_eq!(served.exit_code(), Some(0));
}

#[test]
fn a_reset_ends_a_wait_for_the_subscribers_of_a_channel() {
    let served = manual();
    add_route(&served, &json!({"path": "/feed", "steps": [{"subscribe": "news"}]}));
    let mut wait = served.connect();
    wait.control_ahead("/channels/news/wait", &json!({"timeout_ms": 600_000}));
    // The wait has been taken in when this is answered.
    served.did("GET", "/clock", &Value::Null);
    served.did("POST", "/reset", &json!({}));
    let (status, answer) = answer(&mut wait);
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("clients")), "{answer}");
    let reason = answer["error"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("the server was reset during the wait for 1 subscribed to news"), "{reason}");
}

#[test]
fn a_request_counts_when_all_of_it_has_come() {
    let served = manual();
    add_route(&served, &json!({"method": "POST", "path": "/chat", "steps": [{"open": true}]}));
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
