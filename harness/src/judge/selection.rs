//! A choice of cases, by patterns of their ids.

use glob::Pattern;

use super::Case;

/// A choice of cases.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// If there are any, only the cases that match one of these patterns.
    pub only: Vec<Pattern>,
    /// No case that matches one of these patterns.
    pub skip: Vec<Pattern>,
}

/// A pattern of a selection that matches no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no case matches {0:?}: fixtures/cases.json has their ids")]
pub struct NoSuchCase(pub String);

impl Selection {
    /// Returns whether a case is judged.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(id));
        (self.only.is_empty() || among(&self.only)) && !among(&self.skip)
    }

    /// Returns whether any of these cases is judged.
    pub(crate) fn has_any<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> bool {
        ids.into_iter().any(|id| self.has(id))
    }

    /// Refuses a pattern that matches none of these cases, and so is misspelled.
    pub(crate) fn among(&self, cases: &[Case]) -> Result<(), NoSuchCase> {
        let in_vain = |pattern: &&Pattern| !cases.iter().any(|case| pattern.matches(&case.id));
        let misspelled = self.only.iter().chain(&self.skip).find(in_vain);
        misspelled.map_or(Ok(()), |pattern| Err(NoSuchCase(pattern.as_str().into())))
    }
}
