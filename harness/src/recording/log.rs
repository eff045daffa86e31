//! The form of a log, as `GET /__onbeat/log` answers it, and what it says.

use std::borrow::Cow;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use onbeat_server::connection::Ending;
use onbeat_server::control::{Fields, parse_fault};
use onbeat_server::log::restore;
use onbeat_server::random::Seed;
use onbeat_server::world::Limits;
use onbeat_wire::jsonl::{self, Wrong, WrongLine};
use onbeat_wire::{Entry, Epoch, Head, How, Instant, TIME_MAX, What};
use serde::Deserialize;

use super::{Answer, Answers, Deed, Recording};
use crate::lab::{Overdue, Setup};

/// The version of the form of the log that is read.
const VERSION: u32 = 1;

/// A log may cost so much beyond twice its length when it is played again: a client that does not read gets more there.
const COST: u64 = 2 * 1024 * 1024;

/// A log that can't be read, or not be played again.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is empty.
    #[error("expected a log, as GET /__onbeat/log answers it; it is empty")]
    Empty,
    /// It is something else.
    #[error("expected a log, as GET /__onbeat/log answers it; {0}")]
    NoLog(WrongLine),
    /// A line is not what it should be.
    #[error(transparent)]
    Line(#[from] WrongLine),
    /// The log was full before its end.
    #[error("the log was full, and {0} lines of it are missing: reset the server before what is to be replayed")]
    Dropped(u64),
    /// Far more happens than the log tells.
    #[error(
        "line {line}, field \"t_ms\": expected a time until which the log tells what happens; until then its streams \
         write far more than it has lines for: lines are missing, or the time was changed"
    )]
    Unaccounted {
        /// The line whose time is never reached, from 1.
        line: usize,
    },
    /// The world goes on after the end of the log.
    #[error(transparent)]
    Overdue(#[from] Overdue),
}

/// What every line has.
#[derive(Deserialize)]
struct Line {
    t_ms: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Log,
    Request,
    Head,
    Write,
    End,
    Close,
    Fault,
    FaultsDeleted,
}

/// The keys that a line has beside, by its kind.
#[derive(Deserialize)]
struct LogKeys {
    t_ms: u64,
    version: u32,
    seed: String,
    epoch: String,
    clock: String,
    mailbox: u64,
    dropped: u64,
}

#[derive(Deserialize)]
struct RequestKeys {
    connection: u64,
    request: u32,
    method: String,
    target: String,
    version: String,
    headers: Headers,
}

#[derive(Deserialize)]
struct HeadKeys {
    connection: u64,
    request: u32,
    status: u16,
    headers: Headers,
}

#[derive(Deserialize)]
struct WriteKeys {
    connection: u64,
    request: u32,
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Deserialize)]
struct EndKeys {
    connection: u64,
    request: u32,
    how: How,
}

#[derive(Deserialize)]
struct CloseKeys {
    connection: u64,
    how: String,
}

#[derive(Deserialize)]
struct FaultKeys {
    fault: serde_json::Value,
}

#[derive(Deserialize)]
struct FaultsDeletedKeys {
    ids: Vec<u64>,
}

type Headers = Vec<(String, String)>;

