//! The facts of the log, without secrets and with every part of a bounded length.

use bytes::Bytes;
use onbeat_wire::recording::{Body, Fact, FaultAdded, Request, ResponseHead};
use serde_json::Value;

use super::cut::cut;
use super::redaction::Redaction;

/// The longest known method has 16 bytes.
const METHOD_BYTES_MAX: usize = 64;
/// A request with 16 KiB of target and headers is refused: of requests, only refused ones have targets and values cut.
const TARGET_BYTES_MAX: usize = 16 * 1024;
const HEADER_NAME_BYTES_MAX: usize = 256;
const HEADER_VALUE_BYTES_MAX: usize = 16 * 1024;
/// A request with a longer body can't be replayed.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Returns a fact as the log shows the fact.
pub(super) fn shown(fact: Fact, redaction: &Redaction) -> Fact {
    match fact {
        Fact::Request(Request { method, target, version, headers, body }) => Fact::Request(Request {
            method: cut(method.into(), METHOD_BYTES_MAX).into_owned(),
            target: cut(redaction.url(target.into()), TARGET_BYTES_MAX).into_owned(),
            version,
            body: body.map(|body| shown_body(body, &headers, redaction)),
            headers: fields(headers, redaction),
        }),
        Fact::Head(ResponseHead { status, headers }) => {
            Fact::Head(ResponseHead { status, headers: fields(headers, redaction) })
        }
        Fact::Fault(FaultAdded { id, mut fault }) => {
            // Redacts the location as in the head of the response, which shows the same location.
            if let Some(Value::String(location)) = fault.get_mut("location") {
                *location = redaction.url(std::mem::take(location).into()).into_owned();
            }
            Fact::Fault(FaultAdded { id, fault })
        }
        other => other,
    }
}

/// Returns the body of a request as the log shows bodies.
fn shown_body(body: Body, headers: &[(String, String)], redaction: &Redaction) -> Body {
    let content_type = headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    // Copies the beginning of a long body: a slice would keep the whole body in memory.
    let is_cut = body.bytes.len() > BODY_BYTES_MAX;
    let bytes = if is_cut { Bytes::copy_from_slice(&body.bytes[..BODY_BYTES_MAX]) } else { body.bytes };
    Body { bytes: redaction.body(content_type, bytes), is_cut }
}

fn fields(headers: Vec<(String, String)>, redaction: &Redaction) -> Vec<(String, String)> {
    let shown = headers.into_iter().map(|(name, value)| {
        let value = cut(redaction.header(&name, value.into()), HEADER_VALUE_BYTES_MAX);
        (cut(name.into(), HEADER_NAME_BYTES_MAX).into_owned(), value.into_owned())
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_greatest_length_are_shown_whole_and_longer_parts_are_cut() {
        let of_request = |more: usize| {
            let text = |bytes_max: usize| "x".repeat(bytes_max + more);
            Request {
                method: text(METHOD_BYTES_MAX),
                target: text(TARGET_BYTES_MAX),
                version: "HTTP/1.1".to_owned(),
                headers: vec![(text(HEADER_NAME_BYTES_MAX), text(HEADER_VALUE_BYTES_MAX))],
                body: Some(Body { bytes: text(BODY_BYTES_MAX).into(), is_cut: false }),
            }
        };
        let shown = |request| shown(Fact::Request(request), &Redaction::default());
        assert_eq!(shown(of_request(0)), Fact::Request(of_request(0)));

        let Fact::Request(cut) = shown(of_request(1)) else { panic!("expected a request") };
        let (name, value) = &cut.headers[0];
        for (text, bytes_max) in [
            (&cut.method, METHOD_BYTES_MAX),
            (&cut.target, TARGET_BYTES_MAX),
            (name, HEADER_NAME_BYTES_MAX),
            (value, HEADER_VALUE_BYTES_MAX),
        ] {
            assert_eq!(*text, format!("{}…[1 bytes left out]", "x".repeat(bytes_max)));
        }
        let body = cut.body.expect("the body is cut, and not left out");
        assert_eq!((body.bytes.len(), body.is_cut), (BODY_BYTES_MAX, true));
    }
}
