//! The cases that a check in a lab judges, as the test names them.

use glob::Pattern;

use super::CheckError;
use crate::judge::Selection;

/// Ids of cases, and globs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CasePatterns {
    /// The cases that are judged; all if there is none.
    pub(crate) only: Vec<String>,
    /// The cases that are left out.
    pub(crate) skip: Vec<String>,
}

impl CasePatterns {
    /// Returns whether all cases are judged.
    pub(crate) fn are_all(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the selection by the patterns.
    ///
    /// # Errors
    ///
    /// If a text is no pattern.
    pub(crate) fn selection(&self) -> Result<Selection, CheckError> {
        let pattern = |text: &String| {
            Pattern::new(text).map_err(|error| CheckError::Pattern { pattern: text.clone(), why: error.to_string() })
        };
        let patterns = |texts: &[String]| texts.iter().map(pattern).collect::<Result<Vec<_>, _>>();
        Ok(Selection { only: patterns(&self.only)?, skip: patterns(&self.skip)? })
    }
}
