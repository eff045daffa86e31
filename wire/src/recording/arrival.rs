//! The keys that a recorder adds to the lines: the body of a request, and the time of a first byte.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Fact, Notes};
use crate::jsonl::Problem;

/// The body of a request, and when the first byte of a head or a write came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalNotes {
    /// The body of a request; nothing for an empty body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// When the first byte of a head or a write came, in milliseconds; nothing if the last byte came in the same
    /// millisecond. `t_ms` is the time of the last byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
}

impl Notes for ArrivalNotes {
    const KEYS: &'static [&'static str] = &["body", "first_ms"];

    fn check(&self, fact: &Fact) -> Result<(), Problem> {
        let misplaced = if self.body.is_some() && !matches!(fact, Fact::RawRequest(_)) {
            "body"
        } else if self.first_ms.is_some() && !matches!(fact, Fact::Head(_) | Fact::Write(_)) {
            "first_ms"
        } else {
            return Ok(());
        };
        Err(Problem::field(misplaced, format_args!("no such key in a line of kind {}", fact.kind())))
    }
}

/// The body of a request. The key is `text` where the bytes are UTF-8, else `base64`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "super::read::BodyPayload")]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether the body was longer, so that only the beginning is here. The key is `cut`.
    pub is_cut: bool,
}
