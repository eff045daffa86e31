//! Writes to live connections: each is one chunk, in order, and on the socket when the answer comes.

use std::thread;

use serde_json::{Value, json};

use super::{refused, write};
use crate::served::Served;
use crate::support::{HEARTBEAT, crowd_and_driver, manual};

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
