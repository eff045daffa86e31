//! What clients make of the bytes: a real parser from crates.io, and the harness's own decoder beside it.

use std::convert::Infallible;

use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream};
use onbeat::replay::{Stream, replay};
use onbeat_wire::{Decoder, Event, FieldText, Lines};
use proptest::prelude::*;

use crate::support::{ask, listener, ms, named, play, setup};

/// The events that `eventsource-stream` dispatches for chunks of this size.
fn dispatched(bytes: &[u8], chunk: usize) -> Vec<Event> {
    let chunks = stream::iter(bytes.chunks(chunk).map(Ok::<_, Infallible>));
    let mut events = chunks.eventsource();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut dispatched = Vec::new();
    while let std::task::Poll::Ready(Some(event)) = events.poll_next_unpin(&mut context) {
        let event = event.expect("a valid stream");
        dispatched.push(Event { event_type: event.event, data: event.data, last_event_id: event.id });
    }
    dispatched
}

fn body(stream: Stream) -> Vec<u8> {
    let transcript = replay(stream, &setup(), ms(95_000)).expect("in time");
    transcript.writes().flat_map(|(_, bytes)| bytes.to_vec()).collect()
}

#[test]
fn a_real_parser_dispatches_just_the_expected_events() {
    for (stream, types) in [
        (named("sse"), vec![("message", 1)]),
        (named("stream-text"), vec![("message", 82)]),
        (named("sse-data"), vec![("message", 13), ("status", 8)]),
        (named("dynamic-counter"), vec![("message", 32)]),
        (named("stream-json"), vec![("alert", 7), ("message", 43)]),
    ] {
        let body = body(stream);
        let events = dispatched(&body, body.len());
        for (event_type, count) in &types {
            let same = events.iter().filter(|event| event.event_type == *event_type);
            assert_eq!(same.count(), *count, "{stream}: {event_type}");
        }
        assert_eq!(events.len(), types.iter().map(|(_, count)| count).sum::<usize>(), "{stream}");
        assert!(events.iter().all(|event| event.last_event_id.is_empty()), "{stream}");
        assert_eq!(Decoder::default().push(&body), events, "{stream}");
    }
}

#[test]
fn neither_kind_of_heartbeat_dispatches_anything_but_one_with_a_message_does() {
    let transcript = play(async |lab| {
        let client = listener(lab, "/sse").await;
        ask(lab, "/send-heartbeat").await;
        lab.until(ms(30_000)).await;
        ask(lab, "/send-heartbeat?msg=hi").await;
        client.close().await.into_transcript()
    });
    let body: Vec<u8> = transcript.writes().flat_map(|(_, bytes)| bytes.to_vec()).collect();
    let types: Vec<String> = dispatched(&body, 7).into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["message", "heartbeat"]);
}

#[test]
fn sse_data_sets_the_reconnection_time() {
    let mut decoder = Decoder::default();
    decoder.push(&body(named("sse-data")));
    assert_eq!(decoder.reconnection_time_ms(), Some(5000));
}

#[test]
fn a_real_parser_dispatches_the_same_however_the_bytes_are_split() {
    for stream in Stream::all() {
        let body = body(stream);
        let whole = dispatched(&body, body.len());
        for chunk in [1, 2, 3, 7, 64] {
            assert_eq!(dispatched(&body, chunk), whole, "{stream} in pieces of {chunk}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_encoded_is_decoded_again(
        events in prop::collection::vec(("[a-z:é ]{1,8}", any::<String>()), 0..8),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (event_type, data) in &events {
            let line = FieldText::new(event_type).expect("one line");
            bytes.extend(Lines::new().comment(line).event(line).data(data).dispatch());
            expected.push(Event {
                event_type: event_type.clone(),
                data: data.replace("\r\n", "\n").replace('\r', "\n"),
                last_event_id: String::new(),
            });
        }
        prop_assert_eq!(Decoder::default().push(&bytes), expected);
    }
}
