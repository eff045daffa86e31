//! Reads lines from JSON. An error names the field.

use std::ops::RangeInclusive;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{Body, Fact, Line, Notes, Push, Write};
use crate::jsonl::{self, Object, Problem};

/// The keys of a line of any kind, apart from notes.
const COMMON_KEYS: [&str; 4] = ["t_ms", "kind", "connection", "request"];

/// The statuses of HTTP, of three digits (RFC 9110, 15).
pub(super) const STATUSES: RangeInclusive<u64> = 100..=999;

impl<N: Notes> Line<N> {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// If the text is no JSON object, or the keys do not fit the kind of the line. The error names the key.
    pub fn read(text: &str) -> Result<Self, Problem> {
        // Takes the common keys out first; the keys that remain must be the keys of the kind.
        let mut keys: Map<String, Value> = jsonl::read(text)?;
        let is_start = keys.get("kind").is_some_and(|kind| kind == "recording");
        // Leaves `t_ms` among the keys of the first line, where `t_ms` is an unknown key.
        let t_ms = if is_start { 0 } else { take(&mut keys, "t_ms")? };
        let kind: String = take(&mut keys, "kind")?;
        let exchange = jsonl::from_value(some(&mut keys, &["connection", "request"]))?;
        let notes: N = jsonl::from_value(some(&mut keys, N::KEYS))?;
        let fact = fact(&kind, keys).map_err(|problem| problem.with_nearest(&[&COMMON_KEYS, N::KEYS].concat()))?;
        // Checks the notes last, since the fact decides which notes are allowed.
        notes.check(t_ms, &fact)?;
        Ok(Self { t_ms, exchange, fact, notes })
    }
}

/// Returns the fact of a line with this kind and these keys.
fn fact(kind: &str, keys: Map<String, Value>) -> Result<Fact, Problem> {
    // Tells the two forms of a request apart: by parts, as in a log, or by bytes.
    let has_parts = keys.contains_key("method");
    let keys = Value::Object(keys);
    Ok(match kind {
        "recording" => Fact::Recording(jsonl::from_value(keys)?),
        "log" => Fact::Log(jsonl::from_value(keys)?),
        "request" if has_parts => Fact::Request(jsonl::from_value(keys)?),
        "request" => Fact::RawRequest(jsonl::from_value(keys)?),
        "head" => Fact::Head(jsonl::from_value(keys)?),
        "write" => Fact::Write(jsonl::from_value(keys)?),
        "event" => Fact::Event(jsonl::from_value(keys)?),
        "end" => Fact::End(jsonl::from_value(keys)?),
        "leave" => Fact::Leave(jsonl::from_value(keys)?),
        "dropped" => Fact::Dropped(jsonl::from_value(keys)?),
        "push" => Fact::Push(jsonl::from_value(keys)?),
        "close" => Fact::Close(jsonl::from_value(keys)?),
        "route" => Fact::Route(jsonl::from_value(keys)?),
        "routes-deleted" => Fact::RoutesDeleted(jsonl::from_value(keys)?),
        "publish" => Fact::Publish(jsonl::from_value(keys)?),
        "fault" => Fact::Fault(jsonl::from_value(keys)?),
        "faults-deleted" => Fact::FaultsDeleted(jsonl::from_value(keys)?),
        _ => {
            return Err(Problem::field(
                "kind",
                format_args!("the kind of a line, such as head or write, got {kind:?}"),
            ));
        }
    })
}

/// Takes the value of a key.
fn take<T: de::DeserializeOwned>(keys: &mut Map<String, Value>, name: &str) -> Result<T, Problem> {
    let value = keys.remove(name).ok_or_else(|| Problem::missing(name))?;
    jsonl::from_value(value).map_err(|problem| problem.within(name))
}

/// Takes the present keys among `names`.
fn some(keys: &mut Map<String, Value>, names: &[&str]) -> Value {
    names.iter().filter_map(|name| keys.remove_entry(*name)).collect::<Map<_, _>>().into()
}

/// The keys of a write, or of a push.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    text: Option<String>,
    #[serde(default, deserialize_with = "base64")]
    base64: Option<Bytes>,
}

impl TryFrom<Payload> for Write {
    type Error = &'static str;

    fn try_from(Payload { text, base64 }: Payload) -> Result<Self, Self::Error> {
        Ok(Self { bytes: bytes(text, base64)? })
    }
}

impl TryFrom<Payload> for Push {
    type Error = &'static str;

    fn try_from(Payload { text, base64 }: Payload) -> Result<Self, Self::Error> {
        Ok(Self { bytes: bytes(text, base64)? })
    }
}

/// The keys of a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyPayload {
    text: Option<String>,
    #[serde(default, deserialize_with = "base64")]
    base64: Option<Bytes>,
    #[serde(default)]
    cut: bool,
}

impl TryFrom<Object<BodyPayload>> for Body {
    type Error = &'static str;

    fn try_from(Object(BodyPayload { text, base64, cut }): Object<BodyPayload>) -> Result<Self, Self::Error> {
        Ok(Self { bytes: bytes(text, base64)?, is_cut: cut })
    }
}

fn bytes(text: Option<String>, base64: Option<Bytes>) -> Result<Bytes, &'static str> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into()),
        (None, Some(bytes)) => Ok(bytes),
        (Some(_), Some(_)) => Err("expected either text or base64, got both"),
        (None, None) => Err("expected either text or base64, got neither"),
    }
}

/// Reads a status. A number that no `u16` holds is told with the range of all statuses; `RecordedExchange` checks the others.
pub(super) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = u64::deserialize(deserializer)?;
    let (least, most) = (STATUSES.start(), STATUSES.end());
    u16::try_from(status)
        .map_err(|_| de::Error::custom(format_args!("expected a whole number from {least} to {most}, got {status}")))
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
    let bytes = BASE64_STANDARD.decode(String::deserialize(deserializer)?);
    bytes.map(|bytes| Some(bytes.into())).map_err(|_| de::Error::custom("expected bytes in base64"))
}
