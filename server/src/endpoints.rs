//! The endpoints: one file each, siblings in shape, and the registry that lists them.
//!
//! A [`Stream`] has a script of [`Writes`]. A [`Publisher`] sends an [`Event`] to every subscribed stream, and
//! answers how many clients got the event. Router, page, replay, fixtures, check and simulation know the endpoints only by
//! the registry.

pub mod broadcast_text;
pub mod dynamic_counter;
pub mod send_heartbeat;
pub mod sse;
pub mod sse_data;
pub mod stream_json;
pub mod stream_text;

use onbeat_wire::Timestamp;

use crate::channel::{Delivery, Event};
use crate::query::Message;
use crate::script::{Start, Writes};

/// The streams, in the order of the contract.
pub static STREAMS: &[Stream] =
    &[sse::STREAM, stream_text::STREAM, sse_data::STREAM, dynamic_counter::STREAM, stream_json::STREAM];

/// The publishers, in the order in which the page shows them.
pub static PUBLISHERS: &[Publisher] = &[broadcast_text::PUBLISHER, send_heartbeat::PUBLISHER];

/// A stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// The path, in lower case.
    pub path: &'static str,
    /// Returns the writes for one client.
    pub script: fn(Start) -> Box<dyn Writes>,
    /// Whether a client also gets every broadcast.
    pub hears_broadcasts: bool,
    /// Whether the stream ends without the client.
    pub ends: bool,
}

/// An endpoint that sends an event to every client that hears broadcasts.
#[derive(Clone, Copy, Debug)]
pub struct Publisher {
    /// The path, in lower case.
    pub path: &'static str,
    /// The name of the event on the page.
    pub label: &'static str,
    /// Returns the event for a time, with the message of the request.
    pub event: fn(Timestamp, Option<Message>) -> Event,
    /// Returns the answer to the request, as JSON.
    pub answer: fn(Delivery) -> String,
}

#[cfg(test)]
mod testing;
