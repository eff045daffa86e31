//! Any server, held against recordings of its own.
//!
//! A recording is the contract: for the same request the server has to send the same response again, except for values with
//! `vary` and writes with `may`.
//!
//! ```text
//!  json_differences             the places where two JSON values differ
//!        │
//!  text                         texts, compared except for values that may vary
//!        │
//!  facts                        a response: recorded once, or seen now
//!        │
//!  request                      the recorded request, sent again
//!        │
//!  body ── value_places         where the values of a body stand
//!        │
//!  unit                         bodies, divided into blocks, lines or pieces
//!        │
//!  own_rules                    the rules of a recording, held against the recorded values
//!        │
//!  contract ── cases            a recording, read as a contract; each line is a case
//!        │
//!  align ── pieces              pairs of expected and seen units
//!        │
//!  series ── sequences          units that a timer sends beside the rest, and which units are aligned with each other
//!        │
//!  agreement                    how far a seen unit agrees except for values that may vary
//!        │
//!  head    times ── exact_times heads, and times with the jitter of two machines, or with none
//!          beat                 the beat of a timer
//!        │
//!  compare                      one exchange, held against the recording ──► evidence
//!        │
//!  narrowest_rules              the rules for what differs between two answers
//!        │
//!  accept    timeline    hint   the next recording; a drawing; the likeliest cause
//!  propose                      the rules that two recordings of one request propose
//!        │
//!  schedule    watch_time       exchanges side by side, and how long each is watched
//!        │
//!  results                      what came of all
//!        │
//!  files                        the files of recordings
//!        │
//!  lab_player ── in_lab         an application in a lab, in virtual time
//!  room ── live                 a server over real sockets; how much of a response is read
//! ```
//!
//! All but `files`, `lab_player`, `in_lab` and `live` are pure: lines go in, evidence comes out.

mod accept;
mod agreement;
mod align;
mod beat;
mod body;
mod cases;
mod compare;
mod contract;
mod exact_times;
mod facts;
mod files;
mod head;
mod hint;
mod in_lab;
mod json_differences;
mod lab_player;
#[cfg(feature = "live")]
mod live;
mod narrowest_rules;
mod own_rules;
mod pieces;
mod propose;
mod request;
mod results;
#[cfg(feature = "live")]
mod room;
mod schedule;
mod sequences;
mod series;
#[cfg(test)]
mod tests;
mod text;
mod timeline;
mod times;
mod unit;
mod value_places;
mod watch_time;

pub use self::accept::NextRecording;
pub use self::body::Measure;
pub use self::cases::recording_case_ids;
pub use self::compare::CompareRules;
pub use self::contract::RecordingContract;
pub use self::files::Recordings;
pub use self::in_lab::CheckAgainst;
#[cfg(feature = "live")]
pub use self::live::{CheckedRecordings, NotChecked, RecordingCheck, check_against};
pub use self::propose::proposals;
pub use self::times::TimeRules;
