//! Writes and reads the values in the JSON of a fault.

use axum::http::{HeaderValue, StatusCode};
use serde::de::Deserializer;
use serde::ser::Serializer;

use super::{LineEnds, StatusChange};
use crate::form::{WrongField, fitting, whole};

/// How long a path may be, and a location.
pub(super) const PATH_BYTES_MAX: usize = 2048;
const CONTENT_TYPE_BYTES_MAX: usize = 256;
const EVENT_ID_CHARACTERS_MAX: usize = 256;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls with a reference")]
pub(super) fn code<S: Serializer>(status: &StatusCode, json: S) -> Result<S::Ok, S::Error> {
    json.serialize_u16(status.as_u16())
}

pub(super) fn status<'de, D: Deserializer<'de>>(json: D) -> Result<StatusCode, D::Error> {
    fitting(json, "204, 301, 302, 303, 307, 308 or 400 to 599", |value| {
        // Refuses 304 and 1xx, which would need more than another status.
        let code = u16::try_from(whole(value)?).ok()?;
        let status = StatusCode::from_u16(code).ok()?;
        (code == 204 || is_redirection(status) || (400..=599).contains(&code)).then_some(status)
    })
}

/// Returns whether a status needs a location.
fn is_redirection(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Checks that the other headers suit the status.
pub(super) fn check_status(change: &StatusChange) -> Result<(), WrongField> {
    let StatusChange { status, location, retry_after_s } = change;
    if location.is_none() && is_redirection(*status) {
        return Err(WrongField::new("location", "is needed with this status"));
    }
    if location.is_some() && !is_redirection(*status) {
        return Err(WrongField::new("location", "goes with 301, 302, 303, 307 and 308 only"));
    }
    if retry_after_s.is_some() && status.as_u16() < 400 {
        return Err(WrongField::new("retry_after_s", "goes with 4xx and 5xx only"));
    }
    Ok(())
}

/// Writes a header value, or none.
pub(super) fn text<'a, T, S: Serializer>(value: &'a T, json: S) -> Result<S::Ok, S::Error>
where
    Option<&'a HeaderValue>: From<&'a T>,
{
    let value = Option::<&HeaderValue>::from(value);
    json.serialize_str(value.and_then(|value| value.to_str().ok()).unwrap_or_default())
}

pub(super) fn location<'de, D: Deserializer<'de>>(json: D) -> Result<Option<HeaderValue>, D::Error> {
    let expected = "a URL or a path, of at most 2048 visible ASCII characters";
    fitting(json, expected, |value| header(value.as_str()?, PATH_BYTES_MAX)).map(Some)
}

pub(super) fn content_type<'de, D: Deserializer<'de>>(json: D) -> Result<HeaderValue, D::Error> {
    let expected = "a value of a Content-Type header, of at most 256 visible ASCII characters";
    fitting(json, expected, |value| header(value.as_str()?, CONTENT_TYPE_BYTES_MAX))
}

/// Returns a text as the value of a header, if a header can have the text.
fn header(text: &str, bytes_max: usize) -> Option<HeaderValue> {
    // Refuses spaces at both ends, which HTTP would remove.
    let fits = !text.is_empty() && text.len() <= bytes_max && text.trim() == text;
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    (fits && visible).then(|| HeaderValue::from_str(text).ok()).flatten()
}

pub(super) fn line_ends<'de, D: Deserializer<'de>>(json: D) -> Result<LineEnds, D::Error> {
    fitting(json, "\"cr\" or \"crlf\"", |value| serde_json::from_value(value.clone()).ok())
}

/// Reads the field `id` of an event (WHATWG HTML, 9.2.6).
pub(super) fn event_id<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    fitting(json, "an event ID, of at most 256 characters, without a line end or NUL", |value| {
        let text = value.as_str()?;
        let fits = text.chars().count() <= EVENT_ID_CHARACTERS_MAX && !text.contains(['\r', '\n', '\0']);
        fits.then(|| text.to_owned())
    })
}
