//! A finding, cut to what can be read.

use super::seconds;
use crate::judge::{
    Finding,
    report::cut::{Cut, same_chars},
};

/// How many characters before the first differing one are shown, and after it.
const BEFORE_CHARS: usize = 120;
const AFTER_CHARS: usize = 240;
/// Texts with as much in common at their beginning are worth a mark where they part, even if they are no bytes.
const SAME_CHARS_MIN: usize = 16;

/// What is shown of a finding.
pub(super) struct Found<'a> {
    pub(super) place: &'a str,
    pub(super) when: Option<String>,
    pub(super) why: &'a str,
    pub(super) expected: Cut,
    pub(super) actual: Cut,
    /// Whether the first difference is marked.
    pub(super) marked: bool,
    pub(super) differs_at: Option<usize>,
}

impl<'a> Found<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        let same = same_chars(&finding.expected, &finding.actual);
        let cut = |text: &str| Cut::new(text, same, BEFORE_CHARS, AFTER_CHARS);
        Self {
            place: &finding.place,
            when: finding.t_ms.map(seconds),
            why: &finding.why,
            expected: cut(&finding.expected),
            actual: cut(&finding.actual),
            marked: finding.expected != finding.actual
                && (finding.first_differing_byte.is_some() || same >= SAME_CHARS_MIN),
            differs_at: finding.first_differing_byte,
        }
    }
}
