//! Selections: which cases are judged, by patterns of ids.

use glob::Pattern;

use super::{Case, Measured};

/// Which cases are judged.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only cases that match such a pattern are judged; all cases if there is no pattern.
    pub only: Vec<Pattern>,
    /// Cases that match such a pattern are left out.
    pub skip: Vec<Pattern>,
}

/// A pattern of a selection that matches no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no case matches {pattern:?}: {}", .by.place_of_ids())]
pub struct NoSuchCase {
    /// The pattern.
    pub pattern: String,
    /// The contract with the cases.
    pub by: Measured,
}

impl Selection {
    /// Returns whether a case is judged.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(id));
        (self.only.is_empty() || among(&self.only)) && !among(&self.skip)
    }

    /// Returns whether at least one case is judged.
    pub(crate) fn has_any<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> bool {
        ids.into_iter().any(|id| self.has(id))
    }

    /// Refuses a pattern that matches no case, and therefore is misspelled.
    pub(crate) fn among(&self, cases: &[Case], by: Measured) -> Result<(), NoSuchCase> {
        let in_vain = |pattern: &&Pattern| !cases.iter().any(|case| pattern.matches(&case.id));
        let misspelled = self.only.iter().chain(&self.skip).find(in_vain);
        misspelled.map_or(Ok(()), |pattern| Err(NoSuchCase { pattern: pattern.as_str().into(), by }))
    }
}
