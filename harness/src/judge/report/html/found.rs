//! A finding, with long texts cut.

use super::seconds;
use crate::judge::Finding;
use crate::judge::compare::same_chars;
use crate::judge::report::cut::Cut;

/// How many characters are shown before the first differing character, and after.
const BEFORE_CHARS: usize = 120;
const AFTER_CHARS: usize = 240;
/// Texts with as many characters in common at the beginning get a mark where the texts part, even if the texts are no bytes.
const SAME_CHARS_MIN: usize = 16;

/// The shown parts of a finding.
pub(super) struct Found<'a> {
    pub(super) finding: &'a Finding,
    pub(super) when: Option<String>,
    pub(super) expected: Cut,
    pub(super) actual: Cut,
    /// Whether the first difference is marked.
    pub(super) marked: bool,
}

impl<'a> Found<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        let same = same_chars(&finding.expected, &finding.actual);
        let [expected_from, actual_from] = finding.shown_from();
        let cut = |text, from| Cut::new(text, from, BEFORE_CHARS, AFTER_CHARS);
        Self {
            finding,
            when: finding.t_ms.map(seconds),
            expected: cut(&finding.expected, expected_from),
            actual: cut(&finding.actual, actual_from),
            marked: finding.expected != finding.actual
                && (finding.first_differing_byte.is_some() || same >= SAME_CHARS_MIN),
        }
    }
}
