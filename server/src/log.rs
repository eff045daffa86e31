//! The log: what has happened in a world, in order, as lines of JSON.
//!
//! Heads, writes and ends have the form of a transcript, with two keys more that name the request. With the requests,
//! and what was done from behind, they are all that it takes to play a world again.
//!
//! ```text
//!  cut  redaction ── line ── blocks    what a line leaves out, the line, and the text that all lines make
//! ```

mod blocks;
mod cut;
mod line;
mod redaction;

use std::sync::{Arc, Weak};

use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Version};
use bytes::Bytes;
use onbeat_wire::recording::{ClosedHow, How};
use onbeat_wire::{Epoch, Instant};
use parking_lot::Mutex;

use self::blocks::Blocks;
pub(crate) use self::cut::start;
pub use self::cut::{TooLong, restore};
pub use self::redaction::{Redaction, RedactionError};
use crate::faults::Fault;
use crate::random::Seed;

/// How much text is kept, and so how much memory is taken; what happens later is just counted.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much is read at a time.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The version of the form of the log.
pub const VERSION: u32 = 1;

/// What has happened.
#[derive(Debug)]
pub struct Log {
    state: Mutex<State>,
    redaction: Redaction,
}

#[derive(Debug)]
struct State {
    text: Blocks,
    dropped: u64,
}

/// A log as it was at one time, read piece by piece.
#[derive(Debug)]
pub(crate) struct LogReader {
    /// Not kept alive: a reader that does not read must not hold an old world's log.
    log: Weak<Log>,
    first: Option<Bytes>,
    next: usize,
    end: usize,
}

/// The log was emptied before it had been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server was reset before the log had been read")]
pub(crate) struct LogGone;

/// What the first line tells, beside what the log itself knows.
#[derive(Clone, Copy, Debug)]
pub struct Preamble {
    /// The world's seed.
    pub seed: Seed,
    /// The wall-clock time of its epoch.
    pub epoch: Epoch,
    /// The name of the kind of its clock.
    pub clock: &'static str,
    /// Events that a client of `/sse` may be behind.
    pub mailbox: u64,
}

/// Which answer a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which {
    /// The ordinal of the connection.
    pub(crate) connection: u64,
    /// The ordinal of the request on it.
    pub(crate) request: u32,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Request { which: Which, method: String, target: String, version: &'static str, headers: Headers },
    Head { which: Which, status: u16, headers: Headers },
    Write { which: Which, bytes: Bytes },
    End { which: Which, how: How },
    Close { connection: u64, how: ClosedHow },
    Fault { id: u64, fault: Arc<Fault> },
    FaultsDeleted { ids: Vec<u64> },
}

/// Header fields in order; a value that is not UTF-8 has U+FFFD in it.
pub(crate) type Headers = Vec<(String, String)>;

