//! Findings: breaches of a case, each with a place, the expected text and the text that came.

use std::time::Duration;

use onbeat_wire::printable::{TEXT_CHARS_MAX, clipped};
use serde::Serialize;

use super::compare::{first_difference, same_chars};
use super::milliseconds::duration_ms;

/// A breach of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The file of the breached line, and the number or the id of the line.
    pub place: String,
    /// When the write came, or should have come, in milliseconds since the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_ms: Option<f64>,
    /// The expected text.
    pub expected: String,
    /// The text that came.
    pub actual: String,
    /// The first byte in which both differ, from 0, if both are bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_differing_byte: Option<usize>,
    /// The kind of the breach, in words.
    pub why: String,
    /// How many characters at the beginning of both texts, the expected one and the other, are in the write beside as well.
    #[serde(skip)]
    pub(crate) common_chars: [usize; 2],
}

impl Finding {
    /// Returns a finding without a time.
    pub(crate) fn new(
        place: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        let clipped = |text: String| clipped(text, TEXT_CHARS_MAX);
        let (expected, actual) = (clipped(expected.into()), clipped(actual.into()));
        let (place, why) = (place.into(), why.into());
        Self { place, t_ms: None, expected, actual, first_differing_byte: None, why, common_chars: [0, 0] }
    }

    /// Returns the finding at a time since the request.
    pub(crate) fn after(mut self, time: Duration) -> Self {
        self.t_ms = Some(duration_ms(time));
        self
    }

    /// Returns the finding of an expected write beside another one: where both begin alike, a report shows what follows.
    pub(crate) fn expected_beside(mut self, other: &str) -> Self {
        self.common_chars[0] = same_chars(&self.expected, other);
        self
    }

    /// Returns the finding of a write that came beside another one: where both begin alike, a report shows what follows.
    pub(crate) fn came_beside(mut self, other: &str) -> Self {
        self.common_chars[1] = same_chars(&self.actual, other);
        self
    }

    /// Returns where a report looks at the two texts: at the first character in which they differ, or in which a write differs
    /// from the one beside.
    pub(crate) fn shown_from(&self) -> [usize; 2] {
        let same = same_chars(&self.expected, &self.actual);
        self.common_chars.map(|common| same.max(common))
    }

    /// Returns the finding with the first byte in which both texts differ.
    pub(crate) fn differing(mut self, expected: &[u8], actual: &[u8]) -> Self {
        self.first_differing_byte = first_difference(expected, actual);
        self
    }
}
