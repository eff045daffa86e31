//! Writes to the responses of routes, among the steps and heartbeats of the routes.

use serde_json::{Value, json};

use super::{add_route, ids, refused, write};
use crate::served::Served;
use crate::support::{Client, manual};

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
    add_route(&served, &json!({"method": "POST", "path": path, "steps": [{"event": "start"}, {"open": true}]}));
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
    add_route(&served, &json!({"path": "/a", "steps": steps, "fault": fault}));
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
    add_route(&served, &json!({"path": "/late", "wait_ms": 500, "steps": [{"data": "step"}, {"open": true}]}));
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
fn what_is_written_before_a_whole_answer_is_due_makes_a_stream_of_the_answer() {
    let served = manual();
    add_route(&served, &json!({"path": "/late", "wait_ms": 500, "body": "whole"}));
    let mut client = served.connect();
    for (pushed, expected) in [(false, &["whole", "."][..]), (true, &["pushed", "whole", "."])] {
        client.get("/late");
        served.did("POST", "/connections/wait", &json!({"path": "/late"}));
        if pushed {
            assert_eq!(write(&served, 0, &json!({"text": "pushed"}))["written"], false);
        }
        served.advance(500);
        assert_eq!(client.head().header("content-length"), (!pushed).then_some("5"));
        assert_eq!(client.rest(), expected);
    }
}

#[test]
fn what_is_written_in_the_instant_of_the_last_step_comes_though_the_client_reads_late() {
    let served = manual();
    // More than a socket takes, so that the last step waits for the client.
    let steps = json!([{"send": "x".repeat(100_000), "times": 100}, {"wait_ms": 1000, "send": "last"}]);
    add_route(&served, &json!({"path": "/large", "steps": steps}));
    let mut client = served.stream("/large");
    served.advance(1000);
    assert_eq!(write(&served, 0, &json!({"text": "pushed"}))["written"], false);
    let all = client.rest();
    assert_eq!(all[all.len() - 3..], ["last", "pushed", "."]);
}

#[test]
fn what_is_written_in_the_instant_of_a_step_follows_the_step() {
    let served = manual();
    let steps = json!([{"data": "{{seq}}", "times": 4, "every_ms": 1000}]);
    add_route(&served, &json!({"path": "/ticks", "steps": steps, "heartbeat": {"every_ms": 1500}}));
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
    add_route(&served, &json!({"path": "/quiet", "steps": [{"open": true}], "heartbeat": heartbeat}));
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
