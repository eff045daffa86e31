//! Requests that do not wait for the answer before: executed when they arrive, answered in turn.

use onbeat::account::Note;
use onbeat::transcript::{How, What};

use crate::support::{assert_snapshot, listener, ms, play, play_with_mailboxes, tell, writes};

#[test]
fn a_stream_behind_a_stream_counts_its_time_from_its_own_request() {
    let told = play(async |lab| {
        let mut client = lab.connect();
        client.get("/stream-text").await;
        lab.until(ms(300)).await;
        client.get("/dynamic-counter").await;
        client.get("/send-heartbeat").await;
        client.responses(3).await;
        tell(&[("client", client.close().await)])
    });
    // What fell due in the meantime comes when the first stream has ended, with the times at which it fell due.
    assert!(told.contains(r#" 4800 ms  write  data: {"counter":3,"ts":"2025-12-01T00:00:04.300Z"}"#));
    assert!(told.contains(r#" 5300 ms  write  data: {"counter":4,"ts":"2025-12-01T00:00:05.300Z"}"#));
    assert!(told.contains("31300 ms  end    complete"));
    assert_snapshot!("pipelined-streams", told);
}

#[test]
fn a_broadcast_behind_a_stream_goes_out_at_once() {
    let (transcript, heard) = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut client = lab.connect();
        client.send(b"GET /stream-text HTTP/1.1\r\nHost: onbeat\r\n\r\nGET /broadcast-text?msg=now HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
        lab.settle().await;
        let heard = writes(&alice.close().await.into_transcript());
        client.responses(2).await;
        (client.close().await.into_transcript(), heard)
    });
    assert_eq!(heard[2].1, "data: {\"msg\":\"now\",\"ts\":\"2025-12-01T00:00:00.000Z\"}\n\n");
    let answer = writes(&transcript).pop().expect("an answer");
    assert_eq!(answer, (4800, r#"{"ok":true,"sent":1,"clients":1}"#.into()));
}

#[test]
fn a_client_may_hear_its_own_broadcast() {
    let transcript = play(async |lab| {
        let mut client = listener(lab, "/sse").await;
        for n in 0..40 {
            client.get(&format!("/broadcast-text?msg={n}")).await;
        }
        lab.settle().await;
        client.close().await.into_transcript()
    });
    assert_eq!(transcript.writes().count(), 1 + 2 * 40);
}

#[test]
fn a_burst_behind_a_stream_does_not_run_ahead_of_those_who_read() {
    let (heard, own) = play_with_mailboxes(2, async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut client = listener(lab, "/sse").await;
        let burst = "GET /broadcast-text?msg=x HTTP/1.1\r\nHost: onbeat\r\n\r\n".repeat(40);
        client.send(burst.as_bytes()).await;
        client.half_close().await;
        lab.settle().await;
        (alice.close().await.into_transcript(), client.close().await.into_transcript())
    });
    assert_eq!(heard.writes().count(), 1 + 2 * 40);
    // Who sends no more is let go when the last has been executed.
    assert!(own.entries.iter().any(|entry| entry.what == What::End(How::Cut)));
}

#[test]
fn nothing_is_executed_after_a_request_that_closes_the_connection() {
    let answers = play(async |lab| {
        let mut client = lab.connect();
        for headers in [&[][..], &[("Connection", "close")], &[]] {
            client.request("GET", "/sse-data", headers).await;
        }
        lab.settle().await;
        client.responses(3).await;
        lab.settle().await;
        client.close().await.into_transcript()
    });
    let ends = answers.entries.iter().filter(|entry| entry.what == What::End(How::Complete));
    assert_eq!(ends.map(|entry| entry.at.as_millis()).collect::<Vec<_>>(), [20_000, 20_000]);
}

#[test]
fn what_is_no_http_behind_a_stream_cuts_it_off() {
    let endless = "a".repeat(30_000);
    for garbage in ["garbage\r\n", "GET /sse HTTP/1.1\n\n", "GET /sse HTTP/9.9\r\n\r\n", "\0", &endless] {
        play(async |lab| {
            let mut client = listener(lab, "/sse").await;
            lab.until(ms(10)).await;
            client.send(garbage.as_bytes()).await;
            lab.settle().await;
            assert_eq!(lab.world().hub().clients(), 0, "{garbage:.20?}");
            let (at, last) = client.account().notes.pop().expect("notes");
            assert_eq!((at.as_millis(), last), (10, Note::ServerClosed), "{garbage:.20?}");
        });
    }
}

#[test]
fn half_a_request_behind_a_stream_disturbs_nothing() {
    let transcript = play(async |lab| {
        let mut client = listener(lab, "/dynamic-counter").await;
        client.send(b"\r\nGET /send-heart").await;
        lab.until(ms(20_000)).await;
        client.send(b"beat HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
        client.responses(2).await;
        client.close().await.into_transcript()
    });
    assert_eq!(writes(&transcript).len(), 33);
    assert_eq!(
        transcript.entries.last().map(|entry| (entry.at.as_millis(), entry.what.clone())),
        Some((31_000, What::End(How::Complete)))
    );
}
