//! The simulation: thousands of random worlds under faults, each of which follows from its seed.
//!
//! ```text
//!   seed ──► history ──► play ──► logs ──────► model ──► violation
//!            what clients   in a lab,            what must be    ──► shrink: the shortest history
//!            do, and when   over networks        true                        that still shows it
//! ```

mod author;
mod coverage;
mod history;
mod model;
mod network;
mod play;
mod run;
mod shrink;
mod trace;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};
use tracing::subscriber::{NoSubscriber, with_default};

pub use self::coverage::Coverage;
pub use self::history::{Asked, Deed, History, Link, Manner, Message, What};
use self::model::Violation;
use self::play::Outcome;
pub use self::run::Run;
pub use self::trace::histories;
use crate::fixtures::golden::Golden;
use crate::lab::Application;
use crate::player::ClientLog;

/// A world in which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The shortest history found that shows it.
    pub history: History,
    /// What must be true and is not, who saw it, and what it saw.
    pub violation: String,
    /// What the client that saw it did and saw in that history, for people.
    pub log: String,
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
        self.replay(History::new(seed))
    }

    /// Simulates the world of a history.
    ///
    /// # Errors
    ///
    /// If something in it is wrong, with the shortest history found that shows it.
    pub fn replay(&self, history: History) -> Result<Trace, Box<Failure>> {
        match self.play(&history) {
            Ok(outcome) => {
                let coverage = Coverage::of(&history, &outcome);
                Ok(Trace { hash: hash(&outcome), virtual_ms: history.end_ms, coverage })
            }
            Err(wrong) => Err(Box::new(self.failure(history, &wrong.0))),
        }
    }

    fn failure(&self, history: History, violation: &Violation) -> Failure {
        let invariant = violation.invariant;
        // What is shown can be replayed: a history that can't be proves nothing.
        let shows = |history: &History| {
            trace::check(history).is_ok() && self.play(history).is_err_and(|wrong| wrong.0.invariant == invariant)
        };
        let history = shrink::shrink(history, shows);
        let (violation, outcome) = self.play(&history).err().map_or((violation.clone(), None), |wrong| *wrong);
        let logs = outcome.map(|outcome| outcome.logs).unwrap_or_default();
        let log = violation.client.and_then(|client| logs.get(client)).map(ToString::to_string);
        let (log, transcripts) = (clipped(&log.unwrap_or_default()), transcripts(logs));
        Failure { history, violation: clipped(&violation.to_string()), log, transcripts }
    }

    /// Plays a history, and judges it.
    fn play(&self, history: &History) -> Result<Outcome, Box<(Violation, Option<Outcome>)>> {
        let wrong = |invariant, detail| Err(Box::new((Violation { invariant, client: None, detail }, None)));
        // A server in distress would log all of it.
        let play = || with_default(NoSubscriber::default(), || play::play(&self.application, history));
        match catch_unwind(AssertUnwindSafe(play)) {
            Err(_) => wrong("nothing panics", "the server panicked; its message is above".into()),
            Ok(Err(overdue)) => wrong("every world ends", overdue.to_string()),
            Ok(Ok(outcome)) => match model::judge(&self.golden, history, &outcome) {
                None => Ok(outcome),
                Some(violation) => Err(Box::new((violation, Some(outcome)))),
            },
        }
    }
}

impl Failure {
    /// A world that was another the second time.
    fn of_determinism(seed: u64) -> Self {
        let violation = "the same seed gives the same trace\n  it gave another the second time".into();
        Self { history: History::new(seed), violation, log: String::new(), transcripts: String::new() }
    }

    /// The failure and what every client saw, as jsonl; the history in the first line can be replayed.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        let Self { history, violation, transcripts, .. } = self;
        let line = serde_json::json!({ "violation": violation, "history": history });
        format!("{line}\n{transcripts}")
    }
}

/// For people: what must be true and is not, the history, and what that client did and saw.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, violation, log, .. } = self;
        writeln!(f, "seed {}: {violation}\n\nthe shortest history found:\n{history}", history.seed)?;
        if !log.is_empty() {
            writeln!(f, "what that client did and saw:\n{log}")?;
        }
        Ok(())
    }
}

/// The lines as far as they can be taken in at a glance: in the middle of many something is left out.
fn clipped(text: &str) -> String {
    const WIDTH: usize = 160;
    const LINES: usize = 40;
    let clip = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…\n", &line[..at]),
        None => format!("{line}\n"),
    };
    let lines: Vec<&str> = text.lines().collect();
    let left_out = lines.len().saturating_sub(LINES);
    let (start, end) = (lines.iter().take(LINES / 2), lines.iter().skip(LINES / 2 + left_out));
    let gap = (left_out > 0).then(|| format!("           … {left_out} lines more …\n"));
    let lines = start.map(|line| clip(line)).chain(gap).chain(end.map(|line| clip(line)));
    lines.collect::<String>().trim_end().to_owned()
}

/// Each line of each transcript, with the number of its client.
fn transcripts(logs: Vec<ClientLog>) -> String {
    let of = |(client, log): (usize, ClientLog)| {
        let lines = log.into_transcript().to_jsonl();
        lines.lines().map(|line| line.replacen('{', &format!("{{\"client\":{client},"), 1) + "\n").collect::<String>()
    };
    logs.into_iter().enumerate().map(of).collect()
}

fn hash(outcome: &Outcome) -> [u8; 32] {
    let mut hash = Sha256::new();
    for log in &outcome.logs {
        hash.update(log.to_string());
        hash.update([0]);
    }
    hash.finalize().into()
}
