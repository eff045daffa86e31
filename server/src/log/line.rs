//! A line of the log: what has happened, as JSON, without secrets and with every part of a bounded length.

use std::borrow::Cow;
use std::io;

use base64::prelude::{BASE64_STANDARD, Engine};
use onbeat_wire::{How, Instant};
use serde::Serialize;

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
        method: Cow<'a, str>,
        target: Cow<'a, str>,
        version: &'a str,
        headers: Fields<'a>,
    },
    Head {
        #[serde(flatten)]
        which: Which,
        status: u16,
        headers: Fields<'a>,
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
        how: How,
    },
    Close {
        connection: u64,
        how: &'a str,
    },
    Fault {
        id: u64,
        fault: Cow<'a, Fault>,
    },
    FaultsDeleted {
        ids: &'a [u64],
    },
}

type Fields<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Writes the first line of a log from which so many lines are missing at the end.
pub(super) fn write_first(out: impl io::Write, preamble: &Preamble, dropped: u64) -> io::Result<()> {
    let Preamble { seed, epoch, clock, mailbox } = preamble;
    let (seed, epoch) = (seed.to_string(), epoch.to_string());
    let kind = Kind::Log { version: VERSION, seed, epoch, clock, mailbox: *mailbox, dropped };
    write_keys(out, &Keys { t_ms: 0, kind })
}

/// Writes the line that tells what has happened.
pub(super) fn write(out: impl io::Write, at: Instant, what: &What, redaction: &Redaction) -> io::Result<()> {
    write_keys(out, &Keys { t_ms: at.as_millis(), kind: kind(what, redaction) })
}

fn write_keys(mut out: impl io::Write, keys: &Keys<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut out, keys)?;
    out.write_all(b"\n")
}

fn kind<'a>(what: &'a What, redaction: &Redaction) -> Kind<'a> {
    match what {
        What::Request { which, method, target, version, headers } => Kind::Request {
            which: *which,
            method: cut(method.into(), METHOD_BYTES_MAX),
            target: cut(redaction.url(target.into()), TARGET_BYTES_MAX),
            version,
            headers: fields(headers, redaction),
        },
        What::Head { which, status, headers } => {
            Kind::Head { which: *which, status: *status, headers: fields(headers, redaction) }
        }
        What::Write { which, bytes } => match std::str::from_utf8(bytes) {
            Ok(text) => Kind::Write { which: *which, text: Some(text), base64: None },
            Err(_) => Kind::Write { which: *which, text: None, base64: Some(BASE64_STANDARD.encode(bytes)) },
        },
        What::End { which, how } => Kind::End { which: *which, how: *how },
        What::Close { connection, how } => Kind::Close { connection: *connection, how },
        What::Fault { id, fault } => Kind::Fault { id: *id, fault: without_secrets(fault, redaction) },
        What::FaultsDeleted { ids } => Kind::FaultsDeleted { ids },
    }
}

fn fields<'a>(headers: &'a Headers, redaction: &Redaction) -> Fields<'a> {
    let shown = headers.iter().map(|(name, value)| {
        let value = redaction.header(name, value.into());
        (cut(name.into(), HEADER_NAME_BYTES_MAX), cut(value, HEADER_VALUE_BYTES_MAX))
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
