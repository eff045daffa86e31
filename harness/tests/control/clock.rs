//! A manual clock: what an advance has answered for is on the sockets.

use std::io::Write;
use std::thread;

use serde_json::{Value, json};

use super::support::{HEARTBEAT, crowd_and_driver, manual};
use crate::served::Served;

const WEEK_MS: u64 = 7 * 86_400_000;

#[test]
fn time_stands_still_until_it_is_told() {
    let served = manual();
    let clock = served.did("GET", "/clock", &Value::Null);
    let expected = json!({
        "now_ms": 0, "now": "2025-12-01T00:00:00.000Z", "epoch": "2025-12-01T00:00:00.000Z", "kind": "manual",
        "speed": null, "timers": {"count": 0, "next_ms": null, "pending": []}
    });
    assert_eq!(clock, expected);
    let mut client = served.stream("/dynamic-counter");
    assert_eq!(served.advance(999)["due"], json!([]));
    assert!(client.there().is_empty());
    let pending = json!([{"connection": 0, "request": 0, "path": "/dynamic-counter", "due_ms": 1000}]);
    assert_eq!(served.did("GET", "/clock", &Value::Null)["timers"]["pending"], pending);
    let expected = json!({
        "now_ms": 1000, "now": "2025-12-01T00:00:01.000Z", "advanced_ms": 1, "due_count": 1, "writes": 1, "held_up": 0,
        "due": [{"connection": 0, "request": 0, "path": "/dynamic-counter", "due_ms": 1000, "writes": 1, "held_up": false}],
    });
    assert_eq!(served.advance(1), expected);
    assert_eq!(client.there(), ["data: {\"counter\":0,\"ts\":\"2025-12-01T00:00:01.000Z\"}\n\n"]);
}

#[test]
fn a_manual_clock_starts_at_the_same_time_in_every_run() {
    for (arguments, epoch) in [
        (&["--clock", "manual"][..], "2025-12-01T00:00:00.000Z"),
        (&["--clock", "manual", "--epoch", "2000-02-29T12:00:00Z"], "2000-02-29T12:00:00.000Z"),
    ] {
        let served = Served::start(arguments);
        for _ in 0..2 {
            served.advance(1000);
            let clock = served.did("GET", "/clock", &Value::Null);
            assert_eq!((&clock["epoch"], &clock["now_ms"]), (&json!(epoch), &json!(1000)), "{arguments:?}");
            assert_eq!(served.did("POST", "/reset", &json!({}))["now"], epoch, "{arguments:?}");
        }
    }
    let served = Served::start(&["--clock", "real", "--control"]);
    assert_ne!(served.did("GET", "/clock", &Value::Null)["epoch"], "2025-12-01T00:00:00.000Z");
}

#[test]
fn all_that_was_due_is_there_when_an_advance_answers() {
    let served = manual();
    for _ in 0..20 {
        let mut listeners: Vec<_> = (0..20).map(|_| served.listener()).collect();
        let mut text = served.stream("/stream-text");
        let mut counter = served.stream("/dynamic-counter");
        let answer = served.advance(60_000);
        assert_eq!(answer["writes"], 40 + 81 + 32);
        // Read with waiting: TCP may hold bytes on a socket back until the client has acknowledged others.
        assert!(listeners.iter_mut().all(|listener| listener.next(2) == [HEARTBEAT, HEARTBEAT]));
        assert_eq!(text.next(83)[81..], ["data: {\"done\": true}\n\n", "."]);
        assert_eq!(counter.next(33).len(), 33);
        served.did("POST", "/reset", &json!({}));
    }
}

