//! The facts of the log, without secrets and with every part of a bounded length.

use onbeat_wire::recording::{Fact, FaultAdded, Request, ResponseHead};
use serde_json::Value;

use super::cut::cut;
use super::redaction::Redaction;

/// The longest method that is known has 16 bytes.
const METHOD_BYTES_MAX: usize = 64;
/// A request with 16 KiB of target and headers is refused, so that only refused requests are cut.
const TARGET_BYTES_MAX: usize = 16 * 1024;
const HEADER_NAME_BYTES_MAX: usize = 256;
const HEADER_VALUE_BYTES_MAX: usize = 16 * 1024;

/// Returns a fact as the log shows the fact.
pub(super) fn shown(fact: Fact, redaction: &Redaction) -> Fact {
    match fact {
        Fact::Request(Request { method, target, version, headers }) => Fact::Request(Request {
            method: cut(method.into(), METHOD_BYTES_MAX).into_owned(),
            target: cut(redaction.url(target.into()), TARGET_BYTES_MAX).into_owned(),
            version,
            headers: fields(headers, redaction),
        }),
        Fact::Head(ResponseHead { status, headers }) => {
            Fact::Head(ResponseHead { status, headers: fields(headers, redaction) })
        }
        Fact::Fault(FaultAdded { id, mut fault }) => {
            // Shown as in the head of the response.
            if let Some(Value::String(location)) = fault.get_mut("location") {
                *location = redaction.url(std::mem::take(location).into()).into_owned();
            }
            Fact::Fault(FaultAdded { id, fault })
        }
        other => other,
    }
}

fn fields(headers: Vec<(String, String)>, redaction: &Redaction) -> Vec<(String, String)> {
    let shown = headers.into_iter().map(|(name, value)| {
        let value = cut(redaction.header(&name, value.into()), HEADER_VALUE_BYTES_MAX);
        (cut(name.into(), HEADER_NAME_BYTES_MAX).into_owned(), value.into_owned())
    });
    shown.collect()
}
