//! The verdicts of a user's own invariants.

use std::fmt::Display;

/// A verdict on a world or a response: the result of an invariant's closure.
///
/// A closure without a result asserts, and a panic is a violation. Other closures return whether the invariant holds, or an
/// error with the reason.
pub trait Verdict {
    /// Returns an error if the invariant is violated; the error is empty if nothing more is known.
    ///
    /// # Errors
    ///
    /// If the invariant is violated.
    fn verdict(self) -> Result<(), String>;
}

impl Verdict for () {
    fn verdict(self) -> Result<(), String> {
        Ok(())
    }
}

impl Verdict for bool {
    fn verdict(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<E: Display> Verdict for Result<(), E> {
    fn verdict(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