#[test]
fn broadcasts_at_the_very_instant_of_a_heartbeat_come_after_it() {
    let served = manual();
    let (mut one, mut two) = (served.listener(), served.listener());
    served.advance(30_000);
    let mut late = served.listener();
    assert_eq!(served.ask("/broadcast-text?msg=hi"), r#"{"ok":true,"sent":3,"clients":3}"#);
    // No time passes, but all that is on its way arrives.
    assert_eq!(served.advance(0)["due_count"], 0);
    let event = ["event: broadcast\n", "data: {\"msg\":\"hi\",\"ts\":\"2025-12-01T00:00:30.000Z\"}\n\n"];
    assert_eq!(one.there(), [&[HEARTBEAT], &event[..]].concat());
    assert_eq!(two.there(), [&[HEARTBEAT], &event[..]].concat());
    assert_eq!(late.there(), event);
    assert_eq!(served.advance(29_999)["writes"], 0);
    assert_eq!(served.ask("/send-heartbeat"), r#"{"ok":true,"clients":3,"removed":0}"#);
    assert_eq!(served.advance(1)["writes"], 3);
    assert_eq!(one.there(), [":\n\n", HEARTBEAT]);
    assert_eq!(late.there(), [":\n\n", HEARTBEAT]);
    drop(one);
    served.streams_become(2);
    let due = served.advance(30_000)["due"].clone();
    let due: Vec<_> = due.as_array().expect("a list").iter().map(|due| (&due["connection"], &due["due_ms"])).collect();
    assert_eq!(due, [(&json!(1), &json!(90_000)), (&json!(2), &json!(90_000))]);
}

#[test]
fn to_next_goes_from_timer_to_timer() {
    let served = manual();
    assert_eq!(served.did("POST", "/clock/advance", &json!({"to": "next"}))["now_ms"], 0);
    let (_sse, mut json) = (served.listener(), served.stream("/stream-json"));
    for n in 1..=3 {
        let answer = served.did("POST", "/clock/advance", &json!({"to": "next"}));
        assert_eq!((&answer["now_ms"], &answer["advanced_ms"]), (&json!(1500 * n), &json!(1500)));
        assert_eq!(json.there().len(), 1);
    }
}

#[test]
fn a_time_that_is_none_is_refused_and_changes_nothing() {
    let served = manual();
    let mut client = served.listener();
    for (body, field) in [
        (r#"{"ms":-1}"#, "ms"),
        (r#"{"ms":1.5}"#, "ms"),
        (r#"{"ms":1e20}"#, "ms"),
        (r#"{"ms":100000000000000000000}"#, "ms"),
        (r#"{"ms":604800001}"#, "ms"),
        (r#"{"ms":NaN}"#, "ms"),
        (r#"{"ms":null}"#, "ms"),
        (r#"{"ms":"1"}"#, "ms"),
        (r#"{"ms":true}"#, "ms"),
        (r#"{"to":"end"}"#, "to"),
        (r#"{"ms":1,"to":"next"}"#, "to"),
        (r#"{"ms":1,"x":1}"#, "x"),
        ("{}", "ms"),
        ("", "ms"),
        ("[]", "body"),
    ] {
        let json = [("Content-Type", "application/json")];
        let (head, answer) = served.connect().control_with("POST", "/clock/advance", &json, body);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((head.status, answer["error"]["field"].as_str()), (400, Some(field)), "{body}: {answer}");
    }
    assert_eq!(served.did("GET", "/clock", &Value::Null)["now_ms"], 0);
    assert!(client.there().is_empty());
}

#[test]
fn time_ends_after_a_century() {
    let served = manual();
    let mut driver = served.connect();
    let mut weeks = 0;
    let (status, answer) = loop {
        let (status, answer) = driver.control("POST", "/clock/advance", &json!({"ms": WEEK_MS}));
        if status != 200 {
            break (status, answer);
        }
        weeks += 1;
        assert_eq!(answer["now_ms"], weeks * WEEK_MS);
    };
    assert_eq!((status, weeks, answer["error"]["field"].as_str()), (400, 5217, Some("ms")), "{answer}");
    assert_eq!(served.did("GET", "/clock", &Value::Null)["now_ms"], weeks * WEEK_MS);
}

#[test]
fn concurrent_advances_are_made_one_after_the_other() {
    let served = manual();
    let mut listeners: Vec<_> = (0..10).map(|_| served.listener()).collect();
    let mut times: Vec<u64> = thread::scope(|scope| {
        let advances: Vec<_> = (0..20).map(|_| scope.spawn(|| served.advance(30_000))).collect();
        advances.into_iter().map(|advance| advance.join().expect("an answer")["now_ms"].as_u64().expect("ms")).collect()
    });
    times.sort_unstable();
    assert_eq!(times, (1..=20).map(|n| n * 30_000).collect::<Vec<_>>());
    assert!(listeners.iter_mut().all(|listener| listener.there() == [HEARTBEAT; 20]));
}

#[test]
fn a_reader_that_does_not_read_is_waited_for_a_second_and_no_more() {
    let served = Served::start(&["--clock", "manual", "--mailbox", "100000"]);
    let (mut stuck, mut reader) = (served.listener(), served.listener());
    let (mut asker, text) = (served.connect(), "x".repeat(15_000));
    for _ in 0..800 {
        asker.get(&format!("/send-heartbeat?msg={text}"));
        asker.head();
        asker.data();
        reader.there();
    }
    // An hour has 120 deadlines; each of them must not cost another second.
    let answer = served.advance(3_600_000);
    assert_eq!(answer["held_up"], 1, "{}", answer["due_count"]);
    assert_eq!(reader.there().iter().filter(|write| *write == HEARTBEAT).count(), 120);
    let states = served.did("GET", "/connections", &Value::Null);
    assert_eq!(states["connections"][0]["state"], "blocked");
    // Once it reads, it has missed nothing.
    let mut beats = 0;
    while beats < 120 {
        beats += usize::from(stuck.data() == HEARTBEAT);
    }
    assert_eq!(served.advance(30_000)["held_up"], 0);
    assert_eq!(stuck.there(), [HEARTBEAT]);
}

#[test]
fn an_advance_waits_no_longer_for_a_head_that_has_been_sent() {
    let served = manual();
    served.did("POST", "/routes", &json!({"path": "/late", "wait_ms": 100, "steps": [{"open": true}]}));
    let mut client = served.connect();
    client.get("/late");
    served.did("POST", "/connections/wait", &json!({"path": "/late"}));
    assert_eq!(served.advance(100)["held_up"], 0);
    assert_eq!(client.head().status, 200);
}

#[test]
fn an_advance_at_the_moment_of_a_shutdown_is_answered_or_refused_but_never_hangs() {
    for _ in 0..5 {
        let served = manual();
        let _listeners: Vec<_> = (0..50).map(|_| served.listener()).collect();
        let mut driver = served.connect();
        thread::scope(|scope| {
            let advance = scope.spawn(|| {
                let request = "POST /__onbeat/clock/advance HTTP/1.1\r\nHost: localhost\r\n\
                    Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"ms\":600000000}";
                // The connection may have been closed already.
                let sent = driver.socket.write_all(request.as_bytes());
                sent.ok().and_then(|()| driver.part())
            });
            served.signal_end();
            let answered = advance.join().expect("no hang");
            assert!(answered.is_none_or(|part| format!("{part:?}").contains("status: 200")));
        });
        assert_eq!(served.exit_code(), Some(0));
    }
}

#[test]
fn an_advance_in_the_middle_of_a_shutdown_is_answered() {
    let served = manual();
    let (_crowd, mut driver) = crowd_and_driver(&served, 600_000_000);
    served.signal_end();
    assert_eq!(driver.head().status, 200);
    assert!(driver.data().contains("\"now_ms\":600000000"));
    assert_eq!(served.exit_code(), Some(0));
}

#[test]
fn an_advance_goes_on_when_its_caller_leaves() {
    let served = manual();
    let mut listener = served.listener();
    let mut leaver = served.connect();
    leaver.advance_ahead(60_000);
    drop(leaver);
    assert_eq!(served.advance(30_000)["now_ms"], 90_000);
    assert_eq!(listener.there(), [HEARTBEAT; 3]);
}

#[test]
fn other_clocks_can_be_looked_at_but_not_driven() {
    let served = Served::start(&["--clock", "scaled:1000", "--control"]);
    let clock = served.did("GET", "/clock", &Value::Null);
    assert_eq!((&clock["kind"], &clock["speed"], &clock["timers"]), (&json!("scaled"), &json!(1000), &Value::Null));
    let (status, answer) = served.control("POST", "/clock/advance", &json!({"ms": 1}));
    assert_eq!((status, answer["error"]["field"].as_str()), (409, Some("clock")));
    let real = Served::start(&["--control"]);
    assert_eq!(real.did("GET", "/clock", &Value::Null)["kind"], "real");
}
