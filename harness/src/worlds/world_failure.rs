//! A failed world, as the test's message tells of the failure.

use std::fmt;

use crate::simulate::Violation;

/// A violation, and what the clients did and saw.
#[derive(Clone, Debug)]
pub(super) struct FoundViolation {
    pub(super) violation: Violation,
    /// The logs of the clients, for people.
    pub(super) logs: String,
}

/// How far the history of a failed world has been shrunk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shrunk {
    /// The history is the shortest found.
    Shortest,
    /// Shrinking would take too long.
    NotAttempted,
    /// The world was another one the second time.
    NotTheSameAgain,
}

/// A failed world.
pub(super) struct WorldFailure {
    pub(super) seed: u64,
    pub(super) found: FoundViolation,
    pub(super) shrunk: Shrunk,
    /// The history, for people.
    pub(super) history: String,
    /// The history, as data.
    pub(super) again: String,
}

impl fmt::Display for WorldFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, found: FoundViolation { violation, logs }, shrunk, history, again } = self;
        let violation = violation.to_string();
        writeln!(f, "seed {seed}: {}\n", violation.trim_end())?;
        let (title, found) =
            if *shrunk == Shrunk::Shortest { ("the shortest history", " found") } else { ("the history", "") };
        writeln!(f, "{title}{found}:\n{history}\n")?;
        writeln!(f, "what the clients did and saw:\n{}\n", logs.trim_end())?;
        if *shrunk == Shrunk::NotTheSameAgain {
            return write!(
                f,
                "The same seed gave another world the second time.\n  help: the application draws randomness, reads the \
                 time of the machine, iterates over a hash map, or uses threads. Let the builder hand seeded randomness \
                 to the application, and take time from tokio."
            );
        }
        writeln!(f, "to play the seed again, and nothing else: .seeds({seed}..{})", seed + 1)?;
        write!(f, "to play {title} again, before all seeds:\n.again(r#\"{again}\"#)")
    }
}
