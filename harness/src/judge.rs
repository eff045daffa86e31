//! The judge: what clients saw, held against what they should have seen, case by case.
//!
//! ```text
//!   case, vary, scene        what is expected: lines, each with the cases that the line checks
//!   observation, others      what was seen, and what others may have caused
//!        │
//!   responses, pieces        requests, heads, writes and ends, in pairs of expected and got
//!        │
//!   compare, fields, align   JSON values, header fields and writes, each compared by rules
//!   pace, stalls, values     times, on clocks and machines of every kind
//!        │
//!   trial ──► evidence ──► verdict ──► report
//! ```
//!
//! The judge knows no server, no stream and no socket. Logs of clients go in, evidence comes out.

pub(crate) mod align;
pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod evidence;
pub mod expectations;
pub(crate) mod fields;
#[cfg(test)]
mod made_up;
mod object;
pub(crate) mod observation;
pub(crate) mod others;
pub(crate) mod pace;
pub(crate) mod pieces;
pub(crate) mod recurring;
pub mod report;
pub(crate) mod responses;
pub(crate) mod scene;
pub(crate) mod selection;
pub(crate) mod stalls;
pub(crate) mod timeline;
pub(crate) mod trial;
mod values;
pub(crate) mod vary;
pub(crate) mod verdict;

pub use self::case::{Aspect, Tier};
pub use self::evidence::Finding;
pub use self::selection::{NoSuchCase, Selection};
pub use self::timeline::{Mark, Timeline};
pub use self::verdict::{Hint, Jitter, Outcome, Report, Verdict};