/// The fields, without those that frame a message.
pub(crate) fn headers(fields: &HeaderMap) -> Headers {
    let shown = fields.iter().filter(|(name, _)| **name != TRANSFER_ENCODING && **name != CONTENT_LENGTH);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    shown.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// The name of a version of HTTP.
pub(crate) fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

impl Default for Log {
    fn default() -> Self {
        Self::new(Redaction::default())
    }
}

impl Log {
    /// An empty log, without what `redaction` leaves out.
    pub(crate) fn new(redaction: Redaction) -> Self {
        Self::of_at_most(BYTES_MAX, redaction)
    }

    fn of_at_most(bytes: usize, redaction: Redaction) -> Self {
        Self { state: Mutex::new(State { text: Blocks::new(bytes), dropped: 0 }), redaction }
    }

    /// Notes what happened, if there is room.
    #[expect(clippy::needless_pass_by_value, reason = "what has happened is told once")]
    pub(crate) fn note(&self, at: Instant, what: What) {
        let mut state = self.state.lock();
        let State { text, dropped } = &mut *state;
        let before = text.len();
        if *dropped > 0 || line::write(&mut *text, at, &what, &self.redaction).is_err() {
            text.truncate(before);
            *dropped += 1;
        }
    }

    /// Reads what has happened so far.
    pub(crate) fn read(self: &Arc<Self>, preamble: &Preamble) -> LogReader {
        let (mut first, state) = (Vec::new(), self.state.lock());
        line::write_first(&mut first, preamble, state.dropped).expect("a line is plain data, written to memory");
        LogReader { log: Arc::downgrade(self), first: Some(first.into()), next: 0, end: state.text.len() }
    }
}

impl Iterator for LogReader {
    type Item = Result<Bytes, LogGone>;

    /// Returns the next bytes, at most [`PIECE_BYTES_MAX`], which need not end with a line: a long log holds nobody up.
    fn next(&mut self) -> Option<Result<Bytes, LogGone>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.next >= self.end {
            return None;
        }
        let Some(log) = self.log.upgrade() else {
            self.end = self.next;
            return Some(Err(LogGone));
        };
        let piece = log.state.lock().text.piece(self.next, self.end, PIECE_BYTES_MAX);
        self.next += piece.len();
        Some(Ok(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WHICH: Which = Which { connection: 3, request: 0 };

    fn read(log: &Arc<Log>) -> LogReader {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        log.read(&Preamble { seed: Seed(u64::MAX), epoch, clock: "manual", mailbox: 1024 })
    }

    /// All of it.
    fn text(log: &Arc<Log>) -> String {
        let pieces = read(log).map(|piece| piece.expect("the log is there"));
        let bytes = pieces.flat_map(|piece| {
            assert!((1..=PIECE_BYTES_MAX).contains(&piece.len()));
            piece
        });
        String::from_utf8(bytes.collect()).expect("UTF-8")
    }

    fn write(bytes: impl Into<Bytes>) -> What {
        What::Write { which: WHICH, bytes: bytes.into() }
    }

    #[test]
    fn a_line_has_its_keys_in_order() {
        let log = Arc::new(Log::default());
        let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
        log.note(at(5), write(&b"data: \"1\"\n\n"[..]));
        log.note(at(6), write(&b"\xff"[..]));
        log.note(at(7), What::End { which: WHICH, how: How::Closed });
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
        let log = Arc::new(Log::default());
        let (method, target) = ("M".repeat(23_000), format!("/{}", "t".repeat(23_000)));
        let headers = vec![("n".repeat(23_000), "v".repeat(23_000))];
        log.note(Instant::EPOCH, What::Request { which: WHICH, method, target, version: "HTTP/1.1", headers });
        let text = text(&log);
        for cut in ["M…[22936 bytes", "t…[6617 bytes", "n…[22744 bytes", "v…[6616 bytes"] {
            assert!(text.contains(cut), "{cut}");
        }
        assert!(text.len() < 34_000, "{}", text.len());
    }

    #[test]
    fn a_long_log_is_read_in_pieces() {
        let log = Arc::new(Log::default());
        (0..10_000_u32).for_each(|n| log.note(Instant::EPOCH, write(n.to_string())));
        let text = text(&log);
        let numbers = text.lines().skip(1).map(|line| line.rsplit('"').nth(1).expect("a text").to_owned());
        assert!(numbers.eq((0..10_000).map(|n| n.to_string())));
    }

    #[test]
    fn a_log_is_read_as_it_was_when_it_was_asked_for() {
        let log = Arc::new(Log::default());
        log.note(Instant::EPOCH, write("1"));
        let (before, reader) = (text(&log), read(&log));
        log.note(Instant::EPOCH, write("2"));
        assert_eq!(reader.map(|piece| piece.expect("the log is there").len()).sum::<usize>(), before.len());
        assert!(text(&log).len() > before.len());
    }

    #[test]
    fn a_reader_does_not_keep_a_log_alive_and_is_told_that_it_is_gone() {
        let log = Arc::new(Log::default());
        (0..1000).for_each(|_| log.note(Instant::EPOCH, write("x".repeat(100))));
        let mut reader = read(&log);
        assert!(reader.by_ref().take(2).all(|piece| piece.is_ok()));
        let gone = Arc::downgrade(&log);
        drop(log);
        assert!(gone.upgrade().is_none());
        assert_eq!(reader.collect::<Vec<_>>(), [Err(LogGone)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_so_is_all_after_it() {
        let log = Arc::new(Log::of_at_most(100_000, Redaction::default()));
        log.note(Instant::EPOCH, write("x"));
        log.note(Instant::EPOCH, write(vec![b'x'; 100_000]));
        log.note(Instant::EPOCH, write("x"));
        let text = text(&log);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().next().is_some_and(|line| line.ends_with(r#""dropped":2}"#)), "{text}");
    }

    #[test]
    fn a_log_holds_no_more_than_its_bound_whatever_fills_it() {
        const BYTES_MAX: usize = 1024 * 1024;
        let long = || "x".repeat(15_000);
        let request =
            |method, target, headers| What::Request { which: WHICH, method, target, version: "HTTP/1.1", headers };
        let kinds: [&dyn Fn() -> What; 7] = [
            &|| request(long(), String::new(), Vec::new()),
            &|| request(String::new(), long(), Vec::new()),
            &|| request(String::new(), String::new(), vec![(long(), long())]),
            &|| request(String::new(), String::new(), vec![("a".into(), String::new()); 1000]),
            &|| What::End { which: WHICH, how: How::Closed },
            // A piece of one byte does not keep what it is a piece of.
            &|| write(Bytes::from(long()).slice(..1)),
            &|| write(vec![0xff; 15_000]),
        ];
        for (number, what) in kinds.iter().enumerate() {
            let mut log = None;
            let held = allocation_counter::measure(|| {
                let filled = log.insert(Log::of_at_most(BYTES_MAX, Redaction::default()));
                while filled.state.lock().dropped == 0 {
                    filled.note(Instant::EPOCH, what());
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
