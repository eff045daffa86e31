//! Recordings: the head, the writes and the end of one exchange, with their times.

use std::time::Duration;

use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use onbeat_server::script::{Action, Cue, ResponseHead};
use onbeat_wire::jsonl::{Problem, lines};
use onbeat_wire::recording::{Exchange, Fact, Line, Notes};
use onbeat_wire::{How, TIME_MS_MAX};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PlayError;

/// The headers of a connection (RFC 9110, 7.6.1), which the server writes anew.
const CONNECTION_HEADERS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
];

/// The notes of recorders, fixtures and people about a line: no part of a response.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct AnyNotes {
    #[serde(flatten)]
    _notes: serde_json::Map<String, Value>,
}

impl Notes for AnyNotes {
    const KEYS: &'static [&'static str] = &["body", "first_ms", "vary", "may", "cases"];
}

/// Returns the cues of the exchange with this number, from 0, in the order in which the exchanges begin.
pub(super) fn cues(bytes: &[u8], exchange: usize) -> Result<Vec<Cue>, PlayError> {
    let text = text(bytes)?;
    let mut reading = Reading::default();
    for (number, text) in lines(text) {
        let line: Line<AnyNotes> = Line::read(text).map_err(|problem| problem.at(number))?;
        reading.take_in(line, exchange).map_err(|problem| problem.at(number))?;
    }
    if reading.exchanges.is_empty() {
        return Err(PlayError::File("expected a recording, got a file without an exchange".into()));
    }
    if exchange >= reading.exchanges.len() {
        let count = reading.exchanges.len();
        return Err(PlayError::File(format!("expected an exchange from 0 to {}, got {exchange}", count - 1)));
    }
    // A recorder that was killed has left no end.
    if !reading.has_ended {
        let at = reading.cues.last().map_or(Duration::ZERO, |cue| cue.at);
        reading.cues.push(Cue { at, action: Action::End(How::Closed) });
    }
    reading.check_length();
    Ok(reading.cues)
}

/// Returns the text of a file.
fn text(bytes: &[u8]) -> Result<&str, PlayError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        PlayError::Line(Problem::line("UTF-8, got other bytes").at(line))
    })
}

/// The exchanges so far, and the cues of one of them.
#[derive(Default)]
struct Reading {
    /// The exchanges, in the order in which they begin.
    exchanges: Vec<Exchange>,
    /// The time of the request.
    since_ms: u64,
    last_ms: u64,
    cues: Vec<Cue>,
    has_head: bool,
    has_ended: bool,
}

impl Reading {
    /// Takes in a line, if it belongs to the exchange with this number.
    fn take_in(&mut self, line: Line<AnyNotes>, number: usize) -> Result<(), Problem> {
        let Line { t_ms, exchange, fact, .. } = line;
        if matches!(fact, Fact::Log(_) | Fact::Leave(_) | Fact::Fault(_) | Fact::FaultsDeleted(_)) {
            let expected = "a line of a recording, such as request, head, write or end";
            return Err(Problem::field("kind", format_args!("{expected}, got {}", fact.kind())));
        }
        if matches!(fact, Fact::Recording(_)) {
            return Ok(());
        }
        let place = self.exchanges.iter().position(|known| *known == exchange).unwrap_or(self.exchanges.len());
        if place == self.exchanges.len() {
            self.exchanges.push(exchange);
        }
        if place != number {
            return Ok(());
        }
        if t_ms > TIME_MS_MAX || t_ms < self.last_ms {
            let expected = format_args!("a whole number from {} to {TIME_MS_MAX}, got {t_ms}", self.last_ms);
            return Err(Problem::field("t_ms", expected));
        }
        self.last_ms = t_ms;
        self.act(t_ms, fact)
    }

    /// Leaves out a Content-Length that the body does not have, such as that of an answer to `HEAD`.
    fn check_length(&mut self) {
        let bytes: usize =
            self.cues.iter().map(|cue| if let Action::Write(bytes) = &cue.action { bytes.len() } else { 0 }).sum();
        let is_complete = self.cues.last().is_some_and(|cue| cue.action == Action::End(How::Complete));
        let Some(Cue { action: Action::Head(head), .. }) = self.cues.first_mut() else { return };
        let told = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if told.is_some_and(|told| told < bytes || (is_complete && told != bytes)) {
            head.headers.remove(CONTENT_LENGTH);
        }
    }

    fn act(&mut self, t_ms: u64, fact: Fact) -> Result<(), Problem> {
        if self.has_ended {
            return Err(Problem::line(format_args!("no line behind the end of the exchange, got {}", fact.kind())));
        }
        let action = match fact {
            Fact::Request(_) | Fact::RawRequest(_) if self.cues.is_empty() => {
                self.since_ms = t_ms;
                return Ok(());
            }
            Fact::Request(_) | Fact::RawRequest(_) => {
                return Err(Problem::line("the request before its response"));
            }
            Fact::Head(_) if self.has_head => return Err(Problem::line("one head, got another")),
            Fact::Head(head) => {
                self.has_head = true;
                Action::Head(Box::new(head_of(&head)?))
            }
            Fact::Write(_) if !self.has_head => return Err(Problem::line("a head before the first write")),
            Fact::Write(write) if write.bytes.is_empty() => return Ok(()),
            Fact::Write(write) => Action::Write(write.bytes),
            Fact::End(end) => {
                self.has_ended = true;
                // Without a head there is nothing to complete.
                Action::End(if end.how == How::Complete && !self.has_head { How::Cut } else { end.how })
            }
            // Events follow from the writes.
            _ => return Ok(()),
        };
        self.cues.push(Cue { at: Duration::from_millis(t_ms - self.since_ms), action });
        Ok(())
    }
}

/// Returns a recorded head as the head of a response, without the headers of the connection.
fn head_of(head: &onbeat_wire::recording::ResponseHead) -> Result<ResponseHead, Problem> {
    let expected = format_args!("a status from 200 to 599, got {}", head.status);
    let status = StatusCode::from_u16(head.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or_else(|| Problem::field("status", expected))?;
    let mut headers = HeaderMap::new();
    for (number, (name, value)) in head.headers.iter().enumerate() {
        let wrong =
            |what| Problem::field(format!("headers[{number}]"), format_args!("{what}, got {name:?}: {value:?}"));
        let name: HeaderName = name.parse().map_err(|_| wrong("the name of a header"))?;
        if !CONNECTION_HEADERS.contains(&name.as_str()) {
            headers.append(name.clone(), HeaderValue::from_str(value).map_err(|_| wrong("the value of a header"))?);
        }
    }
    Ok(ResponseHead { status, headers })
}
