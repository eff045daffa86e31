//! A line of the log: what has happened, without secrets and with every part of a bounded length.

use std::borrow::Cow;
use std::io;

use onbeat_wire::Instant;
use onbeat_wire::recording::{
    Close, End, Exchange, FaultAdded, FaultsDeleted, Line, LogStart, NoNotes, Request, ResponseHead, Write,
};

use super::cut::cut;
use super::redaction::Redaction;
use super::{Headers, Preamble, VERSION, What, Which};
use crate::faults::{self, Fault};

/// The longest method that is known has 16 bytes.
const METHOD_BYTES_MAX: usize = 64;
/// A request with 16 KiB of target and headers is refused, so what is cut was refused.
const TARGET_BYTES_MAX: usize = 16 * 1024;
const HEADER_NAME_BYTES_MAX: usize = 256;
const HEADER_VALUE_BYTES_MAX: usize = 16 * 1024;

/// Writes the first line of a log from which `dropped` lines are missing at the end.
pub(super) fn write_first(out: impl io::Write, preamble: &Preamble, dropped: u64) -> io::Result<()> {
    let Preamble { seed, epoch, clock, mailbox } = *preamble;
    let (seed, epoch, clock) = (seed.to_string(), epoch.to_string(), clock.to_owned());
    write_line(out, &Line::new(0, LogStart { version: VERSION, seed, epoch, clock, mailbox, dropped }))
}

/// Writes the line about what has happened.
pub(super) fn write(out: impl io::Write, at: Instant, what: &What, redaction: &Redaction) -> io::Result<()> {
    write_line(out, &line(at.as_millis(), what, redaction))
}

fn write_line(mut out: impl io::Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")
}

fn line(t_ms: u64, what: &What, redaction: &Redaction) -> Line {
    let (exchange, fact) = match what {
        What::Request { which, method, target, version, headers } => {
            let request = Request {
                method: cut(method.into(), METHOD_BYTES_MAX).into_owned(),
                target: cut(redaction.url(target.into()), TARGET_BYTES_MAX).into_owned(),
                version: (*version).into(),
                headers: fields(headers, redaction),
            };
            (Exchange::from(*which), request.into())
        }
        What::Head { which, status, headers } => {
            ((*which).into(), ResponseHead { status: *status, headers: fields(headers, redaction) }.into())
        }
        What::Write { which, bytes } => ((*which).into(), Write { bytes: bytes.clone() }.into()),
        What::End { which, how } => ((*which).into(), End { how: *how }.into()),
        What::Close { connection, how } => {
            (Exchange { connection: Some(*connection), request: None }, Close { how: *how }.into())
        }
        What::Fault { id, fault } => {
            let fault = serde_json::to_value(without_secrets(fault, redaction)).expect("a fault is plain data");
            (Exchange::default(), FaultAdded { id: *id, fault }.into())
        }
        What::FaultsDeleted { ids } => (Exchange::default(), FaultsDeleted { ids: ids.clone() }.into()),
    };
    Line { t_ms, exchange, fact, notes: NoNotes {} }
}

impl From<Which> for Exchange {
    fn from(Which { connection, request }: Which) -> Self {
        Self { connection: Some(connection), request: Some(request) }
    }
}

fn fields(headers: &Headers, redaction: &Redaction) -> Headers {
    let shown = headers.iter().map(|(name, value)| {
        let value = redaction.header(name, value.into());
        let (name, value) = (cut(name.into(), HEADER_NAME_BYTES_MAX), cut(value, HEADER_VALUE_BYTES_MAX));
        (name.into_owned(), value.into_owned())
    });
    shown.collect()
}

/// Returns a fault whose `location` is as the log shows it in the head of the answer.
fn without_secrets<'a>(fault: &'a Fault, redaction: &Redaction) -> Cow<'a, Fault> {
    let mut fault = Cow::Borrowed(fault);
    if let faults::Kind::Head(faults::Head::Status { location: Some(location), .. }) = &fault.kind
        && let Some(Cow::Owned(redacted)) = location.to_str().ok().map(|location| redaction.url(location.into()))
        && let faults::Kind::Head(faults::Head::Status { location, .. }) = &mut fault.to_mut().kind
    {
        *location = redacted.parse().ok();
    }
    fault
}
