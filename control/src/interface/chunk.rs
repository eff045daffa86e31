//! The form of a chunk that a test sends: an event by its fields, or raw bytes.

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use onbeat_faults::form::{self, INTEGER_MAX, WrongField, fitting, within};
use onbeat_routes::EventFields;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::controller::{EVENT_ID, LINE, SentChunk, is_event_id, is_line};

/// The most bytes of the body of a request with a chunk.
pub(super) const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// The form: some of the fields of an event, or `text` alone, or `base64` alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkForm {
    #[serde(default, deserialize_with = "line")]
    comment: Option<String>,
    #[serde(default, deserialize_with = "line")]
    event: Option<String>,
    #[serde(default, deserialize_with = "event_id")]
    id: Option<String>,
    #[serde(default, deserialize_with = "within::<_, _, 0, INTEGER_MAX>")]
    retry: Option<u64>,
    #[serde(default, deserialize_with = "text")]
    data: Option<String>,
    #[serde(default, deserialize_with = "raw_text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "raw_bytes")]
    base64: Option<Bytes>,
}

/// Reads a chunk, which has at least one byte.
pub(super) fn read(json: Value) -> Result<SentChunk, WrongField> {
    // Keeps the names, which the form loses, for the message about wrong combinations.
    let names: Vec<_> = json.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut form: ChunkForm = form::read(json)?;
    if names.is_empty() {
        let reason = "expected fields of an event (comment, event, id, retry, data), text or base64, got none";
        return Err(WrongField::new("body", reason));
    }
    let text = form.text.take().map(|text| ("text", Bytes::from(text)));
    // Looks for raw bytes first: any other key beside raw bytes is an error.
    let raw = text.or_else(|| form.base64.take().map(|bytes| ("base64", bytes)));
    match raw {
        None => {
            let ChunkForm { comment, event, id, retry: retry_ms, data, .. } = form;
            Ok(SentChunk::Event(EventFields { comment, event, id, retry_ms, data }))
        }
        Some((_, bytes)) if names.len() == 1 => Ok(SentChunk::Raw(bytes)),
        Some((name, _)) => {
            let reason = format!("expected either fields of an event, text or base64, got {}", names.join(", "));
            Err(WrongField::new(name, reason))
        }
    }
}

fn line<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    fitting(json, LINE, |value| value.as_str().filter(|text| is_line(text)).map(|text| Some(text.to_owned())))
}

fn event_id<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    fitting(json, EVENT_ID, |value| value.as_str().filter(|text| is_event_id(text)).map(|text| Some(text.to_owned())))
}

fn text<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    fitting(json, "a text", |value| value.as_str().map(|text| Some(text.to_owned())))
}

fn raw_text<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    fitting(json, "a text that is not empty", |value| {
        value.as_str().filter(|text| !text.is_empty()).map(|text| Some(text.to_owned()))
    })
}

fn raw_bytes<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Bytes>, D::Error> {
    fitting(json, "at least one byte in base64, with padding", |value| {
        let bytes = BASE64_STANDARD.decode(value.as_str()?).ok()?;
        (!bytes.is_empty()).then(|| Some(bytes.into()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chunk_is_an_event_by_its_fields_or_raw_bytes() {
        for (form, bytes) in [
            (json!({"data": "a"}), &b"data: a\n\n"[..]),
            (json!({"data": ""}), b"data:\n\n"),
            (json!({"data": "a\nb\r\nc"}), b"data: a\ndata: b\ndata: c\n\n"),
            (
                json!({"data": "d", "retry": 5000, "id": "7", "event": "e", "comment": "c"}),
                b": c\nevent: e\nid: 7\nretry: 5000\ndata: d\n\n",
            ),
            (json!({"comment": ""}), b":\n\n"),
            (json!({"id": ""}), b"id:\n\n"),
            (json!({"text": "data: a\r\n"}), b"data: a\r\n"),
            (json!({"text": "\u{0}"}), b"\0"),
            (json!({"base64": "8J+Y"}), b"\xf0\x9f\x98"),
        ] {
            assert_eq!(read(form.clone()).map(SentChunk::bytes).as_deref(), Ok(bytes), "{form}");
        }
    }

    #[test]
    fn any_other_form_is_refused_by_the_field() {
        for (form, told) in [
            (
                json!({}),
                "body: expected fields of an event (comment, event, id, retry, data), text or base64, got none",
            ),
            (json!({"event": "a\nb"}), "event: expected a text without a line end, got \"a\\nb\""),
            (json!({"comment": "a\rb"}), "comment: expected a text without a line end, got \"a\\rb\""),
            (json!({"id": "a\u{0}"}), "id: expected an event ID without a line end or NUL, got \"a\\u0000\""),
            (json!({"id": 7}), "id: expected an event ID without a line end or NUL, got 7"),
            (json!({"retry": -1}), "retry: expected a whole number from 0 to 9007199254740991, got -1"),
            (json!({"data": {"a": 1}}), "data: expected a text, got {\"a\":1}"),
            (json!({"data": null}), "data: expected a text, got null"),
            (json!({"text": ""}), "text: expected a text that is not empty, got \"\""),
            (json!({"base64": ""}), "base64: expected at least one byte in base64, with padding, got \"\""),
            (json!({"base64": "8J-Y"}), "base64: expected at least one byte in base64, with padding, got \"8J-Y\""),
            (
                json!({"text": "a", "data": "b"}),
                "text: expected either fields of an event, text or base64, got data, text",
            ),
            (
                json!({"base64": "YQ==", "id": ""}),
                "base64: expected either fields of an event, text or base64, got base64, id",
            ),
            (json!({"dta": "a"}), "dta: is not known here; expected comment, event, id, retry, data, text, base64"),
        ] {
            assert_eq!(read(form.clone()).expect_err("refused").to_string(), told, "{form}");
        }
    }
}
