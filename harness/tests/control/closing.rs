//! Connections: who is there, and closing them from the server's side.

use std::io::Write;

use serde_json::{Value, json};

use super::support::{HEARTBEAT, crowd_and_driver, manual};

#[test]
fn connections_tell_who_is_there() {
    let served = manual();
    let mut client = served.connect();
    client.send(b"GET /sse-data/ HTTP/1.1\r\nHost: x\r\nLast-Event-ID: seven\r\n\r\n");
    assert_eq!(client.head().status, 200);
    assert_eq!(client.data(), "retry: 5000\n\n");
    served.advance(5000);
    let mut asker = served.connect();
    asker.get("/send-heartbeat");
    asker.head();
    asker.data();
    let connections = served.did("GET", "/connections", &Value::Null)["connections"].clone();
    let bytes = client.there().iter().map(String::len).sum::<usize>() + 13;
    let expected = json!([
        {"id": 0, "request": 0, "method": "GET", "path": "/sse-data", "query": null, "since_ms": 0, "writes": 8,
            "bytes": bytes, "last_event_id": "seven", "state": "streaming"},
        {"id": 1, "request": 0, "method": "GET", "path": "/send-heartbeat", "query": null, "since_ms": 5000, "writes": 1,
            "bytes": 35, "last_event_id": null, "state": "idle"},
    ]);
    assert_eq!(connections, expected);
    drop(client);
    served.streams_become(0);
}

#[test]
fn a_connection_is_ended_reset_or_half_closed() {
    for (how, end) in [("end", &["."][..]), ("reset", &[]), ("half", &[])] {
        let served = manual();
        let (mut client, mut other) = (served.listener(), served.listener());
        served.advance(30_000);
        let answer = served.did("POST", "/connections/0/close", &json!({"how": how}));
        assert_eq!(answer, json!({"id": 0, "how": how}));
        assert_eq!(client.rest(), [&[HEARTBEAT], end].concat(), "{how}");
        assert_eq!(client.part(), None);
        assert_eq!(client.reset, how == "reset");
        assert_eq!(served.ask("/send-heartbeat"), r#"{"ok":true,"clients":1,"removed":0}"#);
        assert_eq!(served.advance(30_000)["writes"], 1);
        assert_eq!(other.there(), [HEARTBEAT, ":\n\n", HEARTBEAT]);
        let states = served.did("GET", "/connections", &Value::Null)["connections"].clone();
        assert_eq!(states[0]["state"] == "half-closed", how == "half", "{states}");
        drop(client);
        served.streams_become(1);
    }
}

#[test]
fn a_half_closed_connection_can_still_be_reset_or_got_rid_of() {
    for (path, body) in [
        ("/connections/0/close", json!({"how": "reset"})),
        ("/connections/0/close", json!({"how": "end"})),
        ("/reset", json!({})),
    ] {
        let served = manual();
        let mut client = served.listener();
        served.did("POST", "/connections/0/close", &json!({"how": "half"}));
        assert_eq!(client.part(), None);
        served.did("POST", path, &body);
        served.streams_become(0);
        assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"], json!([]), "{path} {body}");
        // The server has no socket any more that could take this.
        let mut is_gone = false;
        for _ in 0..10_000 {
            is_gone = is_gone || client.socket.write_all(b"x").is_err();
        }
        assert!(is_gone, "{path} {body}");
    }
}

#[test]
fn what_waits_behind_a_stream_goes_with_its_connection() {
    for how in ["end", "reset", "half"] {
        let served = manual();
        let mut client = served.stream("/sse-data");
        client.get("/sse");
        client.get("/broadcast-text");
        served.advance(1000);
        assert_eq!(served.ask("/send-heartbeat"), r#"{"ok":true,"clients":0,"removed":0}"#);
        served.did("POST", "/connections/0/close", &json!({"how": how}));
        assert_eq!(served.advance(30_000)["held_up"], 0);
        let log = served.log();
        assert!(!log.contains("/broadcast-text") && !log.contains("\"/sse\""), "{how}: {log}");
        drop(client);
    }
}

#[test]
fn a_connection_is_closed_between_two_advances_and_in_the_middle_of_none() {
    let served = manual();
    let (_crowd, mut driver) = crowd_and_driver(&served, 7_200_000);
    served.fault(&json!({"connection": 0, "kind": "cut", "from": {"write": 1_000_000}}));
    served.did("POST", "/connections/0/close", &json!({"how": "half"}));
    assert_eq!(driver.head().status, 200);
    let log = served.log();
    for kind in ["fault", "close"] {
        let line = log.lines().find(|line| line.contains(&format!("\"kind\":\"{kind}\""))).expect("a line");
        assert!(line.starts_with("{\"t_ms\":7200000,"), "{line}");
    }
}

#[test]
fn what_cannot_be_closed_is_refused() {
    let served = manual();
    let client = served.listener();
    for (id, body, status, field) in [
        ("0", json!({"how": "explode"}), 400, "how"),
        ("0", json!({}), 400, "how"),
        ("0", json!({"how": "end", "now": 1}), 400, "now"),
        ("1", json!({"how": "end"}), 404, "id"),
        ("x", json!({"how": "end"}), 404, "id"),
        ("99999999999999999999", json!({"how": "end"}), 404, "id"),
    ] {
        let (code, answer) = served.control("POST", &format!("/connections/{id}/close"), &body);
        assert_eq!((code, answer["error"]["field"].as_str()), (status, Some(field)), "{id} {body}");
    }
    drop(client);
    served.streams_become(0);
    assert_eq!(served.control("POST", "/connections/0/close", &json!({"how": "end"})).0, 404);
}
