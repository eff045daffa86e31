//! Why an application in a lab can't be checked.

use std::fmt;

use super::WrongHeader;
use crate::judge::NoSuchCase;

/// Why an application in a lab can't be checked. The message says what was expected, what came, and where.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A recording can't be read, is none, or can't be written.
    #[error("{0}")]
    Recordings(String),
    /// Only a whole check can be accepted.
    #[error("expected a whole check to accept what comes, got one with `only`, `skip`, `events` or `watch_for`")]
    AcceptsPart,
    /// A header can't be sent.
    #[error(transparent)]
    Header(#[from] WrongHeader),
    /// A pattern of ids is none.
    #[error("failed to read the pattern {pattern:?}: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The mistake.
        why: String,
    },
    /// A pattern matches no case.
    #[error(transparent)]
    NoSuchCase(#[from] NoSuchCase),
}

/// Prints the message, which a failed `unwrap` shows.
impl fmt::Debug for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
