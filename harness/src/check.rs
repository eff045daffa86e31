//! The check: any server, held against the golden fixtures.
//!
//! ```text
//!   fixtures ──► play, exchange ──► client logs ──► judge ──► evidence ──► verdicts ──► report
//!                 on a target                  sans-IO
//! ```
//!
//! The target is the embedded server in virtual time, where every time is exact, or a server over TCP, where a write is
//! never early, late only beyond a tolerance, and a period is judged by its median. The judge knows no difference.

mod align;
mod application;
mod data;
mod embedded;
mod evidence;
mod exchange;
pub mod expectations;
mod fields;
mod headers;
mod hint;
#[cfg(test)]
mod hostile;
mod judge;
mod lines_seen;
mod live;
mod noise;
mod pace;
mod pieces;
mod play;
mod pulse;
pub mod report;
mod responses;
mod selection;
mod stalls;
mod tag;
mod target;
mod timeline;
mod values;
mod verdict;

pub(crate) use data::conforms_exactly;
pub use embedded::check_embedded;
pub use evidence::Finding;
pub use headers::{ExtraHeaders, WrongHeader};
pub use hint::Hint;
pub use live::{Progress, Remote, Unreachable, check_live};
pub use selection::Selection;
pub use timeline::{Mark, Timeline};
pub use verdict::{Jitter, Outcome, Report, Verdict};

pub use crate::fixtures::format::{Aspect, Tier};
use crate::fixtures::golden::Golden;

/// Returns the ids of all cases, in their order.
#[must_use]
pub fn case_ids() -> Vec<String> {
    Golden::read().cases.into_iter().map(|case| case.id).collect()
}

/// A pattern of a selection that matches no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no case matches {0:?}: fixtures/cases.json has their ids")]
pub struct NoSuchCase(pub String);
