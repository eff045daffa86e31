//! The endpoints: one file each, siblings in shape, and the registry that lists them.
//!
//! A [`Stream`] is told by its [`Writes`]; a [`Publisher`] sends an [`Event`] to every stream that hears broadcasts, and answers
//! what became of it. Router, page, replay, fixtures, check and simulation know the endpoints from the registry alone.

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
    /// The path of its route, in lower case.
    pub path: &'static str,
    /// What a client is sent.
    pub script: fn(Start) -> Box<dyn Writes>,
    /// Whether a client is sent every broadcast, too.
    pub hears_broadcasts: bool,
    /// Whether the stream ends by itself.
    pub ends: bool,
}

/// An endpoint that sends an event to every client that hears broadcasts.
#[derive(Clone, Copy, Debug)]
pub struct Publisher {
    /// The path of its route, in lower case.
    pub path: &'static str,
    /// What people call the event.
    pub label: &'static str,
    /// Makes the event that is sent at a time, with the message that was asked for.
    pub event: fn(Timestamp, Option<Message>) -> Event,
    /// Makes the answer, as JSON.
    pub answer: fn(Delivery) -> String,
}

#[cfg(test)]
mod testing;
