//! The ways to leave: each frees the client's place at once, and disturbs nobody.

use onbeat::player::{Action, ClientLog, LogEntry, Player};
use onbeat::world_lab::WorldLab;
use onbeat_wire::recording::LeftHow;
use onbeat_wire::{How, What};
use proptest::prelude::*;

use crate::snapshot::assert_snapshot;
use crate::support::{ask, listener, ms, play, play_with_mailboxes, tell, writes};

pub(crate) const WAYS: [LeftHow; 3] = [LeftHow::Closed, LeftHow::HalfClosed, LeftHow::Reset];

/// Leaves, and lets the server find out.
pub(crate) async fn leave(lab: &WorldLab, mut client: Player, way: LeftHow) -> ClientLog {
    client.act(Action::Leave(way)).await;
    lab.settle().await;
    client.take()
}

#[test]
fn a_client_that_leaves_frees_its_place_at_once_in_each_way() {
    let told = play(async |lab| {
        let stays = listener(lab, "/sse").await;
        let mut logs = Vec::new();
        for (second, (way, name)) in (1..).zip([
            (LeftHow::Closed, "FIN; the hub has 2 clients before, 1 after"),
            (LeftHow::HalfClosed, "half-close; the hub has 2 clients before, 1 after"),
            (LeftHow::Reset, "RST; the hub has 2 clients before, 1 after"),
        ]) {
            let client = listener(lab, "/sse").await;
            lab.until(ms(second * 1000)).await;
            assert_eq!(lab.world().broadcasts().subscribers(), 2, "before {way:?}");
            let log = leave(lab, client, way).await;
            assert_eq!(lab.world().broadcasts().subscribers(), 1, "after {way:?}");
            logs.push((name, log));
        }
        assert_eq!(ask(lab, "/send-heartbeat").await, r#"{"ok":true,"clients":1,"removed":0}"#);
        logs.push(("the one who stays", stays.close().await));
        tell(&logs)
    });
    assert_snapshot!("leaving", told);
}

#[test]
fn a_client_that_leaves_with_a_request_behind_its_stream_frees_its_place_at_once_in_each_way() {
    for way in WAYS {
        play(async |lab| {
            let mut client = listener(lab, "/sse").await;
            client.get("/nothing").await;
            lab.settle().await;
            assert_eq!(lab.world().broadcasts().subscribers(), 1, "before {way:?}");
            leave(lab, client, way).await;
            assert_eq!(lab.world().broadcasts().subscribers(), 0, "after {way:?}");
        });
    }
}

#[test]
fn a_half_close_is_answered_by_closing_without_the_last_chunk() {
    let log = play(async |lab| {
        let client = listener(lab, "/stream-text").await;
        lab.until(ms(100)).await;
        leave(lab, client, LeftHow::HalfClosed).await
    });
    let (_, last) = log.entries.last().expect("entries");
    assert_eq!(*last, LogEntry::ServerClosed);
    assert_eq!(log.into_transcript().entries.last().map(|entry| entry.what.clone()), Some(What::End(How::Cut)));
}

#[test]
fn nothing_is_left_running_after_a_client_of_any_stream_has_left() {
    for target in ["/sse", "/stream-text", "/sse-data", "/dynamic-counter", "/stream-json"] {
        for way in WAYS {
            // The lab waits for the server's tasks; one that went on for a client that left would be overdue.
            play(async |lab| {
                let client = listener(lab, target).await;
                lab.until(ms(3000)).await;
                leave(lab, client, way).await;
            });
        }
    }
}

#[test]
fn a_client_that_leaves_with_streams_behind_its_stream_is_noticed_at_once() {
    // Such a client could crash the reference: it wrote after the end.
    for way in WAYS {
        play(async |lab| {
            let stays = listener(lab, "/sse").await;
            let mut client = lab.connect();
            client.send("GET /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n".repeat(2).as_bytes()).await;
            lab.settle().await;
            client.send(b"GET /stream-text HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
            lab.settle().await;
            assert_eq!(lab.world().broadcasts().subscribers(), 2);
            leave(lab, client, way).await;
            assert_eq!(lab.world().broadcasts().subscribers(), 1, "{way:?}");
            assert_eq!(ask(lab, "/broadcast-text?msg=a").await, r#"{"ok":true,"sent":1,"clients":1}"#);
            lab.until(ms(30_000)).await;
            assert_eq!(writes(&stays.close().await.into_transcript()).len(), 4);
        });
    }
}

#[test]
fn a_client_that_sends_line_ends_without_end_is_answered_all_the_same() {
    play(async |lab| {
        let mut client = listener(lab, "/sse").await;
        for _ in 0..100 {
            client.send("\r\n".repeat(25_000).as_bytes()).await;
            lab.settle().await;
        }
        lab.until(ms(30_000)).await;
        assert_eq!(client.transcript().writes().count(), 2);
        client.close().await;
        lab.settle().await;
        assert_eq!(lab.world().broadcasts().subscribers(), 0);
    });
}

#[test]
fn a_client_that_does_not_read_is_evicted_and_counted_once() {
    let (reader, answers) = play_with_mailboxes(4, async |lab| {
        let reader = listener(lab, "/sse").await;
        let (mut stuck, _never_read) = lab.pipe();
        stuck.send(b"GET /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n").await.expect("the server listens");
        lab.settle().await;
        assert_eq!(lab.world().broadcasts().subscribers(), 2);
        let mut answers = String::new();
        let long = "x".repeat(10_000);
        for n in 1..=40 {
            answers += &format!("{n:2}  {}\n", ask(lab, &format!("/send-heartbeat?msg={long}")).await);
        }
        lab.settle().await;
        assert_eq!(lab.world().broadcasts().subscribers(), 1);
        (reader.close().await.into_transcript(), answers)
    });
    assert_eq!(answers.matches(r#""clients":1,"removed":1"#).count(), 1, "{answers}");
    assert_eq!(answers.matches(r#""removed":0"#).count(), 39, "{answers}");
    assert_eq!(reader.writes().count(), 1 + 2 * 40);
    assert_snapshot!("eviction", answers);
}

#[test]
fn a_shutdown_ends_every_stream_in_good_order() {
    let told = play(async |lab| {
        let sse = listener(lab, "/sse").await;
        let text = listener(lab, "/stream-text").await;
        let idle = lab.connect();
        ask(lab, "/broadcast-text?msg=bye").await;
        lab.until(ms(120)).await;
        lab.shut_down();
        lab.settle().await;
        tell(&[("on /sse", sse.close().await), ("on /stream-text", text.close().await), ("idle", idle.close().await)])
    });
    assert_eq!(told.matches("end    complete").count(), 2);
    assert_eq!(told.matches("120 ms  server closes the connection").count(), 3);
    assert_snapshot!("shutdown", told);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_client_may_leave_at_any_time_in_any_way(
        leavers in prop::collection::vec((0..5_usize, 0..90_000_u64, 0..3_usize), 1..12),
    ) {
        let targets = ["/sse", "/stream-text", "/sse-data", "/dynamic-counter", "/stream-json"];
        play(async |lab| {
            let mut clients = Vec::new();
            for (target, at, way) in &leavers {
                clients.push((*at, WAYS[*way], *target == 0, listener(lab, targets[*target]).await));
            }
            clients.sort_by_key(|(at, ..)| *at);
            let mut there = clients.iter().filter(|(_, _, sse, _)| *sse).count();
            for (at, way, sse, client) in clients {
                lab.until(ms(at)).await;
                assert_eq!(lab.world().broadcasts().subscribers(), there);
                leave(lab, client, way).await;
                there -= usize::from(sse);
                assert_eq!(lab.world().broadcasts().subscribers(), there);
            }
        });
    }
}

#[test]
fn a_request_is_executed_and_answered_though_the_client_sends_no_more() {
    for way in [LeftHow::HalfClosed, LeftHow::Closed] {
        let (log, heard) = play(async |lab| {
            let stays = listener(lab, "/sse").await;
            let mut asker = lab.connect();
            asker.get("/broadcast-text?msg=last").await;
            let log = leave(lab, asker, way).await;
            let heard = writes(&stays.transcript()).iter().filter(|(_, text)| text.contains("last")).count();
            stays.close().await;
            (log, heard)
        });
        assert_eq!(heard, 1, "{way:?}");
        if matches!(way, LeftHow::HalfClosed) {
            let answered = writes(&log.into_transcript());
            assert_eq!(answered, [(0, r#"{"ok":true,"sent":1,"clients":1}"#.to_owned())]);
        }
    }
}

#[test]
fn what_was_asked_behind_a_stream_with_the_last_words_is_not_executed() {
    let heard = play(async |lab| {
        let stays = listener(lab, "/sse").await;
        let mut asker = listener(lab, "/stream-json").await;
        asker.get("/broadcast-text?msg=last").await;
        leave(lab, asker, LeftHow::HalfClosed).await;
        lab.until(ms(80_000)).await;
        let heard = writes(&stays.transcript()).iter().filter(|(_, text)| text.contains("last")).count();
        stays.close().await;
        heard
    });
    assert_eq!(heard, 0);
}

#[test]
fn a_stream_asked_for_with_the_last_words_begins_and_is_closed() {
    let log = play(async |lab| {
        let mut client = lab.connect();
        client.get("/stream-text").await;
        leave(lab, client, LeftHow::HalfClosed).await
    });
    let transcript = log.into_transcript();
    assert_eq!(writes(&transcript).len(), 1);
    assert_eq!(transcript.entries.last().map(|entry| entry.what.clone()), Some(What::End(How::Cut)));
}
