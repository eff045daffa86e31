//! A finding, cut to what can be read.

use super::time::seconds;
use crate::check::Finding;

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

/// A text, cut around the first character in which it differs from another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) before: String,
    /// Nothing if the text ends where the other goes on.
    pub(super) differing: String,
    pub(super) after: String,
}

impl<'a> Found<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        let same = finding.expected.chars().zip(finding.actual.chars()).take_while(|(a, b)| a == b).count();
        Self {
            place: &finding.place,
            when: finding.t_ms.map(seconds),
            why: &finding.why,
            expected: Cut::new(&finding.expected, same),
            actual: Cut::new(&finding.actual, same),
            marked: finding.expected != finding.actual
                && (finding.first_differing_byte.is_some() || same >= SAME_CHARS_MIN),
            differs_at: finding.first_differing_byte,
        }
    }
}

impl Cut {
    fn new(text: &str, same: usize) -> Self {
        let start = same.saturating_sub(BEFORE_CHARS);
        let mut chars = text.chars();
        let cut = if start > 0 { "…" } else { "" };
        let before = cut.chars().chain(chars.by_ref().take(same).skip(start)).collect();
        let differing = chars.next().map(String::from).unwrap_or_default();
        let mut after: String = chars.by_ref().take(AFTER_CHARS).collect();
        if chars.next().is_some() {
            after.push('…');
        }
        Self { before, differing, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_where_they_differ() {
        let long = format!("{}ab{}", "=".repeat(500), "x".repeat(500));
        let before = format!("…{}", "=".repeat(BEFORE_CHARS));
        let after = format!("b{}…", "x".repeat(AFTER_CHARS - 1));
        assert_eq!(Cut::new(&long, 500), Cut { before, differing: "a".into(), after });
        assert_eq!(Cut::new("ab", 2), Cut { before: "ab".into(), differing: String::new(), after: String::new() });
    }
}
