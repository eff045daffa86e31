//! The keys of a recording beside the facts: the body of a request and the time of a first byte, by a recorder; and the
//! values that may vary, by people.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Fact, Notes, Vary, VaryPlace};
use crate::jsonl::{self, Problem};

/// The body of a request, the time of the first byte of a head or a write, and the values that may vary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ArrivalNotes {
    /// The body of a request; nothing for an empty body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// When the first byte of a head or a write came, in milliseconds; nothing if the last byte came in the same
    /// millisecond. `t_ms` is the time of the last byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// The values that may vary: in a write, among the headers of a head, or, on the first line, in each line of the
    /// recording.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vary: Vec<Vary>,
    /// Whether a write may come at any time, any number of times, or not at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may: bool,
}

impl Notes for ArrivalNotes {
    const KEYS: &'static [&'static str] = &["body", "first_ms", "vary", "may"];

    fn check(&self, t_ms: u64, fact: &Fact) -> Result<(), Problem> {
        // Lists, in the order of `KEYS`, which keys are present but not allowed on the line.
        let is_misplaced = match fact {
            Fact::Recording(_) => [self.body.is_some(), self.first_ms.is_some(), false, self.may],
            Fact::RawRequest(_) => [false, self.first_ms.is_some(), !self.vary.is_empty(), self.may],
            Fact::Head(_) => [self.body.is_some(), false, false, self.may],
            Fact::Write(_) => [self.body.is_some(), false, false, false],
            _ => [self.body.is_some(), self.first_ms.is_some(), !self.vary.is_empty(), self.may],
        };
        if let Some((misplaced, _)) = Self::KEYS.iter().zip(is_misplaced).find(|(_, is_misplaced)| *is_misplaced) {
            let kind = fact.kind();
            return Err(Problem::field(*misplaced, format_args!("no such key in a line of kind {kind}")));
        }
        // Checks the place of each value: headers are in heads, all other values in writes; the first line has both.
        let fits = |vary: &Vary| match fact {
            Fact::Head(_) => matches!(vary.place, VaryPlace::Header(_)),
            Fact::Write(_) => !matches!(vary.place, VaryPlace::Header(_)),
            _ => true,
        };
        if let Some(at) = self.vary.iter().position(|vary| !fits(vary)) {
            let expected = if matches!(fact, Fact::Head(_)) { "a header in a head" } else { "no header in a write" };
            return Err(Problem::field(format!("vary[{at}]"), expected));
        }
        let first_ms = self.first_ms.unwrap_or(t_ms);
        let expected = format_args!("at most {t_ms}, the t_ms of the last byte, got {first_ms}");
        jsonl::ensure(first_ms <= t_ms, "first_ms", expected)
    }
}

/// The body of a request. The key is `text` where the bytes are UTF-8, else `base64`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "jsonl::Object<super::read::BodyPayload>")]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether the body was longer, so that only the beginning is here. The key is `cut`.
    pub is_cut: bool,
}
