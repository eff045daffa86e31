//! The simulation: thousands of random worlds under faults, each of which follows from its seed.
//!
//! ```text
//!   seed ──► history ──► play ──► accounts ──► model ──► violation
//!            what clients   in a lab,            what must be    ──► shrink: the shortest history
//!            do, and when   over networks        true                        that still shows it
//! ```

mod coverage;
mod history;
mod model;
mod network;
mod play;
mod shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};

pub use self::coverage::Coverage;
use self::history::History;
use self::model::Violation;
use self::play::Outcome;
use crate::account::Account;
use crate::fixtures::golden::Golden;
use crate::lab::Application;

/// A world in which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What must be true and is not, who saw it, and what it saw.
    pub violation: String,
    /// The shortest history found that shows it, for people.
    pub history: String,
    /// What the client that saw it did and saw in that history.
    pub account: String,
    /// What every client saw in that history, as jsonl.
    pub transcripts: String,
}

/// What a world that is right leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Of everything that its clients did and saw.
    pub hash: [u8; 32],
    /// How long it lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// What of interest occurred.
    pub coverage: Coverage,
}

/// Simulates worlds, by the contract as this program was built with it.
#[derive(Debug)]
pub struct Simulator {
    golden: Golden,
    application: Application,
}

impl Simulator {
    /// A simulator of the application.
    #[must_use]
    pub fn new(application: Application) -> Self {
        Self { golden: Golden::read(), application }
    }

    /// Simulates the world of a seed.
    ///
    /// # Errors
    ///
    /// If something in it is wrong, with the shortest history found that shows it.
    pub fn world(&self, seed: u64) -> Result<Trace, Box<Failure>> {
        let history = History::new(seed);
        match self.play(&history) {
            Ok(outcome) => {
                let coverage = Coverage::of(&history, &outcome);
                Ok(Trace { hash: hash(&outcome), virtual_ms: history.end_ms, coverage })
            }
            Err((violation, _)) => Err(Box::new(self.failure(history, &violation))),
        }
    }

    fn failure(&self, history: History, violation: &Violation) -> Failure {
        let seed = history.seed;
        let invariant = violation.invariant;
        let shows =
            |history: &History| self.play(history).is_err_and(|(violation, _)| violation.invariant == invariant);
        let shortest = shrink::shrink(history, shows);
        let (violation, outcome) = self.play(&shortest).err().unwrap_or((violation.clone(), None));
        let accounts = outcome.map(|outcome| outcome.accounts).unwrap_or_default();
        let account = violation.client.and_then(|client| accounts.get(client)).map(ToString::to_string);
        let (account, transcripts) = (account.unwrap_or_default(), transcripts(accounts));
        Failure { seed, violation: violation.to_string(), history: shortest.to_string(), account, transcripts }
    }

    /// Plays a history, and judges it.
    fn play(&self, history: &History) -> Result<Outcome, (Violation, Option<Outcome>)> {
        let wrong = |invariant, detail| Err((Violation { invariant, client: None, detail }, None));
        match catch_unwind(AssertUnwindSafe(|| play::play(&self.application, history))) {
            Err(_) => wrong("nothing panics", "the server panicked; its message is above".into()),
            Ok(Err(overdue)) => wrong("every world ends", overdue.to_string()),
            Ok(Ok(outcome)) => match model::judge(&self.golden, history, &outcome) {
                None => Ok(outcome),
                Some(violation) => Err((violation, Some(outcome))),
            },
        }
    }
}

/// Each line of each transcript, with the number of its client.
fn transcripts(accounts: Vec<Account>) -> String {
    let of = |(client, account): (usize, Account)| {
        let lines = account.into_transcript().to_jsonl();
        lines.lines().map(|line| line.replacen('{', &format!("{{\"client\":{client},"), 1) + "\n").collect::<String>()
    };
    accounts.into_iter().enumerate().map(of).collect()
}

fn hash(outcome: &Outcome) -> [u8; 32] {
    let mut hash = Sha256::new();
    for account in &outcome.accounts {
        hash.update(account.to_string());
        hash.update([0]);
    }
    hash.finalize().into()
}
