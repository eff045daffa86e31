//! What has arrived has been taken in when something is answered, on whatever connections it came, and without waiting.

use std::net::Shutdown;

use serde_json::json;

use super::support::{Client, GREETING, HEARTBEAT, manual};
use crate::served::Served;

/// How many clients of `/sse` there are, asked on a connection that is used over and over.
fn clients(asker: &mut Client) -> u64 {
    asker.get("/send-heartbeat");
    asker.head();
    let answer: serde_json::Value = serde_json::from_str(&asker.data()).expect("JSON");
    answer["clients"].as_u64().expect("a number")
}

/// One who joins, and reads nothing yet.
fn joins(served: &Served) -> Client {
    let mut client = served.connect();
    client.get("/sse");
    client
}

#[test]
fn who_has_joined_hears_what_is_sent_at_once_on_an_older_connection() {
    let served = manual();
    let mut asker = served.connect();
    for round in 0..200 {
        let mut client = joins(&served);
        assert_eq!(clients(&mut asker), 1, "round {round}");
        client.head();
        assert_eq!([client.data(), client.data()], [GREETING, ":\n\n"]);
        drop(client);
        assert_eq!(clients(&mut asker), 0, "round {round}");
    }
}

#[test]
fn who_has_joined_hears_what_is_sent_by_a_head_too() {
    let served = manual();
    let mut asker = served.connect();
    clients(&mut asker);
    for round in 0..200 {
        let mut client = joins(&served);
        asker.asked_ahead("HEAD", "/send-heartbeat");
        asker.head();
        assert_eq!(clients(&mut asker), 1, "round {round}");
        client.head();
        assert_eq!([client.data(), client.data(), client.data()], [GREETING, ":\n\n", ":\n\n"], "round {round}");
        drop(client);
        assert_eq!(clients(&mut asker), 0, "round {round}");
    }
}

#[test]
fn who_has_left_is_counted_no_more_by_whoever_asks_at_once() {
    let served = manual();
    for round in 0..200 {
        let (gone, half) = (served.listener(), served.listener());
        // On a connection that was answered just now, the next request may be read in one breath with it.
        let mut asker = served.connect();
        assert_eq!(clients(&mut asker), 2);
        drop(gone);
        assert_eq!(clients(&mut asker), 1, "round {round}");
        half.socket.shutdown(Shutdown::Write).expect("a socket");
        assert_eq!(clients(&mut asker), 0, "round {round}");
        let fleeting = joins(&served);
        drop(fleeting);
        assert_eq!(clients(&mut served.connect()), 0, "round {round}");
    }
}

#[test]
fn all_who_have_joined_are_there_when_time_passes() {
    let served = manual();
    let mut driver = served.connect();
    for round in 0..20 {
        let mut crowd: Vec<_> = (0..200).map(|_| joins(&served)).collect();
        let advance = json!({"ms": 30_000});
        let (status, answer) = if round % 2 == 0 {
            driver.control("POST", "/clock/advance", &advance)
        } else {
            served.control("POST", "/clock/advance", &advance)
        };
        assert_eq!((status, &answer["due_count"]), (200, &json!(200)), "round {round}");
        assert!(crowd.iter_mut().all(|client| client.there() == [GREETING, HEARTBEAT]));
        drop(crowd);
        assert_eq!(clients(&mut served.connect()), 0);
    }
}

#[test]
fn what_was_asked_for_before_time_passes_is_done_before() {
    let served = manual();
    let mut listener = served.listener();
    let mut asker = served.connect();
    clients(&mut asker);
    listener.there();
    for round in 0..200 {
        let mut other = served.connect();
        other.get("/nothing");
        asker.get("/send-heartbeat?msg=now");
        served.advance(1000);
        let before = round * 1000;
        let sent = listener.there().concat();
        let second = format!("{:02}:{:02}.000Z", before / 60_000, before / 1000 % 60);
        assert!(sent.contains(&format!("00:{second}\",\"msg\":\"now\"}}\n\n")), "round {round}: {sent}");
        asker.head();
        asker.data();
    }
}

#[test]
fn what_is_asked_for_with_the_last_words_is_answered() {
    let log = "/__onbeat/log";
    for (arguments, control) in [(&[][..], &[][..]), (&["--clock", "manual"], &["/__onbeat/clock", log, "/"])] {
        let served = Served::start(arguments);
        let mut listener = served.listener();
        for target in ["/nothing", "/send-heartbeat", "/broadcast-text"].iter().chain(control) {
            for requests in [1, 2, 20] {
                let mut client = served.connect();
                (0..requests).for_each(|_| client.get(target));
                client.socket.shutdown(Shutdown::Write).expect("a socket");
                for _ in 0..requests {
                    let status = client.head().status;
                    assert_eq!(status, if *target == "/nothing" { 404 } else { 200 }, "{target}");
                    assert!(client.rest().pop().is_some_and(|end| end == "."), "{target}");
                }
                assert_eq!(client.part(), None, "{target}");
            }
        }
        // Each of the 23 of both kinds was heard.
        for _ in 0..23 {
            assert_eq!(listener.data(), ":\n\n");
        }
        for _ in 0..23 {
            assert_eq!(listener.data(), "event: broadcast\n");
            listener.data();
        }
    }
}

#[test]
fn what_waits_behind_a_stream_is_done_at_the_instant_of_its_turn() {
    let served = manual();
    let mut listener = served.listener();
    let mut client = served.stream("/stream-text");
    for n in 0..40 {
        client.get(&format!("/broadcast-text?msg={n}"));
    }
    client.get("/dynamic-counter");
    // Other streams have much to do at the instants after it.
    let _others: Vec<_> = (0..20).map(|_| served.stream("/stream-text")).collect();
    served.advance(10_000);
    let heard = listener.there();
    assert_eq!(heard.len(), 80);
    assert!(heard.iter().skip(1).step_by(2).all(|data| data.contains("00:00:04.800Z")), "{heard:?}");
    let counts: Vec<_> = client.there().into_iter().filter(|write| write.contains("counter")).collect();
    assert!(counts.len() == 5 && counts[0].contains("00:00:05.800Z"), "{counts:?}");
}
