//! Each stream from its head to its end.

use onbeat::replay::{Stream, replay};
use onbeat_wire::{How, Transcript, What};

use crate::snapshot::assert_snapshot;
use crate::support::{listener, ms, named, play, setup, writes};

fn played(stream: Stream) -> Transcript {
    replay(stream, &setup(), ms(95_000)).expect("the stream ends in time")
}

/// The law of every stream: its head at 0 with the contract's four headers, and its end at the instant of its last
/// write. Returns how many writes there are and when it ended.
fn lawful(transcript: &Transcript, how: How) -> (usize, u64) {
    let (first, last) = (&transcript.entries[0], transcript.entries.last().expect("an end"));
    let What::Head(head) = &first.what else { panic!("expected a head first, got {first}") };
    assert_eq!((first.at.as_millis(), head.status), (0, 200));
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("connection", "keep-alive"),
        ("access-control-allow-origin", "*"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(head.header(name), Some(value), "{name}");
    }
    assert_eq!(head.headers.len(), 5, "no other header, and no Date of the machine's: {:?}", head.headers);
    assert_eq!(last.what, What::End(how));
    (transcript.writes().count(), last.at.as_millis())
}

#[test]
fn sse_greets_beats_every_30_s_and_never_ends() {
    let transcript = played(named("sse"));
    assert_eq!(lawful(&transcript, How::Closed), (4, 95_000));
    let times: Vec<u64> = writes(&transcript).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 30_000, 60_000, 90_000]);
    assert_snapshot!("sse", transcript);
}

#[test]
fn stream_text_types_a_character_every_50_ms_and_ends_at_4800() {
    let transcript = played(named("stream-text"));
    assert_eq!(lawful(&transcript, How::Complete), (82, 4800));
    let writes = writes(&transcript);
    for pair in writes.windows(2) {
        let rest = if pair[0].1.contains(r#""char": "\n""#) { 200 } else { 50 };
        assert_eq!(pair[1].0 - pair[0].0, rest, "after {}", pair[0].1);
    }
    assert_eq!(writes.iter().map(|(_, text)| text.len()).sum::<usize>(), 5243);
    assert_snapshot!("stream-text", transcript);
}

#[test]
fn sse_data_retries_after_5000_ms_and_updates_every_second_until_20_000() {
    let transcript = played(named("sse-data"));
    assert_eq!(lawful(&transcript, How::Complete), (30, 20_000));
    let writes = writes(&transcript);
    assert_eq!(writes[0], (0, "retry: 5000\n\n".into()));
    let mut times: Vec<u64> = writes[1..].iter().map(|(at, _)| *at).collect();
    times.dedup();
    assert_eq!(times, (1..=20).map(|second| second * 1000).collect::<Vec<_>>());
    assert_snapshot!("sse-data", transcript);
}

#[test]
fn dynamic_counter_counts_from_1000_to_31_000() {
    let transcript = played(named("dynamic-counter"));
    assert_eq!(lawful(&transcript, How::Complete), (32, 31_000));
    let times: Vec<u64> = writes(&transcript).iter().map(|(at, _)| *at).collect();
    assert_eq!(times, (1..=31).map(|second| second * 1000).chain([31_000]).collect::<Vec<_>>());
    assert_snapshot!("dynamic-counter", transcript);
}

#[test]
fn stream_json_measures_every_1500_ms_until_75_000() {
    let transcript = played(named("stream-json"));
    assert_eq!(lawful(&transcript, How::Complete), (57, 75_000));
    let mut times: Vec<u64> = writes(&transcript).iter().map(|(at, _)| *at).collect();
    times.dedup();
    assert_eq!(times, (1..=50).map(|n| n * 1500).collect::<Vec<_>>());
    assert_snapshot!("stream-json", transcript);
}

#[test]
fn a_connection_can_be_used_again_after_its_stream() {
    let log = play(async |lab| {
        let mut client = lab.connect();
        client.get("/sse-data").await;
        client.responses(1).await;
        client.get("/send-heartbeat").await;
        client.responses(2).await;
        lab.until(ms(20_050)).await;
        client.get("/stream-text").await;
        client.responses(3).await;
        client.close().await
    });
    let transcript = log.into_transcript();
    let writes = writes(&transcript);
    assert_eq!(writes.len(), 30 + 1 + 82);
    assert_eq!(writes[30], (20_000, r#"{"ok":true,"clients":0,"removed":0}"#.into()));
    assert_eq!((writes[31].0, writes[112].0), (20_050, 24_850));
}

#[test]
fn a_stream_counts_its_time_from_its_own_request() {
    let transcript = play(async |lab| {
        lab.until(ms(12_345)).await;
        let client = listener(lab, "/dynamic-counter").await;
        lab.until(ms(14_345)).await;
        client.close().await.into_transcript()
    });
    assert_eq!(
        writes(&transcript),
        [
            (13_345, "data: {\"counter\":0,\"ts\":\"2025-12-01T00:00:13.345Z\"}\n\n".into()),
            (14_345, "data: {\"counter\":1,\"ts\":\"2025-12-01T00:00:14.345Z\"}\n\n".into()),
        ]
    );
}

#[test]
fn an_hour_of_heartbeats_is_on_time_to_the_millisecond() {
    let transcript = replay(named("sse"), &setup(), ms(3_600_000)).expect("in time");
    let writes = writes(&transcript);
    assert_eq!(writes.len(), 121);
    for (n, (at, text)) in (0..).zip(&writes).skip(1) {
        assert_eq!((*at, text.as_str()), (n * 30_000, "heartbeat:\n\n"));
    }
}
