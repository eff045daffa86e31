//! The form of a log, as `GET /__onbeat/log` answers it, and what it says.

use std::borrow::Cow;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use onbeat_server::backstage;
use onbeat_server::clock::Instant;
use onbeat_server::control::{Fields, Refusal, parse_fault};
use onbeat_server::faults::Fault;
use onbeat_server::log::restore;
use onbeat_server::random::Seed;
use onbeat_server::timestamp::Epoch;
use onbeat_server::world::Limits;
use serde::Deserialize;

use super::{Answer, Answers, Deed, Recording};
use crate::lab::Setup;
use crate::response::Head;
use crate::transcript::{Entry, How, What};

/// The version of the form of the log that is read.
const VERSION: u32 = 1;

/// A log that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is empty.
    #[error("expected a log, as GET /__onbeat/log answers it; it is empty")]
    Empty,
    /// It is something else.
    #[error("expected a log, as GET /__onbeat/log answers it; its first line is no line of one: {0}")]
    NoLog(serde_json::Error),
    /// A line is not what it should be.
    #[error("line {line}: {source}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line does not belong where it is.
    #[error("line {line}: expected {expected}")]
    Order {
        /// Which, from 1.
        line: usize,
        /// What belongs there.
        expected: String,
    },
    /// The log was full before its end.
    #[error("the log was full, and {0} lines of it are missing: reset the server before what is to be replayed")]
    Dropped(u64),
}

#[derive(Deserialize)]
struct Line {
    t_ms: u64,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Kind {
    Log { version: u32, seed: String, epoch: String, clock: String, mailbox: u64, dropped: u64 },
    Request { connection: u64, request: u32, method: String, target: String, version: String, headers: Headers },
    Head { connection: u64, request: u32, status: u16, headers: Headers },
    Write { connection: u64, request: u32, text: Option<String>, base64: Option<String> },
    End { connection: u64, request: u32, how: How },
    Close { connection: u64, how: String },
    Fault { fault: serde_json::Value },
    FaultsDeleted { ids: Vec<u64> },
}

type Headers = Vec<(String, String)>;

impl Recording {
    /// Reads a log.
    ///
    /// # Errors
    ///
    /// If it is none, or not whole.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let mut lines = text.lines().enumerate().map(|(number, text)| {
            let line = number + 1;
            serde_json::from_str::<Line>(text)
                .map_err(|source| RecordingError::Line { line, source })
                .map(|it| (line, it))
        });
        let (_, first) = lines.next().ok_or(RecordingError::Empty)?.map_err(|error| match error {
            RecordingError::Line { source, .. } => RecordingError::NoLog(source),
            other => other,
        })?;
        let mut recording = Self::begin(first.kind)?;
        for numbered in lines {
            let (line, Line { t_ms, kind }) = numbered?;
            let expected = |expected: String| RecordingError::Order { line, expected };
            recording.take_in(Duration::from_millis(t_ms), kind).map_err(expected)?;
        }
        let end = recording.deeds.last().map_or(Duration::ZERO, |(at, _)| *at).max(recording.end());
        recording.setup.deadline = end + Duration::from_secs(60);
        Ok(recording)
    }

    fn begin(first: Kind) -> Result<Self, RecordingError> {
        let expected = |expected: &str| RecordingError::Order { line: 1, expected: expected.to_owned() };
        let Kind::Log { version, seed, epoch, clock, mailbox, dropped } = first else {
            return Err(expected("the line of kind log"));
        };
        if version != VERSION {
            return Err(expected(&format!("version {VERSION}, got {version}: use the onbeat that wrote it")));
        }
        if dropped > 0 {
            return Err(RecordingError::Dropped(dropped));
        }
        let seed = seed.parse().map(Seed).map_err(|_| expected("a seed of 64 bits"))?;
        let epoch: Epoch = epoch.parse().map_err(|_| expected("an epoch like 2025-12-01T00:00:00Z"))?;
        let mut setup = Setup::new(seed, epoch);
        setup.limits = Limits { mailbox_events_max: mailbox, ..setup.limits };
        Ok(Self { setup, is_exact: clock == "manual", deeds: Vec::new(), answers: Answers::new() })
    }

    fn take_in(&mut self, at: Duration, kind: Kind) -> Result<(), String> {
        let entry = |what| Entry { at: Instant::EPOCH + at, what };
        match kind {
            Kind::Log { .. } => return Err("no second line of kind log".into()),
            Kind::Request { connection, request, method, target, version, headers } => {
                let (method, target, headers) = (whole(&method)?, whole(&target)?, all_whole(&headers)?);
                let head = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
                let bytes = format!("{method} {target} {version}\r\n{head}\r\n").into_bytes();
                let asked = format!("{method} {target}");
                let answer = Answer { asked, is_chunked: version != "HTTP/1.0", entries: Vec::new() };
                self.answers.insert((connection, request), answer);
                self.deeds.push((at, Deed::Request { connection, method, bytes }));
            }
            Kind::Head { connection, request, status, headers } => {
                let headers = all_whole(&headers)?;
                let answer = self.answer(connection, request)?;
                let head = Head { minor_version: u8::from(answer.is_chunked), status, headers };
                answer.entries.push(entry(What::Head(head)));
            }
            Kind::Write { connection, request, text, base64 } => {
                let decoded = base64.map(|base64| BASE64_STANDARD.decode(base64)).transpose();
                let bytes = match (text, decoded) {
                    (Some(text), Ok(None)) => Bytes::from(text),
                    (None, Ok(Some(bytes))) => Bytes::from(bytes),
                    _ => return Err("either text or base64".into()),
                };
                self.answer(connection, request)?.entries.push(entry(What::Write(bytes)));
            }
            Kind::End { connection, request, how } => {
                self.answer(connection, request)?.entries.push(entry(What::End(how)));
                if how == How::Closed {
                    self.deeds.push((at, Deed::Leave { connection }));
                }
            }
            Kind::Close { connection, how } => {
                let how = backstage::How::named(&how).ok_or("end, reset or half")?;
                self.deeds.push((at, Deed::Close { connection, how }));
            }
            Kind::Fault { fault } => {
                let fault = parse(fault).map_err(|refusal| format!("a fault; {refusal}"))?;
                self.deeds.push((at, Deed::Fault(fault)));
            }
            Kind::FaultsDeleted { ids } => self.deeds.push((at, Deed::DeleteFaults(ids))),
        }
        Ok(())
    }

    fn answer(&mut self, connection: u64, request: u32) -> Result<&mut Answer, String> {
        self.answers.get_mut(&(connection, request)).ok_or_else(|| "its request before it".to_owned())
    }
}

/// A part of a request or a head, as long as it was before the log cut it.
fn whole(text: &str) -> Result<String, String> {
    restore(text).map(Cow::into_owned).map_err(|error| error.to_string())
}

fn all_whole(headers: &Headers) -> Result<Headers, String> {
    headers.iter().map(|(name, value)| Ok((whole(name)?, whole(value)?))).collect()
}

fn parse(fault: serde_json::Value) -> Result<Fault, Refusal> {
    Fields::from_value(fault).and_then(parse_fault)
}
