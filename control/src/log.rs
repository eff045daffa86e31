//! The request log: the exchanges of a world, in order, as lines of a recording.
//!
//! The log has everything for a replay of the world: requests, faults, routes, and the writes and closes of a test.
//!
//! ```text
//!  secret_json ── redaction    the secrets left out
//!  cut ── line ── blocks       the parts left out, the line, and the text of all lines
//! ```

mod blocks;
mod cut;
mod line;
mod redaction;
mod secret_json;

use std::io::Write as _;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use onbeat_wire::Instant;
use onbeat_wire::recording::{Exchange, Fact, Line, LogStart, NoNotes};
use parking_lot::Mutex;

use self::blocks::Blocks;
pub use self::cut::{TooLong, restore};
pub use self::redaction::{Redaction, RedactionError};

/// The most bytes of text, and so of memory. Later lines are only counted.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most bytes read at a time.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The version of the form of the log.
pub(crate) const VERSION: u32 = 1;

/// The log of one world.
#[derive(Debug)]
pub(crate) struct RequestLog {
    text: Mutex<LogText>,
    redaction: Redaction,
}

#[derive(Debug)]
struct LogText {
    lines: Blocks,
    /// How many lines found no room.
    dropped: u64,
}

/// Reads a log piece by piece, up to the end at one time.
#[derive(Debug)]
pub struct LogReader {
    /// A weak reference, since a stuck reader must not keep the log of an old world.
    log: Weak<RequestLog>,
    first: Option<Bytes>,
    next: usize,
    end: usize,
}

/// The log was emptied before the log had been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server was reset before the log had been read")]
pub struct LogGone;

impl RequestLog {
    /// Returns an empty log, without the secrets in `redaction`.
    pub(crate) fn new(redaction: Redaction) -> Self {
        Self::of_at_most(BYTES_MAX, redaction)
    }

    fn of_at_most(bytes: usize, redaction: Redaction) -> Self {
        Self { text: Mutex::new(LogText { lines: Blocks::new(bytes), dropped: 0 }), redaction }
    }

    /// Returns the secrets that the log leaves out.
    pub(crate) fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    /// Notes a fact, if there is room.
    pub(crate) fn note(&self, at: Instant, exchange: Exchange, fact: impl Into<Fact>) {
        let fact = line::shown(fact.into(), &self.redaction);
        let line = Line { t_ms: at.as_millis(), exchange, fact, notes: NoNotes {} };
        let LogText { lines, dropped } = &mut *self.text.lock();
        let before = lines.len();
        // Notes no line after the first without room, so that a log has no gaps.
        let is_noted =
            *dropped == 0 && serde_json::to_writer(&mut *lines, &line).is_ok() && lines.write_all(b"\n").is_ok();
        if !is_noted {
            // Takes back the part of the line that found room.
            lines.truncate(before);
            *dropped += 1;
        }
    }

    /// Reads the lines so far, after a first line with this start.
    pub(crate) fn read(self: &Arc<Self>, start: LogStart) -> LogReader {
        let text = self.text.lock();
        let start = Line::new(0, LogStart { dropped: text.dropped, ..start });
        let first = serde_json::to_string(&start).expect("a line is plain data") + "\n";
        LogReader { log: Arc::downgrade(self), first: Some(first.into()), next: 0, end: text.lines.len() }
    }
}

impl Iterator for LogReader {
    type Item = Result<Bytes, LogGone>;

