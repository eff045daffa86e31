//! Raw bodies: an event, a line, or some bytes a write.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use onbeat_server::script::{Action, Cue};
use onbeat_wire::How;

/// The part of a raw body that is a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// An event of an event stream, with the blank line behind it (WHATWG HTML, 9.2.5).
    Event,
    /// A line.
    Line,
    /// So many bytes.
    Bytes(NonZeroUsize),
    /// The whole body.
    All,
}

/// Returns the writes of a body, so far apart, and the end together with the last write.
pub(super) fn cues(body: &Bytes, unit: Unit, every: Duration) -> Vec<Cue> {
    let (mut cues, mut at, mut rest) = (Vec::new(), Duration::ZERO, body.clone());
    while !rest.is_empty() {
        let length = match unit {
            Unit::Event => event_length(&rest),
            Unit::Line => line_length(&rest),
            Unit::Bytes(bytes) => bytes.get().min(rest.len()),
            Unit::All => rest.len(),
        };
        // Writes the first piece at once; the period lies between two pieces.
        if !cues.is_empty() {
            at = at.saturating_add(every);
        }
        cues.push(Cue { at, action: Action::Write(rest.split_to(length)) });
    }
    cues.push(Cue { at, action: Action::End(How::Complete) });
    cues
}

/// Returns the length of the first line, with its end: LF, CR LF or CR.
fn line_length(bytes: &[u8]) -> usize {
    match bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        None => bytes.len(),
        Some(end) => end + if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 },
    }
}

/// Returns the length of the first event, with all blank lines behind it.
fn event_length(bytes: &[u8]) -> usize {
    let (mut length, mut has_text) = (0, false);
    while length < bytes.len() {
        let line = line_length(&bytes[length..]);
        let is_blank = matches!(bytes[length], b'\r' | b'\n');
        length += line;
        // Passes over blank lines at the beginning, which end no event.
        has_text |= !is_blank;
        if is_blank && has_text {
            break;
        }
    }
    // Takes further blank lines along: blank lines dispatch nothing, and would be writes without an event.
    while let Some(b'\r' | b'\n') = bytes.get(length) {
        length += line_length(&bytes[length..]);
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn writes(body: &str, unit: Unit) -> Vec<String> {
        let cues = cues(&Bytes::copy_from_slice(body.as_bytes()), unit, Duration::from_millis(10));
        let write = |cue: &Cue| match &cue.action {
            Action::Write(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        };
        cues.iter().map(|cue| format!("{} {}", cue.at.as_millis(), write(cue))).collect()
    }

    #[test]
    fn a_write_is_an_event_with_its_blank_lines() {
        for (body, expected) in [
            ("data: 1\n\ndata: 2\n\n", &["0 data: 1\n\n", "10 data: 2\n\n", "10 End(Complete)"][..]),
            ("data: 1\r\n\r\ndata: 2", &["0 data: 1\r\n\r\n", "10 data: 2", "10 End(Complete)"]),
            ("data: 1\r\rdata: 2\r", &["0 data: 1\r\r", "10 data: 2\r", "10 End(Complete)"]),
            ("\n\nid: 1\n\n\n: c\n", &["0 \n\nid: 1\n\n\n", "10 : c\n", "10 End(Complete)"]),
            ("", &["0 End(Complete)"]),
        ] {
            assert_eq!(writes(body, Unit::Event), expected, "{body:?}");
        }
        assert_eq!(writes("{}\n{}\r\n1", Unit::Line), ["0 {}\n", "10 {}\r\n", "20 1", "20 End(Complete)"]);
        let two = Unit::Bytes(NonZeroUsize::new(2).expect("two"));
        assert_eq!(writes("abcde", two), ["0 ab", "10 cd", "20 e", "20 End(Complete)"]);
        assert_eq!(writes("a\n\nb\n\n", Unit::All), ["0 a\n\nb\n\n", "0 End(Complete)"]);
    }

    proptest! {
        #[test]
        fn the_writes_of_any_body_are_the_body_and_no_line_end_is_torn(body in "[ab:\r\n]{0,40}") {
            for unit in [Unit::Event, Unit::Line, Unit::All] {
                let cues = cues(&Bytes::from(body.clone()), unit, Duration::ZERO);
                let writes: Vec<_> = cues.iter().filter_map(|cue| match &cue.action {
                    Action::Write(bytes) => Some(bytes.clone()),
                    _ => None,
                }).collect();
                prop_assert_eq!(writes.concat(), body.as_bytes());
                for pair in writes.windows(2) {
                    prop_assert!(!pair[0].is_empty() && pair[0].ends_with(b"\n") || pair[0].ends_with(b"\r"));
                    prop_assert!(!(pair[0].ends_with(b"\r") && pair[1].starts_with(b"\n")));
                }
            }
        }
    }
}
