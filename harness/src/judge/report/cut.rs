//! Long texts, cut around the first difference.

use std::fmt;

/// A text, cut around the first character that differs from another text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) before: String,
    /// The first character that differs; empty if the text ends where the other text goes on.
    pub(super) differing: String,
    pub(super) after: String,
}

impl Cut {
    /// Cuts a text that has so many characters in common with another text. At most so many characters stay before and after
    /// the first character that differs.
    pub(super) fn new(text: &str, same: usize, before_max: usize, after_max: usize) -> Self {
        let start = same.saturating_sub(before_max);
        let mut chars = text.chars();
        let cut = if start > 0 { "…" } else { "" };
        let before = cut.chars().chain(chars.by_ref().take(same).skip(start)).collect();
        let differing = chars.next().map(String::from).unwrap_or_default();
        let mut after: String = chars.by_ref().take(after_max).collect();
        if chars.next().is_some() {
            after.push('…');
        }
        Self { before, differing, after }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.before, self.differing, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::compare::same_chars;

    #[test]
    fn long_texts_are_cut_to_where_they_differ() {
        let long = format!("{}ab{}", "=".repeat(500), "x".repeat(500));
        let (before, after) = (format!("…{}", "=".repeat(120)), format!("b{}…", "x".repeat(239)));
        assert_eq!(Cut::new(&long, 500, 120, 240), Cut { before, differing: "a".into(), after });
        let none = Cut { before: "ab".into(), differing: String::new(), after: String::new() };
        assert_eq!(Cut::new("ab", 2, 120, 240), none);
    }

    #[test]
    fn what_is_left_is_printed_in_one_piece() {
        let (same, rest) = ("=".repeat(100), "x".repeat(200));
        let (expected, actual) = (format!("{same}a{rest}"), format!("{same}b"));
        let cut = |text: &str| Cut::new(text, same_chars(&expected, &actual), 40, 79).to_string();
        assert_eq!(cut(&expected), format!("…{}a{}…", "=".repeat(40), "x".repeat(79)));
        assert_eq!(cut(&actual), format!("…{}b", "=".repeat(40)));
        assert_eq!(Cut::new("a", same_chars("a", "a"), 40, 79).to_string(), "a");
    }
}
