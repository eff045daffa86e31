//! The judge: holds what clients saw against what clients should have seen, case by case.
//!
//! ```text
//!   milliseconds                 times, as reports show them
//!        │
//!   case, loosening, vary        the clauses, and the values that may differ
//!   selection, expectations      which cases are judged, and which are known to fail
//!        │
//!   scenario, exchange           what is expected: lines of a recording, or a single request
//!   observation                  what was seen, and what other users may have caused
//!        │
//!   chunked_body                 bodies, cut into parts, and the chunks that a part came in
//!        │
//!   responses, pieces            requests, heads, writes and ends, in pairs of expected and got
//!        │
//!   object, compare, fields, align  JSON values, header fields and writes, each compared by rules
//!   pace, stalls, buffering      times, on clocks and machines of every kind, and behind proxies
//!        │
//!   trial                        one scenario being judged: head, writes, times, values, events, end
//!        │
//!   evidence ── finding ── doubt ── skipped  findings, what to watch again, and why a case is not judged
//!        │
//!   verdict ── timeline ── report  the outcome of each case, and drawings, in the forms in which people and programs read
//! ```
//!
//! The judge knows no server, no stream and no socket. Logs of clients go in, evidence comes out.

mod align;
mod buffering;
mod case;
mod chunked_body;
pub(crate) mod compare;
#[cfg(feature = "live")]
mod doubt;
mod evidence;
mod exchange;
pub mod expectations;
pub(crate) mod fields;
mod finding;
mod loosening;
#[cfg(test)]
pub(crate) mod made_up;
mod milliseconds;
mod object;
mod observation;
mod pace;
mod pieces;
pub mod report;
mod responses;
mod scenario;
mod selection;
mod skipped;
mod stalls;
mod timeline;
mod trial;
mod vary;
mod verdict;

pub use self::case::{Aspect, Tier};
pub use self::finding::Finding;
pub use self::selection::{NoSuchCase, Selection};
pub use self::timeline::{Mark, Timeline};
pub use self::verdict::{Hint, Jitter, Measured, Outcome, Report, Verdict};

pub(crate) use self::align::{Step, UNIT, align};
#[cfg(feature = "live")]
pub(crate) use self::buffering::AT_ONCE;
pub(crate) use self::buffering::{NO_BUFFERING, NO_FLUSH, bursts};
pub(crate) use self::case::Case;
pub(crate) use self::chunked_body::{BodyPart, ChunkedBody, is_empty_line, line_ends};
pub(crate) use self::compare::first_difference;
#[cfg(feature = "live")]
pub(crate) use self::doubt::{ORDER_REPEATS_MAX, REPEATS_MAX};
pub(crate) use self::evidence::Evidence;
pub(crate) use self::exchange::{AfterAnswer, AnswerRules, ExpectedExchange};
pub(crate) use self::loosening::{Loosening, is_timestamp, is_uuid};
pub(crate) use self::milliseconds::float_ms;
pub(crate) use self::observation::{Dispatched, Observation, Others, Recurring};
pub(crate) use self::pace::{PATIENCE, Pace};
pub(crate) use self::pieces::Piece;
pub(crate) use self::responses::is_stream;
pub(crate) use self::scenario::{Annotations, NumberedLine, Scenario, ScenarioLine};
pub(crate) use self::skipped::Skipped;
#[cfg(feature = "live")]
pub(crate) use self::stalls::SharedStalls;
pub(crate) use self::stalls::Stalls;
pub(crate) use self::trial::judge;