impl Recording {
    /// Reads a log. Empty lines are passed over.
    ///
    /// # Errors
    ///
    /// If it is none, or not whole.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let mut lines = jsonl::lines(text);
        let (number, first) = lines.next().ok_or(RecordingError::Empty)?;
        let no_log = |wrong: Wrong| RecordingError::NoLog(wrong.at(number));
        if jsonl::read::<Line>(first).map_err(no_log)?.kind != Kind::Log {
            return Err(no_log(Wrong::field("kind", "log")));
        }
        let keys: LogKeys = jsonl::read(first).map_err(no_log)?;
        jsonl::within("t_ms", keys.t_ms, 0..=0).map_err(|wrong| wrong.at(number))?;
        if keys.dropped > 0 {
            return Err(RecordingError::Dropped(keys.dropped));
        }
        let mut recording = Self::begin(&keys).map_err(|wrong| wrong.at(number))?;
        for (number, line) in lines {
            recording.take_in(number, line).map_err(|wrong| wrong.at(number))?;
        }
        recording.setup.deadline = recording.end.0 + Duration::from_secs(60);
        recording.cost_max = COST + 2 * text.len() as u64;
        Ok(recording)
    }

    fn begin(keys: &LogKeys) -> Result<Self, Wrong> {
        let LogKeys { version, seed, epoch, clock, mailbox, .. } = keys;
        if *version != VERSION {
            let expected = format_args!("version {VERSION}, got {version}: use the onbeat that wrote it");
            return Err(Wrong::field("version", expected));
        }
        let seed = seed.parse().map(Seed).map_err(|_| Wrong::field("seed", "a whole number from 0 to 2^64 - 1"))?;
        let epoch: Epoch = epoch.parse().map_err(|_| Wrong::field("epoch", "a time like 2025-12-01T00:00:00Z"))?;
        if !["real", "scaled", "manual"].contains(&clock.as_str()) {
            return Err(Wrong::field("clock", "real, scaled or manual"));
        }
        jsonl::within("mailbox", *mailbox, 1..=u64::MAX)?;
        let mut setup = Setup::new(seed, epoch);
        setup.limits = Limits { mailbox_events_max: *mailbox, ..setup.limits };
        let is_exact = clock == "manual";
        Ok(Self {
            setup,
            is_exact,
            deeds: Vec::new(),
            answers: Answers::new(),
            end: (Duration::ZERO, 1),
            cost_max: COST,
        })
    }

    fn take_in(&mut self, number: usize, line: &str) -> Result<(), Wrong> {
        let Line { t_ms, kind } = jsonl::read(line)?;
        jsonl::within("t_ms", t_ms, 0..=TIME_MAX.as_millis())?;
        let at = Duration::from_millis(t_ms);
        let entry = |what| Entry { at: Instant::EPOCH + at, what };
        let deed = match kind {
            Kind::Log => return Err(Wrong::line("no second line of kind log")),
            Kind::Request => Some(self.request(jsonl::read(line)?)?),
            Kind::Head => {
                let HeadKeys { connection, request, status, headers } = jsonl::read(line)?;
                jsonl::within("status", status.into(), 100..=999)?;
                let headers = all_whole(&headers)?;
                let answer = self.answer(connection, request)?;
                let head = Head { minor_version: u8::from(answer.is_chunked), status, headers };
                answer.entries.push(entry(What::Head(head)));
                None
            }
            Kind::Write => {
                let WriteKeys { connection, request, text, base64 } = jsonl::read(line)?;
                let bytes = match (text, base64) {
                    (Some(text), None) => Bytes::from(text),
                    (None, Some(base64)) => {
                        let decoded = BASE64_STANDARD.decode(base64);
                        decoded.map(Bytes::from).map_err(|_| Wrong::field("base64", "bytes in base64"))?
                    }
                    _ => return Err(Wrong::line("either text or base64")),
                };
                self.answer(connection, request)?.entries.push(entry(What::Write(bytes)));
                None
            }
            Kind::End => {
                let EndKeys { connection, request, how } = jsonl::read(line)?;
                let answer = self.answer(connection, request)?;
                if answer.entries.iter().any(|entry| matches!(entry.what, What::End(_))) {
                    return Err(Wrong::line(format_args!(
                        "no second end of request {request} on connection {connection}"
                    )));
                }
                answer.entries.push(entry(What::End(how)));
                (how == How::Closed).then_some(Deed::Leave { connection })
            }
            Kind::Close => {
                let CloseKeys { connection, how } = jsonl::read(line)?;
                let how = Ending::named(&how).ok_or_else(|| Wrong::field("how", "end, reset or half"))?;
                Some(Deed::Close { connection, how })
            }
            Kind::Fault => {
                let FaultKeys { fault } = jsonl::read(line)?;
                let fault = Fields::from_value(fault).and_then(parse_fault);
                Some(Deed::Fault(fault.map_err(|refusal| Wrong::field("fault", format_args!("a fault; {refusal}")))?))
            }
            Kind::FaultsDeleted => {
                let FaultsDeletedKeys { ids } = jsonl::read(line)?;
                Some(Deed::DeleteFaults(ids))
            }
        };
        if at >= self.end.0 {
            self.end = (at, number);
        }
        self.deeds.extend(deed.map(|deed| (at, number, deed)));
        Ok(())
    }

    /// Takes in a request, whose parts must be what a client can send and no more.
    fn request(&mut self, keys: RequestKeys) -> Result<Deed, Wrong> {
        let RequestKeys { connection, request, method, target, version, headers } = keys;
        let (method, target, headers) = (whole(&method)?, whole(&target)?, all_whole(&headers)?);
        let is_token =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        let is_value = |text: &str| !text.contains(['\r', '\n', '\0']);
        if !is_token(&method) {
            return Err(Wrong::field("method", "a method of HTTP"));
        }
        if target.is_empty() || target.contains(|char: char| char.is_ascii_control() || char == ' ') {
            return Err(Wrong::field("target", "a request target without spaces and control characters"));
        }
        if !["HTTP/1.0", "HTTP/1.1"].contains(&version.as_str()) {
            return Err(Wrong::field("version", "HTTP/1.0 or HTTP/1.1"));
        }
        if let Some(wrong) = headers.iter().position(|(name, value)| !is_token(name) || !is_value(value)) {
            return Err(Wrong::field(format!("headers[{wrong}]"), "the name and the value of a header"));
        }
        let head = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        let bytes = format!("{method} {target} {version}\r\n{head}\r\n").into_bytes();
        let asked = format!("{method} {target}");
        let answer = Answer { asked, is_chunked: version != "HTTP/1.0", entries: Vec::new() };
        if self.answers.insert((connection, request), answer).is_some() {
            return Err(Wrong::field(
                "request",
                format_args!("no second request {request} on connection {connection}"),
            ));
        }
        Ok(Deed::Request { connection, method, bytes })
    }

    fn answer(&mut self, connection: u64, request: u32) -> Result<&mut Answer, Wrong> {
        let answer = self.answers.get_mut(&(connection, request));
        answer.ok_or_else(|| Wrong::line(format_args!("request {request} of connection {connection} before it")))
    }
}

/// Returns a part of a request or a head, as long as it was before the log cut it.
fn whole(text: &str) -> Result<String, Wrong> {
    restore(text).map(Cow::into_owned).map_err(Wrong::line)
}

fn all_whole(headers: &Headers) -> Result<Headers, Wrong> {
    headers.iter().map(|(name, value)| Ok((whole(name)?, whole(value)?))).collect()
}
