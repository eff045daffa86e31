//! The data on the wire: times, event streams, HTTP/1.1 responses, and their recordings.
//!
//! No part of this crate waits, or knows where bytes come from. A module uses only earlier modules:
//!
//! ```text
//!  instant ── timestamp     times in a world, and on its calendar
//!      │
//!  json                     JSON as ECMAScript spells it
//!      │
//!  event_encoder            event streams, written
//!  event_decoder            event streams, read; the two share no code
//!      │
//!  printable ── jsonl       foreign text, made safe to print; lines of JSON, and their problems
//!      │
//!  recording                exchanges as lines of JSON: written, and read
//!      │
//!  body                     HTTP/1.1: the bodies of messages out of raw bytes
//!      │
//!  request    response      HTTP/1.1: heads, bodies and ends out of raw bytes
//!      │
//!  transcript               the parts of responses that a client saw, with times
//! ```

mod body;
mod event_decoder;
mod event_encoder;
mod instant;
mod json;
pub mod jsonl;
pub mod printable;
pub mod recording;
mod request;
mod response;
mod timestamp;
mod transcript;

pub use self::body::Malformed;
pub use self::event_decoder::{Decoder, Event, StreamItem};
pub use self::event_encoder::{FieldText, Lines};
pub use self::instant::{Instant, TIME_MAX, TIME_MS_MAX};
pub use self::json::stringify;
pub use self::recording::How;
pub use self::request::{RequestHead, RequestPart, Requests};
pub use self::response::{Head, Part, Responses};
pub use self::timestamp::{Epoch, EpochError, Timestamp};
pub use self::transcript::{Entry, Transcript, What};
