//! The outcomes of the user's own invariants.

use std::fmt::Display;

/// The outcome of an invariant for a world or a stream: the result of the closure.
///
/// A closure without a result asserts, and a panic is a violation. Other closures return whether the invariant holds, or an
/// error with the reason.
pub trait InvariantOutcome {
    /// Returns an error if the invariant is violated; the error is empty if nothing more is known.
    ///
    /// # Errors
    ///
    /// If the invariant is violated.
    fn outcome(self) -> Result<(), String>;
}

impl InvariantOutcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl InvariantOutcome for bool {
    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<E: Display> InvariantOutcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
