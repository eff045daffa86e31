//! Which cases are judged.

use glob::Pattern;

use crate::fixtures::format::Case;

/// What needs more of the contract's time than this is left out of a quick check: 10 s, but not what happens then.
const QUICK_MS: u64 = 9_500;

/// A choice of cases, and of how much of each stream is watched.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, if there are any.
    pub only: Vec<Pattern>,
    /// Not these.
    pub skip: Vec<Pattern>,
    /// Only what needs no more than 10 s.
    pub quick: bool,
}

impl Selection {
    /// Whether a case is judged.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(id));
        (self.only.is_empty() || among(&self.only)) && !among(&self.skip)
    }

    /// Whether any of these cases is judged.
    pub(super) fn has_any<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> bool {
        ids.into_iter().any(|id| self.has(id))
    }

    /// Patterns that match no case, and so are misspelled.
    pub(super) fn misspelled(&self, cases: &[Case]) -> Option<&Pattern> {
        self.only.iter().chain(&self.skip).find(|pattern| !cases.iter().any(|case| pattern.matches(&case.id)))
    }

    /// Until when streams are watched, in the contract's time.
    pub(super) fn watched_ms(&self) -> u64 {
        if self.quick { QUICK_MS } else { u64::MAX }
    }
}
