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

/// A failed world.
pub(super) struct WorldFailure {
    pub(super) seed: u64,
    pub(super) found: FoundViolation,
    /// The shortest history found, for people.
    pub(super) history: String,
    /// The shortest history found, as data.
    pub(super) again: String,
    /// Whether the world showed the violation a second time.
    pub(super) is_repeatable: bool,
}

impl fmt::Display for WorldFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, found: FoundViolation { violation, logs }, history, again, is_repeatable } = self;
        let violation = violation.to_string();
        writeln!(f, "seed {seed}: {}\n", violation.trim_end())?;
        let title = if *is_repeatable { "the shortest history found" } else { "the history" };
        writeln!(f, "{title}:\n{history}\n")?;
        writeln!(f, "what the clients did and saw:\n{}\n", logs.trim_end())?;
        if *is_repeatable {
            writeln!(f, "to play the seed again, and nothing else: .seeds({seed}..{})", seed + 1)?;
            write!(f, "to play the shortest history again, before all seeds:\n.again(r#\"{again}\"#)")
        } else {
            write!(
                f,
                "The same seed gave another world the second time.\n  help: the application draws randomness, reads the \
                 time of the machine, iterates over a hash map, or uses threads. Let the builder hand seeded randomness \
                 to the application, and take time from tokio."
            )
        }
    }
}
