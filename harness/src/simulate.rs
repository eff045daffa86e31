//! The simulation: thousands of random worlds under faults, each determined by a seed.
//!
//! ```text
//!   seed ──► history ──► play ──► observations ──► model ──► violation ──► shrink
//!            operations  in a lab, logs of          the                    the shortest history
//!            and times   over      all clients      invariants             with the same violation
//!                        networks
//! ```

pub(crate) mod circle;
mod coverage;
mod draws;
mod generator;
mod history;
mod link;
mod model;
pub(crate) mod network;
mod operation;
mod play;
mod resource;
mod run;
pub(crate) mod shrink_history;
pub(crate) mod shrinking;
pub(crate) mod timed_history;
mod trace;

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};
use tracing::subscriber::{NoSubscriber, with_default};

pub use self::coverage::Coverage;
pub use self::draws::Draws;
pub use self::history::History;
pub use self::link::Link;
pub(crate) use self::model::Violation;
pub use self::operation::{Operation, OperationKind};
use self::play::Observations;
pub use self::resource::{Manner, Message, Resource, ResourceRequest};
pub use self::run::Run;
pub use self::trace::histories;
use crate::excerpt::excerpt;
use crate::fixtures::read_back::Golden;
use crate::world_lab::WorldServer;

/// How many lines of a violation, and of a log, are shown.
const SHOWN_LINES_MAX: usize = 40;

/// A failed world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The shortest history found that shows the violation.
    pub history: History,
    /// The violated invariant, the client that saw the violation, and the details.
    pub violation: String,
    /// The log of that client, for people.
    pub log: String,
    /// The seen responses of all clients, as jsonl.
    pub responses: String,
}

/// The trace of a world that holds all invariants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The hash of the logs of all clients.
    pub hash: [u8; 32],
    /// How long the world lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// The events of interest in the world.
    pub coverage: Coverage,
}

/// Simulates worlds of an application, by the contract as this program was built with it.
#[derive(Debug)]
pub struct Simulator {
    golden: Golden,
    application: WorldServer,
}

/// A violation, and the observations if the world came to an end.
type Violated = Box<(Violation, Option<Observations>)>;

impl Simulator {
    /// Returns a simulator of the application.
    #[must_use]
    pub fn new(application: WorldServer) -> Self {
        Self { golden: Golden::read(), application }
    }

    /// Simulates the world of a seed.
    ///
    /// # Errors
    ///
    /// If the world violates an invariant. The error has the shortest history found that shows the violation.
    pub fn world(&self, seed: u64) -> Result<Trace, Box<Failure>> {
        self.replay(History::new(seed))
    }

    /// Simulates the world of a history.
    ///
    /// # Errors
    ///
    /// If the world violates an invariant. The error has the shortest history found that shows the violation.
    pub fn replay(&self, history: History) -> Result<Trace, Box<Failure>> {
        match self.play(&history) {
            Ok(observations) => {
                let coverage = Coverage::of(&history, &observations);
                Ok(Trace { hash: hash(&observations), virtual_ms: history.end_ms, coverage })
            }
            Err(violated) => Err(Box::new(self.failure(history, &violated.0))),
        }
    }

    fn failure(&self, history: History, violation: &Violation) -> Failure {
        // Demands a possible history, which can be played again.
        let shows = |history: &History| {
            let is_same = |violated: Violated| violated.0.invariant == violation.invariant;
            trace::check(history).is_ok() && self.play(history).is_err_and(is_same)
        };
        let history = shrink_history::shrink(history, shows);
        // Plays the shortest history again, which may violate the invariant in another way.
        let (violation, observations) =
            self.play(&history).err().map_or((violation.clone(), None), |violated| *violated);
        let logs = observations.map(|observations| observations.logs).unwrap_or_default();
        let log = violation.client.and_then(|client| logs.get(client)).map(ToString::to_string).unwrap_or_default();
        let (violation, log) = (excerpt(&violation.to_string(), SHOWN_LINES_MAX), excerpt(&log, SHOWN_LINES_MAX));
        Failure { history, violation, log, responses: trace::responses(logs) }
    }

    /// Plays a history, and judges the world.
    fn play(&self, history: &History) -> Result<Observations, Violated> {
        let violated = |invariant: &'static str, detail| {
            Err(Box::new((Violation { invariant: Cow::Borrowed(invariant), client: None, detail }, None)))
        };
        // Drops the log of the server, which would have a line for each fault.
        let play = || with_default(NoSubscriber::default(), || play::play(&self.application, history));
        match catch_unwind(AssertUnwindSafe(play)) {
            Err(_) => violated("nothing panics", "the server panicked; its message is above".into()),
            Ok(Err(overdue)) => violated("every world ends", overdue.to_string()),
            Ok(Ok(observations)) => match model::judge(&self.golden, history, &observations) {
                Ok(()) => Ok(observations),
                Err(violation) => Err(Box::new((violation, Some(observations)))),
            },
        }
    }
}

impl Failure {
    /// Returns the failure of a world with another trace the second time.
    fn of_determinism(seed: u64) -> Self {
        let violation = "the same seed gives the same trace\n  it gave another the second time".into();
        Self { history: History::new(seed), violation, log: String::new(), responses: String::new() }
    }
}

/// Prints for people: the violation, the history, and the log of the client that saw the violation.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, violation, log, .. } = self;
        writeln!(f, "seed {}: {violation}\n\nthe shortest history found:\n{history}", history.seed)?;
        if log.is_empty() { Ok(()) } else { writeln!(f, "what that client did and saw:\n{log}") }
    }
}

fn hash(observations: &Observations) -> [u8; 32] {
    let logs = observations.logs.iter();
    logs.fold(Sha256::new(), |hash, log| hash.chain_update(log.to_string()).chain_update([0])).finalize().into()
}
