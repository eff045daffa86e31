//! The view of an application: the events that `eventsource-stream` dispatches.

mod library;
mod lines;

use bytes::Bytes;

use self::library::{Library, Stopped, guarded};
use crate::judge::Dispatched;

/// Returns the events of a stream that came in these chunks.
pub(super) fn dispatch<'c>(chunks: impl IntoIterator<Item = &'c Bytes>) -> Dispatched {
    let (mut library, mut dispatched) = (Library::default(), Dispatched::default());
    // Adds a last piece for the end of the stream.
    let pieces = chunks.into_iter().map(Some).chain([None]);
    for piece in pieces {
        let (events, outcome) = guarded(|events| match piece {
            Some(bytes) => library.push(bytes, events),
            None => library.end(events),
        });
        // Counts events before a failure all the same.
        dispatched.events.extend(events);
        match outcome {
            Ok(()) => continue,
            Err(Stopped::ByStream(why)) => dispatched.failed = Some(why),
            Err(Stopped::ByLibrary(why)) => dispatched.gave_up = Some(why),
        }
        break;
    }
    dispatched
}

#[cfg(test)]
mod tests {
    use onbeat_wire::{Decoder, Event};
    use proptest::prelude::*;

    use super::*;

    fn dispatched(chunks: &[&[u8]]) -> Dispatched {
        dispatch(&chunks.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect::<Vec<_>>())
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

    #[test]
    fn a_library_that_panics_is_told_of_and_what_it_dispatched_before_is_kept() {
        let (events, outcome) = guarded(|events| {
            events.push(Event::default());
            panic!("end byte index 1 is not a char boundary");
        });
        assert_eq!(events, [Event::default()]);
        let Err(Stopped::ByLibrary(why)) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("eventsource-stream gave up: it panicked: end byte index 1"), "{why}");
    }

    /// Returns parts of streams, and bytes that break parsers.
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
