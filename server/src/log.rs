//! The log: what has happened in a world, in order, as lines of JSON.
//!
//! Heads, writes and ends have the form of a transcript, with two keys more that name the request. With the requests,
//! and what was done from behind, they are all that it takes to play a world again.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use serde::Serialize;

use crate::clock::Instant;
use crate::faults::Fault;
use crate::random::Seed;
use crate::timestamp::Epoch;

/// How much is kept; what happens later is just counted.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a line is taken to cost beside what is written in it.
const LINE_BYTES: usize = 96;

/// How much of it is rendered at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// The version of the form of the log.
pub const VERSION: u32 = 1;

/// What has happened.
#[derive(Debug, Default)]
pub struct Log(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: Vec<(Instant, What)>,
    bytes: usize,
    dropped: u64,
}

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
#[derive(Clone, Copy, Debug, Serialize)]
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
    End { which: Which, how: &'static str },
    Close { connection: u64, how: &'static str },
    Fault { id: u64, fault: Arc<Fault> },
    FaultsDeleted { ids: Vec<u64> },
}

/// Header fields in order; a value that is not UTF-8 has U+FFFD in it.
pub(crate) type Headers = Vec<(String, String)>;

/// What nobody should find in a log.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// The fields, without those that frame a message; in place of credentials as many `x`, since their length counts.
pub(crate) fn headers(fields: &HeaderMap) -> Headers {
    let shown = fields.iter().filter(|(name, _)| **name != TRANSFER_ENCODING && **name != CONTENT_LENGTH);
    let text = |name: &HeaderName, value: &HeaderValue| {
        let is_secret = CREDENTIALS.contains(name);
        if is_secret { "x".repeat(value.len()) } else { String::from_utf8_lossy(value.as_bytes()).into_owned() }
    };
    shown.map(|(name, value)| (name.as_str().to_owned(), text(name, value))).collect()
}

/// The name of a version of HTTP.
pub(crate) fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

impl Log {
    /// Notes what happened, if there is room.
    pub(crate) fn note(&self, at: Instant, what: What) {
        let mut state = self.lock();
        let bytes = LINE_BYTES + what.bytes();
        if state.dropped > 0 || state.bytes + bytes > BYTES_MAX {
            state.dropped += 1;
            return;
        }
        state.bytes += bytes;
        state.lines.push((at, what));
    }

    /// The first line, and how many others there are now.
    ///
    /// # Panics
    ///
    /// Never: a line is plain data.
    pub(crate) fn begin(&self, preamble: &Preamble) -> (String, usize) {
        let state = self.lock();
        let Preamble { seed, epoch, clock, mailbox } = preamble;
        let (seed, epoch) = (seed.to_string(), epoch.to_string());
        let kind = Kind::Log { version: VERSION, seed, epoch, clock, mailbox: *mailbox, dropped: state.dropped };
        (line(&Keys { t_ms: 0, kind }), state.lines.len())
    }

    /// Some of these other lines, about [`PIECE_BYTES`] or less, and where the next one is: a long log is read in pieces, so
    /// that it holds nobody up.
    pub(crate) fn piece(&self, lines: Range<usize>) -> (String, usize) {
        let (state, mut text, mut next) = (self.lock(), String::new(), lines.start);
        for (at, what) in &state.lines[lines] {
            if text.len() >= PIECE_BYTES {
                break;
            }
            text.push_str(&line(&Keys { t_ms: at.as_millis(), kind: what.kind() }));
            next += 1;
        }
        (text, next)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(keys: &Keys<'_>) -> String {
    serde_json::to_string(keys).expect("a line is plain data") + "\n"
}

/// A line's keys, in the order of the format.
#[derive(Serialize)]
struct Keys<'a> {
    t_ms: u64,
    #[serde(flatten)]
    kind: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Kind<'a> {
    Log {
        version: u32,
        seed: String,
        epoch: String,
        clock: &'a str,
        mailbox: u64,
        dropped: u64,
    },
    Request {
        #[serde(flatten)]
        which: Which,
        method: &'a str,
        target: &'a str,
        version: &'a str,
        headers: &'a Headers,
    },
    Head {
        #[serde(flatten)]
        which: Which,
        status: u16,
        headers: &'a Headers,
    },
    Write {
        #[serde(flatten)]
        which: Which,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    End {
        #[serde(flatten)]
        which: Which,
        how: &'a str,
    },
    Close {
        connection: u64,
        how: &'a str,
    },
    Fault {
        id: u64,
        fault: &'a Fault,
    },
    FaultsDeleted {
        ids: &'a [u64],
    },
}

impl What {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let fields = |headers: &Headers| headers.iter().map(|(name, value)| 48 + name.len() + value.len()).sum();
        match self {
            Self::Request { target, headers, .. } => target.len() + fields(headers),
            Self::Head { headers, .. } => fields(headers),
            Self::Write { bytes, .. } => bytes.len(),
            Self::End { .. } | Self::Close { .. } => 0,
            Self::Fault { .. } => 512,
            Self::FaultsDeleted { ids } => ids.len() * 8,
        }
    }

    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Request { which, method, target, version, headers } => {
                Kind::Request { which: *which, method, target, version, headers }
            }
            Self::Head { which, status, headers } => Kind::Head { which: *which, status: *status, headers },
            Self::Write { which, bytes } => match std::str::from_utf8(bytes) {
                Ok(text) => Kind::Write { which: *which, text: Some(text), base64: None },
                Err(_) => Kind::Write { which: *which, text: None, base64: Some(BASE64_STANDARD.encode(bytes)) },
            },
            Self::End { which, how } => Kind::End { which: *which, how },
            Self::Close { connection, how } => Kind::Close { connection: *connection, how },
            Self::Fault { id, fault } => Kind::Fault { id: *id, fault },
            Self::FaultsDeleted { ids } => Kind::FaultsDeleted { ids },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// All of it.
    fn text(log: &Log) -> String {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let (mut text, end) = log.begin(&Preamble { seed: Seed(u64::MAX), epoch, clock: "manual", mailbox: 1024 });
        let mut next = 0;
        while next < end {
            let (piece, after) = log.piece(next..end);
            assert!(piece.len() < 2 * PIECE_BYTES && after > next);
            text.push_str(&piece);
            next = after;
        }
        text
    }

    #[test]
    fn a_line_has_its_keys_in_order() {
        let log = Log::default();
        let which = Which { connection: 3, request: 0 };
        let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
        log.note(at(5), What::Write { which, bytes: Bytes::from_static(b"data: \"1\"\n\n") });
        log.note(at(6), What::Write { which, bytes: Bytes::from_static(b"\xff") });
        log.note(at(7), What::End { which, how: "closed" });
        let lines = [
            r#"{"t_ms":0,"kind":"log","version":1,"seed":"18446744073709551615","epoch":"2025-12-01T00:00:00.000Z","clock":"manual","mailbox":1024,"dropped":0}"#,
            r#"{"t_ms":5,"kind":"write","connection":3,"request":0,"text":"data: \"1\"\n\n"}"#,
            r#"{"t_ms":6,"kind":"write","connection":3,"request":0,"base64":"/w=="}"#,
            r#"{"t_ms":7,"kind":"end","connection":3,"request":0,"how":"closed"}"#,
        ];
        assert_eq!(text(&log), lines.map(|line| format!("{line}\n")).concat());
    }

    #[test]
    fn a_long_log_is_read_in_pieces() {
        let log = Log::default();
        let which = Which { connection: 0, request: 0 };
        for n in 0..10_000_u32 {
            log.note(Instant::EPOCH, What::Write { which, bytes: Bytes::from(n.to_string()) });
        }
        let text = text(&log);
        let numbers = text.lines().skip(1).map(|line| line.rsplit('"').nth(1).expect("a text").to_owned());
        assert!(numbers.eq((0..10_000).map(|n| n.to_string())));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_so_is_all_after_it() {
        let log = Log::default();
        let write =
            |length| What::Write { which: Which { connection: 0, request: 0 }, bytes: Bytes::from(vec![b'x'; length]) };
        log.note(Instant::EPOCH, write(1));
        log.note(Instant::EPOCH, write(BYTES_MAX));
        log.note(Instant::EPOCH, write(1));
        let text = text(&log);
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().next().is_some_and(|line| line.ends_with(r#""dropped":2}"#)), "{text}");
    }
}
