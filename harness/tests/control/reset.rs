//! A reset: what follows is what follows on a fresh start, byte for byte.

use serde_json::{Value, json};

use super::support::{GREETING, crowd_and_driver, manual};
use crate::served::Served;

/// All bytes that the clients of one scene receive; `disturb` is done in between.
fn scene(served: &Served, disturb: impl Fn(&Served)) -> Vec<Vec<u8>> {
    let mut clients = vec![served.listener(), served.stream("/stream-json")];
    disturb(served);
    served.advance(10_000);
    served.ask("/broadcast-text?msg=a");
    disturb(served);
    clients.push(served.stream("/sse-data"));
    served.advance(25_000);
    disturb(served);
    served.ask("/send-heartbeat?msg=b");
    clients.push(served.stream("/stream-json"));
    served.advance(80_000);
    let read = clients.into_iter().map(|mut client| {
        client.there();
        client.raw
    });
    read.collect()
}

#[test]
fn a_reset_world_is_as_a_fresh_one_to_the_byte() {
    let served = manual();
    let fresh = scene(&served, |_| ());
    assert_eq!(fresh.iter().map(Vec::len).filter(|length| *length > 1000).count(), 3);
    for _ in 0..5 {
        let _left = (served.listener(), served.stream("/sse-data"), served.ask("/broadcast-text"));
        served.fault(&json!({"path": "/stream-json", "kind": "stall"}));
        served.advance(1234);
        let answer = served.did("POST", "/reset", &json!({}));
        assert_eq!(answer, json!({"now_ms": 0, "now": "2025-12-01T00:00:00.000Z", "ended": 2}));
        assert_eq!(served.did("GET", "/connections", &Value::Null), json!({"connections": []}));
        assert_eq!(served.did("GET", "/faults", &Value::Null), json!({"faults": []}));
        assert_eq!(served.log().lines().count(), 1);
        assert_eq!(scene(&served, |_| ()), fresh);
        served.did("POST", "/reset", &Value::Null);
    }
}

#[test]
fn a_reset_without_a_seed_takes_the_seed_of_the_start() {
    let served = manual();
    let fresh = scene(&served, |_| ());
    served.did("POST", "/reset", &json!({"seed": 7}));
    assert_ne!(scene(&served, |_| ()), fresh);
    served.did("POST", "/reset", &json!({}));
    assert_eq!(scene(&served, |_| ()), fresh);
}

#[test]
fn control_changes_no_byte_of_any_stream() {
    let plain = scene(&manual(), |_| ());
    let disturbed = scene(&manual(), |served| {
        served.did("GET", "/clock", &Value::Null);
        served.did("GET", "/connections", &Value::Null);
        served.control("GET", "/nothing", &Value::Null);
        served.advance(0);
        served.log();
        // A connection that never asks for anything.
        drop(served.connect());
    });
    assert_eq!(plain, disturbed);
}

#[test]
fn a_server_without_control_sends_the_same_bytes() {
    let arguments = ["--seed", "42", "--epoch", "2025-12-01T00:00:00Z", "--clock", "scaled:1000"];
    let streams = |served: &Served| {
        ["/sse-data", "/stream-json", "/nothing"].map(|path| {
            let mut client = served.connect();
            client.get(path);
            client.rest();
            client.raw
        })
    };
    let without = streams(&Served::start(&arguments));
    let with = streams(&Served::start(&[&arguments[..], &["--control"]].concat()));
    let timeless = |all: &[Vec<u8>; 3]| {
        all.clone().map(|raw| {
            let text = String::from_utf8(raw).expect("UTF-8");
            text.split("2025-12-01T").map(|part| part.get(13..).unwrap_or(part).to_owned()).collect::<String>()
        })
    };
    assert_eq!(timeless(&without), timeless(&with));
}

#[test]
fn the_streams_end_in_good_order_and_the_carrier_is_answered() {
    let served = manual();
    let mut client = served.listener();
    // A connection that has carried both.
    let mut both = served.connect();
    both.get("/broadcast-text?msg=x");
    both.head();
    both.data();
    assert_eq!(both.control("POST", "/reset", &json!({})).0, 200);
    assert_eq!(client.rest().last().map(String::as_str), Some("."));
    both.get("/stream-json");
    both.head();
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"][0]["id"], 0);
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"][0]["request"], 0);
    drop(both);
    // A reset behind a stream waits for its turn, and may then come before the advance is answered that has brought it.
    let mut both = served.stream("/stream-text");
    both.send(b"POST /__onbeat/reset HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n");
    both.get("/sse");
    served.control("POST", "/clock/advance", &json!({"ms": 4800}));
    assert_eq!(both.rest().len(), 83);
    assert_eq!(both.head().status, 200);
    assert!(both.data().starts_with("{\"now_ms\":0,"));
    assert_eq!(both.head().status, 200);
    assert_eq!(both.data(), GREETING);
}

#[test]
fn a_reset_does_not_wait_for_those_who_do_not_read() {
    let served = Served::start(&["--clock", "manual", "--mailbox", "100000"]);
    let _stuck = served.listener();
    let (mut asker, text) = (served.connect(), "x".repeat(15_000));
    for _ in 0..800 {
        asker.get(&format!("/send-heartbeat?msg={text}"));
        asker.head();
        asker.data();
    }
    assert_eq!(served.did("POST", "/reset", &json!({}))["ended"], 1);
    assert_eq!(served.ask("/send-heartbeat"), r#"{"ok":true,"clients":0,"removed":0}"#);
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_reset_does_not_wait_for_an_advance_which_is_told_that_its_time_has_not_passed() {
    let served = manual();
    let (crowd, mut driver) = crowd_and_driver(&served, 600_000_000);
    // Waits for the end of the advance, and then finds another world.
    let mut waiting = served.connect();
    waiting.control_ahead("/faults", &json!({"path": "/sse", "kind": "stall"}));
    served.did("GET", "/clock", &Value::Null);
    assert_eq!(served.did("POST", "/reset", &json!({}))["ended"], crowd.len());
    assert_eq!(waiting.head().status, 201);
    assert_eq!(served.did("GET", "/faults", &Value::Null)["faults"].as_array().map(Vec::len), Some(1));
    assert_eq!(driver.head().status, 409);
    assert!(driver.data().contains("\"field\":\"clock\",\"reason\":\"was reset"));
    assert_eq!(served.did("GET", "/clock", &Value::Null)["now_ms"], 0);
}

#[test]
fn a_reset_leaves_a_connection_whose_long_answer_was_read_alone() {
    let served = manual();
    let mut reader = served.connect();
    reader.get("/nothing");
    assert_eq!(reader.head().status, 404);
    reader.data();
    reader.log();
    assert_eq!(served.did("POST", "/reset", &json!({}))["ended"], 0);
    assert_eq!(reader.control("GET", "/clock", &Value::Null).0, 200);
}

#[test]
fn a_connection_with_a_long_answer_is_forgotten_once_the_client_has_left() {
    let served = manual();
    let mut reader = served.connect();
    reader.get("/nothing");
    reader.head();
    reader.data();
    reader.log();
    drop(reader);
    served.forgets_all_connections();
}
