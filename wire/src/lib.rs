//! The data on the wire: times, event streams, HTTP/1.1 responses, and their recordings.
//!
//! No part of the crate waits, or knows the source of bytes. A module uses only earlier modules:
//!
//! ```text
//!  instant ── timestamp     times in a world, and on its calendar
//!      │
//!  json                     JSON as ECMAScript spells it
//!      │
//!  event_encoder            event streams, written
//!  event_decoder            event streams, read; the two share no code
//!      │
//!  utf_8                    bytes of files as text
//!      │
//!  printable                foreign text, made safe to print
//!      │
//!  unique_json ── jsonl     JSON with each key once; lines of JSON, and their problems
//!      │
//!  body ── response_end     HTTP/1.1: the bodies of messages out of raw bytes; how responses end, and how clients leave
//!      │
//!  connection_fields        HTTP/1.1: header fields of a single connection
//!      │
//!  header_bytes             HTTP/1.1: header fields as text, without a loss
//!      │
//!  request    response      HTTP/1.1: heads, bodies and ends out of raw bytes
//!      │
//!  recording                exchanges as lines of JSON: written, and read
//!      │
//!  transcript               the parts of responses that a client saw, with times
//! ```
//!
//! The feature `json` reads and writes JSON, and so has the recordings; `calendar` has timestamps.

mod body;
mod connection_fields;
mod event_decoder;
mod event_encoder;
mod header_bytes;
mod instant;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
pub mod jsonl;
pub mod printable;
#[cfg(feature = "json")]
pub mod recording;
mod request;
mod response;
mod response_end;
#[cfg(feature = "calendar")]
mod timestamp;
mod transcript;
#[cfg(feature = "json")]
mod unique_json;
mod utf_8;

pub use self::body::{Framing, Malformed};
pub use self::connection_fields::{CONNECTION_FIELDS, is_connection_field};
pub use self::event_decoder::{Decoder, Event, StreamItem};
pub use self::event_encoder::{FieldText, Lines};
pub use self::header_bytes::{header_bytes, header_text};
pub use self::instant::{Instant, TIME_MAX, TIME_MS_MAX, whole_ms};
#[cfg(feature = "json")]
pub use self::json::stringify;
pub use self::request::{RequestHead, RequestPart, Requests};
pub use self::response::{Head, Part, Responses};
pub use self::response_end::{How, LeftHow};
#[cfg(feature = "calendar")]
pub use self::timestamp::{Epoch, EpochError, Timestamp};
pub use self::transcript::{Entry, Transcript, What};
#[cfg(feature = "json")]
pub use self::unique_json::UniqueJson;
pub use self::utf_8::text_of;
