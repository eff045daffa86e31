//! The log of a real or scaled clock, played again.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::log::replayed;
use crate::served::Served;

#[test]
fn a_log_of_real_time_is_replayed_too() {
    let served = Served::start(&["--clock", "scaled:1000", "--control", "--seed", "7"]);
    let mut client = served.stream("/sse-data");
    assert_eq!(client.rest().last().map(String::as_str), Some("."));
    let (said, code) = replayed("real", &served.log());
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn requests_of_one_moment_are_logged_in_the_order_of_their_ordinals() {
    let served = Served::start(&["--control"]);
    for _ in 0..10 {
        let clients: Vec<TcpStream> =
            (0..60).map(|_| TcpStream::connect(served.addr).expect("the server listens")).collect();
        for mut client in &clients {
            client.write_all(b"GET /sse-data HTTP/1.1\r\nHost: onbeat\r\n\r\n").expect("a request");
        }
        for mut client in &clients {
            client.read_exact(&mut [0; 12]).expect("an answer");
        }
    }
    let log = served.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let requests = lines.filter(|line| line["kind"] == "request" && line["target"] == "/sse-data");
    let ordinals: Vec<u64> = requests.map(|line| line["connection"].as_u64().expect("a number")).collect();
    assert_eq!(ordinals.len(), 600);
    assert!(ordinals.is_sorted(), "{ordinals:?}");
    assert_eq!(replayed("one-moment", &log).1, Some(0));
}

#[test]
fn an_http_1_0_response_is_replayed_whatever_the_clock_and_wherever_the_log_ends() {
    for clock in ["real", "scaled:100", "manual"] {
        let served = Served::start(&["--control", "--clock", clock]);
        let mut client = TcpStream::connect(served.addr).expect("the server listens");
        client.write_all(b"GET /sse-data HTTP/1.0\r\n\r\n").expect("a request");
        client.read_exact(&mut [0; 12]).expect("an answer");
        if clock == "manual" {
            served.advance(3000);
        } else {
            // Two writes of one instant, with real times.
            let mut seen = Vec::new();
            while !String::from_utf8_lossy(&seen).contains("connected") {
                let mut bytes = [0; 1024];
                let count = client.read(&mut bytes).expect("an event");
                seen.extend_from_slice(&bytes[..count]);
            }
        }
        let log = served.log();
        for (end, _) in log.match_indices('\n') {
            let (said, code) = replayed("http-1-0", &log[..=end]);
            assert_eq!(code, Some(0), "{clock}, {} lines: {said}", log[..=end].lines().count());
        }
    }
}

#[test]
fn how_much_is_seen_by_who_leaves_in_real_time_is_up_to_the_machine() {
    let served = Served::start(&["--clock", "scaled:100", "--control"]);
    for number in 0..20 {
        let mut leaver = served.stream("/stream-text");
        (0..number).for_each(|_| drop(leaver.data()));
    }
    let _stays = served.stream("/stream-text");
    let (said, code) = replayed("left", &served.log());
    assert_eq!(code, Some(0), "{said}");
}