    /// Returns the next bytes, at most `PIECE_BYTES_MAX`. A piece need not end with a line: a long log blocks no thread.
    fn next(&mut self) -> Option<Result<Bytes, LogGone>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.next >= self.end {
            return None;
        }
        // Upgrades for each piece, so that the log of an old world can go away between two pieces.
        let Some(log) = self.log.upgrade() else {
            self.end = self.next;
            return Some(Err(LogGone));
        };
        let piece = log.text.lock().lines.piece(self.next, self.end, PIECE_BYTES_MAX);
        self.next += piece.len();
        Some(Ok(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onbeat_wire::How;
    use onbeat_wire::recording::{End, Request, Write};

    use super::*;

    const ORDINALS: Exchange = Exchange { connection: Some(3), request: Some(0) };

    fn read(log: &Arc<RequestLog>) -> LogReader {
        let (seed, epoch) = (u64::MAX.to_string(), "2025-12-01T00:00:00.000Z".into());
        log.read(LogStart {
            version: VERSION,
            seed,
            epoch,
            clock: "manual".into(),
            mailbox: 1024,
            ..LogStart::default()
        })
    }

    /// All of it.
    fn text(log: &Arc<RequestLog>) -> String {
        let pieces = read(log).map(|piece| piece.expect("the log is there"));
        let bytes = pieces.flat_map(|piece| {
            assert!((1..=PIECE_BYTES_MAX).contains(&piece.len()));
            piece
        });
        String::from_utf8(bytes.collect()).expect("UTF-8")
    }

    fn write(bytes: impl Into<Bytes>) -> Fact {
        Write { bytes: bytes.into() }.into()
    }

    /// Returns an empty log.
    fn empty() -> Arc<RequestLog> {
        Arc::new(RequestLog::new(Redaction::default()))
    }

    #[test]
    fn a_line_has_its_keys_in_order() {
        let log = empty();
        let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
        log.note(at(5), ORDINALS, write(&b"data: \"1\"\n\n"[..]));
        log.note(at(6), ORDINALS, write(&b"\xff"[..]));
        log.note(at(7), ORDINALS, End { how: How::Closed });
        let lines = [
            r#"{"t_ms":0,"kind":"log","version":1,"seed":"18446744073709551615","epoch":"2025-12-01T00:00:00.000Z","clock":"manual","mailbox":1024,"dropped":0}"#,
            r#"{"t_ms":5,"kind":"write","connection":3,"request":0,"text":"data: \"1\"\n\n"}"#,
            r#"{"t_ms":6,"kind":"write","connection":3,"request":0,"base64":"/w=="}"#,
            r#"{"t_ms":7,"kind":"end","connection":3,"request":0,"how":"closed"}"#,
        ];
        assert_eq!(text(&log), lines.map(|line| format!("{line}\n")).concat());
    }

    #[test]
    fn every_part_of_a_line_is_bounded() {
        let log = empty();
        let (method, target) = ("M".repeat(23_000), format!("/{}", "t".repeat(23_000)));
        let headers = vec![("n".repeat(23_000), "v".repeat(23_000))];
        log.note(Instant::EPOCH, ORDINALS, Request { method, target, version: "HTTP/1.1".into(), headers, body: None });
        let text = text(&log);
        for cut in ["M…[22936 bytes", "t…[6617 bytes", "n…[22744 bytes", "v…[6616 bytes"] {
            assert!(text.contains(cut), "{cut}");
        }
        assert!(text.len() < 34_000, "{}", text.len());
    }

    #[test]
    fn a_long_log_is_read_in_pieces() {
        let log = empty();
        (0..10_000_u32).for_each(|n| log.note(Instant::EPOCH, ORDINALS, write(n.to_string())));
        let text = text(&log);
        let numbers = text.lines().skip(1).map(|line| line.rsplit('"').nth(1).expect("a text").to_owned());
        assert!(numbers.eq((0..10_000).map(|n| n.to_string())));
    }

    #[test]
    fn a_log_is_read_as_it_was_when_it_was_asked_for() {
        let log = empty();
        log.note(Instant::EPOCH, ORDINALS, write("1"));
        let (before, reader) = (text(&log), read(&log));
        log.note(Instant::EPOCH, ORDINALS, write("2"));
        assert_eq!(reader.map(|piece| piece.expect("the log is there").len()).sum::<usize>(), before.len());
        assert!(text(&log).len() > before.len());
    }

    #[test]
    fn a_reader_does_not_keep_a_log_alive_and_is_told_that_it_is_gone() {
        let log = empty();
        (0..1000).for_each(|_| log.note(Instant::EPOCH, ORDINALS, write("x".repeat(100))));
        let mut reader = read(&log);
        assert!(reader.by_ref().take(2).all(|piece| piece.is_ok()));
        let gone = Arc::downgrade(&log);
        drop(log);
        assert!(gone.upgrade().is_none());
        assert_eq!(reader.collect::<Vec<_>>(), [Err(LogGone)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_so_is_all_after_it() {
        let log = Arc::new(RequestLog::of_at_most(100_000, Redaction::default()));
        log.note(Instant::EPOCH, ORDINALS, write("x"));
        log.note(Instant::EPOCH, ORDINALS, write(vec![b'x'; 100_000]));
        log.note(Instant::EPOCH, ORDINALS, write("x"));
        let text = text(&log);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().next().is_some_and(|line| line.ends_with(r#""dropped":2}"#)), "{text}");
    }

    #[test]
    fn a_log_holds_no_more_than_its_bound_whatever_fills_it() {
        const BYTES_MAX: usize = 1024 * 1024;
        let long = || "x".repeat(15_000);
        let request = |method, target, headers| {
            Request { method, target, version: "HTTP/1.1".into(), headers, body: None }.into()
        };
        let kinds: [&dyn Fn() -> Fact; 7] = [
            &|| request(long(), String::new(), Vec::new()),
            &|| request(String::new(), long(), Vec::new()),
            &|| request(String::new(), String::new(), vec![(long(), long())]),
            &|| request(String::new(), String::new(), vec![("a".into(), String::new()); 1000]),
            &|| End { how: How::Closed }.into(),
            // A piece of one byte does not keep what it is a piece of.
            &|| write(Bytes::from(long()).slice(..1)),
            &|| write(vec![0xff; 15_000]),
        ];
        for (number, what) in kinds.iter().enumerate() {
            let mut log = None;
            let held = allocation_counter::measure(|| {
                let filled = log.insert(RequestLog::of_at_most(BYTES_MAX, Redaction::default()));
                while filled.text.lock().dropped == 0 {
                    filled.note(Instant::EPOCH, ORDINALS, what());
                }
            });
            // The blocks, and their list.
            let most = BYTES_MAX as u64 * 51 / 50;
            assert!(u64::try_from(held.bytes_current).expect("it holds something") < most, "{number}: {held:?}");
            // While a line is made, what happened is there, too.
            assert!(held.bytes_max < most + 200_000, "{number}: {held:?}");
        }
    }
}
