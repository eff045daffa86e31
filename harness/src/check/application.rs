//! What an application sees: the events that `eventsource-stream` dispatches, from bytes in memory or through reqwest.

mod library;
mod lines;
mod reader;

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use onbeat_wire::{Event, Instant};
use parking_lot::Mutex;

use self::library::{Library, Stopped, guarded};
use self::reader::Reader;
use crate::judge::Dispatched;
use crate::player::Bounds;

/// A stream being read by the client library.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) dispatched: Dispatched,
    /// Bytes that came and that the client library has not read yet.
    unread_bytes: usize,
    /// Whether the client library reads no more.
    over: bool,
}

impl Reading {
    /// Returns what is known by now: a client library that is still busy has not told everything.
    pub(super) fn outcome(mut self) -> Dispatched {
        let unread = self.unread_bytes;
        if !self.over && unread > 0 {
            let busy = || format!("the client library eventsource-stream is still busy, with {unread} bytes to go");
            self.dispatched.gave_up.get_or_insert_with(busy);
        }
        self.dispatched
    }

    /// Notes what the client library made of a piece of the stream. Returns whether it can read on.
    fn note(&mut self, (events, outcome): (Vec<Event>, Result<(), Stopped>)) -> bool {
        self.dispatched.events.extend(events);
        match outcome {
            Ok(()) => return true,
            Err(Stopped::ByStream(why)) => self.dispatched.failed = Some(why),
            Err(Stopped::ByLibrary(why)) => self.dispatched.gave_up = Some(why),
        }
        false
    }
}

/// Returns the events of a stream that came in these chunks.
pub(super) fn dispatch(chunks: &[(Instant, Bytes)]) -> Dispatched {
    let mut reading = Reading::default();
    let mut library = Library::default();
    if chunks.iter().all(|(_, bytes)| reading.note(guarded(|events| library.push(bytes, events)))) {
        reading.note(guarded(|events| library.end(events)));
    }
    reading.dispatched
}

/// Asks for `url` as an application does, and notes what is dispatched until the stream ends.
pub(super) async fn watch(client: reqwest::Client, url: String, bounds: Bounds, reading: Arc<Mutex<Reading>>) {
    match client.get(url).send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => {
            let reader = Reader::start(Library::default(), &reading, bounds.entries_max);
            read(response.bytes_stream(), bounds, reader, &reading).await;
        }
        Ok(response) => fail(&reading, &format!("the status is {}", response.status())),
        Err(error) => fail(&reading, &error),
    }
}

async fn read<E: Display>(
    chunks: impl Stream<Item = Result<Bytes, E>>,
    bounds: Bounds,
    reader: Reader,
    reading: &Mutex<Reading>,
) {
    let mut chunks = std::pin::pin!(chunks);
    let mut left = bounds.bytes_max;
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(bytes) => {
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    break;
                }
                reader.hand_over(bytes, reading);
            }
            Err(error) => {
                reader.finished().await;
                fail(reading, &error);
                return;
            }
        }
    }
    reader.finished().await;
}

fn fail(reading: &Mutex<Reading>, why: &impl Display) {
    reading.lock().dispatched.failed.get_or_insert(why.to_string());
}

#[cfg(test)]
mod tests {
    use onbeat_wire::Decoder;
    use proptest::prelude::*;

    use super::*;

    fn dispatched(chunks: &[&[u8]]) -> Dispatched {
        let chunks: Vec<_> = chunks.iter().map(|bytes| (Instant::EPOCH, Bytes::copy_from_slice(bytes))).collect();
        dispatch(&chunks)
    }

    /// The data of the events of a stream that comes in these chunks.
    fn data(chunks: &[&[u8]]) -> Vec<String> {
        let dispatched = dispatched(chunks);
        assert_eq!((&dispatched.failed, &dispatched.gave_up), (&None, &None), "{chunks:?}");
        dispatched.events.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn one_byte_order_mark_is_skipped_wherever_a_chunk_ends() {
        let stream = "\u{feff}data: a\n\ndata: b\n\n".as_bytes();
        for cut in 0..=stream.len() {
            assert_eq!(data(&[&stream[..cut], &stream[cut..]]), ["a", "b"], "{cut}");
        }
        assert_eq!(data(&stream.chunks(1).collect::<Vec<_>>()), ["a", "b"]);
    }

    #[test]
    fn a_second_byte_order_mark_is_part_of_the_first_name() {
        let stream = "\u{feff}\u{feff}data: a\n\ndata: b\n\n".as_bytes();
        for cut in 0..=stream.len() {
            assert_eq!(data(&[&stream[..cut], &stream[cut..]]), ["b"], "{cut}");
        }
    }

    #[test]
    fn streams_that_have_no_event_have_none() {
        for stream in ["", "\u{feff}", "\u{feff}\u{feff}", "\n", "\r", "\0", "\u{2028}", ":", "data", "\u{feff}\n"] {
            assert_eq!(data(&[stream.as_bytes()]), [""; 0], "{stream:?}");
            assert_eq!(data(&[b"", stream.as_bytes(), b""]), [""; 0], "{stream:?}");
        }
    }

    #[test]
    fn an_id_that_is_copied_too_often_is_given_up_and_not_held_against_the_server() {
        let stream = format!("id: {}\ndata: a\n\n{}", "7".repeat(1 << 20), "data: b\n\n".repeat(10_000));
        let dispatched = dispatched(&[stream.as_bytes()]);
        assert_eq!(dispatched.failed, None);
        assert!(dispatched.gave_up.expect("too much").contains("copies an id of"));
        assert!((1..100).contains(&dispatched.events.len()), "{}", dispatched.events.len());
    }

    /// What a stream is made of, and what breaks parsers.
    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let known = ["data: ", "data", "event: ", "id: ", "retry: 1", ":", " ", "\u{feff}", "\r", "\n", "\r\n", "\n\n"];
        let odd = ["\0", "\u{2028}", "\u{85}", "你", "x", "\u{10ffff}"];
        let text = prop::sample::select([&known[..], &odd[..]].concat());
        let piece = prop_oneof![
            8 => text.prop_map(|text| text.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..40)
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic_and_events_do_not_depend_on_the_chunks(pieces in pieces(), cut in 0..100_usize) {
            let stream = pieces.concat();
            let whole = dispatched(&[&stream]);
            prop_assert_eq!(&whole.gave_up, &None);
            let cut = cut.min(stream.len());
            let single: Vec<&[u8]> = stream.chunks(1).collect();
            for chunks in [&[&stream[..cut], &stream[cut..]][..], &single[..]] {
                let split = dispatched(chunks);
                prop_assert_eq!((&split.events, &split.failed), (&whole.events, &whole.failed));
            }
        }

        /// Where the stream is UTF-8 and ends its lines with LF, the client library and the standard agree.
        #[test]
        fn the_client_library_dispatches_what_a_conforming_parser_does(pieces in pieces()) {
            let stream = String::from_utf8_lossy(&pieces.concat()).replace('\r', "\n");
            let expected = Decoder::default().push(stream.as_bytes());
            let got = dispatched(&[stream.as_bytes()]);
            prop_assert_eq!(got.events, expected);
        }
    }
}
