//! The endpoints: one file each, siblings in shape.
//!
//! Five are streams, each told by its [`Writes`](crate::script::Writes); two fan out to every client of `/sse`, each an
//! [`Event`](crate::channel::Event) and an answer.

pub mod broadcast_text;
pub mod dynamic_counter;
pub mod send_heartbeat;
pub mod sse;
pub mod sse_data;
pub mod stream_json;
pub mod stream_text;

/// The routes of the streams.
pub const STREAMS: [&str; 5] = [sse::PATH, stream_text::PATH, sse_data::PATH, dynamic_counter::PATH, stream_json::PATH];

#[cfg(test)]
mod testing;
