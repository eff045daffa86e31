//! Any server, held against recordings of its own.
//!
//! A recording is the contract: what the server once sent for a request is what it has to send again, except where a line says
//! that a value may vary, or that a write may come or not.
//!
//! ```text
//!  rule ── text                 values that may vary, and texts compared except for them
//!        │
//!  facts                        a response, as recorded once or as it came now
//!        │
//!  request                      the recorded request, as it is sent again
//!        │
//!  contract ── cases            a recording, read as a contract; each line is a case
//!        │
//!  body ── unit                 bodies, divided into blocks, lines or pieces
//!        │
//!  align ── pieces              which unit came for which
//!        │
//!  head    times                heads, and times with the jitter of two machines
//!        │
//!  compare                      one exchange, held against the recording ──► evidence
//!        │
//!  accept    timeline    hint   what came as the next recording; a drawing; the likeliest cause
//!        │
//!  schedule ── live             exchanges side by side, over real sockets
//! ```
//!
//! All but `live` is pure: lines go in, evidence comes out.

mod accept;
mod align;
mod body;
mod cases;
mod compare;
mod contract;
mod facts;
mod head;
mod hint;
mod live;
mod pieces;
mod request;
mod rule;
mod schedule;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod times;
mod unit;

pub use self::body::Measure;
pub use self::compare::CompareRules;
pub use self::contract::RecordingContract;
pub use self::live::{CheckedRecordings, NotChecked, RecordingCheck, check_against, recording_case_ids};
pub use self::times::TimeRules;
