//! The readiness probe: anybody may ask, and nothing depends on how often that was done.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use super::support::manual;
use crate::served::Served;

const READY: &str = "/__onbeat/ready";

#[test]
fn whether_a_server_is_ready_can_be_asked_with_and_without_control_by_anybody() {
    for arguments in
        [&[][..], &["--clock", "manual"], &["--control", "--control-token", "s3cret"], &["--clock", "scaled:10"]]
    {
        let served = Served::start(arguments);
        for headers in
            [&[][..], &[("Host", "evil.example"), ("Origin", "http://evil.example")], &[("Host", "web:3000")]]
        {
            let (head, body) = served.connect().asked("GET", READY, headers, "");
            assert_eq!((head.status, body.as_str()), (200, "{\"ready\":true}"), "{arguments:?}");
            assert_eq!(head.header("access-control-allow-origin"), Some("*"));
            assert_eq!(head.header("cache-control"), Some("no-store"));
            let (head, body) = served.connect().asked("HEAD", READY, headers, "");
            assert_eq!((head.status, head.header("content-length"), body.as_str()), (200, Some("14"), ""));
        }
        assert_eq!(served.connect().asked("GET", &format!("{READY}?x=1"), &[], "").0.status, 200);
        assert_eq!(served.connect().asked("OPTIONS", READY, &[], "").0.status, 204);
        let (head, _) = served.connect().asked("POST", READY, &[], "");
        assert_eq!((head.status, head.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
        // `curl -0`, and probes that speak no more than that.
        let mut old = served.connect();
        old.send(b"GET /__onbeat/ready HTTP/1.0\r\n\r\n");
        let mut answer = String::new();
        old.socket.read_to_string(&mut answer).expect("text");
        assert!(answer.contains(" 200 ") && answer.ends_with("{\"ready\":true}"), "{answer}");
    }
}

/// The bytes of a scene of two connections, one of which has asked before whether the server is ready; the log, and who is
/// connected.
fn scene(served: &Served, probes: usize) -> (Vec<u8>, Vec<u8>, String, Value) {
    let mut both = served.connect();
    for number in 0..probes {
        let method = ["GET", "HEAD", "OPTIONS", "POST"][number % 4];
        served.connect().asked(method, READY, &[], "");
        both.asked(["GET", "HEAD"][number % 2], READY, &[], "");
    }
    both.raw.clear();
    both.get("/sse-data");
    both.head();
    let mut other = served.stream("/stream-json");
    served.advance(5000);
    (0..probes).for_each(|_| drop(served.connect().asked("GET", READY, &[], "")));
    served.advance(5000);
    both.there();
    other.there();
    (both.raw, other.raw, served.log(), served.did("GET", "/connections", &Value::Null))
}

#[test]
fn a_hundred_probes_change_no_byte_take_no_ordinal_and_are_in_no_log() {
    let scenes = (scene(&manual(), 0), scene(&manual(), 100));
    assert_eq!(scenes.0, scenes.1);
    assert!(scenes.0.0.len() > 500 && !scenes.0.2.contains("ready"));
    let ids: Vec<_> = scenes.1.3["connections"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&json!(0), &json!(1)]);
}

#[test]
fn without_control_a_hundred_probes_change_no_byte_either() {
    let values = |probes| {
        let served = Served::start(&["--clock", "scaled:1000", "--seed", "5", "--epoch", "2025-12-01T00:00:00Z"]);
        let mut client = served.connect();
        for _ in 0..probes {
            served.connect().asked("GET", READY, &[], "");
            client.asked("HEAD", READY, &[], "");
        }
        client.get("/sse-data");
        client.head();
        // The times of a clock that runs are up to the machine; the random values are not.
        let writes = client.rest();
        let values =
            writes.iter().filter_map(|write| write.split_once("\"value\":")).map(|(_, value)| value.to_owned());
        values.collect::<Vec<_>>()
    };
    assert_eq!(values(100), values(0));
    assert!(values(1).len() > 10);
}

#[test]
fn a_name_is_listened_on_at_all_its_addresses() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let served = Served::spawn(command.args(["serve", "--addr", "localhost:0", "--control"]));
    let mut reached = 0;
    for ip in ["127.0.0.1", "::1"] {
        let there = TcpListener::bind((ip, 0)).is_ok();
        let addr = (ip.parse::<std::net::IpAddr>().expect("an address"), served.addr.port()).into();
        let answer = there.then(|| Served::connect_to(addr).asked("GET", "/__onbeat/clock", &[], "").0.status);
        assert_eq!(answer, there.then_some(200), "{ip}");
        reached += usize::from(there);
    }
    assert!(reached > 0);
}
