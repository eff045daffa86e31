//! The head of a recorded response, as the head of a response to play.

use axum::http::header::{CONNECTION, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use onbeat_server::script::{Action, Cue, ResponseHead};
use onbeat_wire::jsonl::Problem;
use onbeat_wire::recording;
use onbeat_wire::{CONNECTION_FIELDS, How, header_bytes};

/// A header of the proxy that the recorder asked.
const OF_PROXY: &str = "proxy-authenticate";

/// Returns the head without the headers of the connection.
pub(super) fn read(head: &recording::ResponseHead) -> Result<ResponseHead, Problem> {
    let status = StatusCode::from_u16(head.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let Some(status) = status else {
        return Err(Problem::field("status", format_args!("a status from 200 to 599, got {}", head.status)));
    };
    let mut headers = HeaderMap::new();
    for (number, (name, value)) in head.headers.iter().enumerate() {
        let wrong = |expected| {
            Problem::field(format!("headers[{number}]"), format_args!("{expected}, got {name:?}: {value:?}"))
        };
        let name: HeaderName = name.parse().map_err(|_| wrong("the name of a header"))?;
        headers
            .append(name, HeaderValue::from_bytes(&header_bytes(value)).map_err(|_| wrong("the value of a header"))?);
    }
    // Removes the headers of the connection, which the server writes anew: those that `Connection` names, and `Connection` itself.
    let named: Vec<_> = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).collect();
    for name in named.join(",").split(',').map(str::trim).chain(CONNECTION_FIELDS).chain([OF_PROXY]) {
        headers.remove(name);
    }
    Ok(ResponseHead { status, headers })
}

/// Removes a Content-Length other than the length of the body, such as the length in an answer to `HEAD`.
pub(super) fn check_length(cues: &mut [Cue]) {
    let length = |cue: &Cue| if let Action::Write(bytes) = &cue.action { bytes.len() } else { 0 };
    let sent: usize = cues.iter().map(length).sum();
    let is_complete = cues.last().is_some_and(|cue| cue.action == Action::End(How::Complete));
    let Some(Cue { action: Action::Head(head), .. }) = cues.first_mut() else { return };
    // Looks at the first of several lengths, which are equal.
    let told = head.headers.get(CONTENT_LENGTH).map(|told| told.to_str().ok()?.split(',').next()?.trim().parse().ok());
    // Lets a response that was cut off have sent less than the length, but never more.
    let fits = |told: usize| if is_complete { told == sent } else { told >= sent };
    match told {
        None => {}
        // Writes several lengths as one.
        Some(Some(told)) if fits(told) => drop(head.headers.insert(CONTENT_LENGTH, told.into())),
        Some(_) => drop(head.headers.remove(CONTENT_LENGTH)),
    }
}
