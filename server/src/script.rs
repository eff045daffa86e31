//! A script: what a response does, as a pure state machine.
//!
//! A [`Script`] yields timed cues: a head, writes, and an end. A script knows neither HTTP nor tasks nor a clock, so a
//! table-driven test can exhaust it; the driver in [`crate::driver`] does the waiting. An endpoint need not say more than
//! its [`Writes`]: [`event_stream`] adds the head and the end.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use onbeat_wire::{Epoch, How, Instant, Timestamp};

use crate::channel::{Beginning, Channel};
use crate::heartbeats::Heartbeats;
use crate::random::{Random, Seed};

/// One chunk of a stream. The boundaries are part of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// When the write is due, counted from the start of the stream. Never less than that of the write before.
    pub at: Duration,
    /// The bytes, at least one.
    pub bytes: Bytes,
}

/// The writes of one stream, in order. The stream ends with the last write.
pub trait Writes: Iterator<Item = Write> + Send + Unpin + 'static {}

impl<I: Iterator<Item = Write> + Send + Unpin + 'static> Writes for I {}

/// The cues of one response, in order. A script that stops without an end leaves the response open.
pub trait Script: Iterator<Item = Cue> + Send + Unpin + 'static {}

impl<I: Iterator<Item = Cue> + Send + Unpin + 'static> Script for I {}

/// An action, and when it is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When the action is due, counted from the start of the response. Never less than that of the cue before.
    pub at: Duration,
    /// The action.
    pub action: Action,
}

/// An action of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends the head: the first action, if the head is not left to the endpoint.
    Head(Box<ResponseHead>),
    /// Sends these bytes as one chunk.
    Write(Bytes),
    /// Waits until all writes before have been sent.
    Flush,
    /// Subscribes to a channel, whose events are writes from here on.
    Subscribe(Box<Subscribing>),
    /// Begins heartbeats, which are writes as well.
    Heartbeats(Arc<Heartbeats>),
    /// Ends the response; [`How::Closed`] leaves the end to the client.
    End(How),
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
}

/// A channel to subscribe to, and the first event to get.
#[derive(Clone, Debug)]
pub struct Subscribing {
    /// The channel.
    pub channel: Arc<Channel>,
    /// The first event.
    pub beginning: Beginning,
}

impl PartialEq for Subscribing {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.channel, &other.channel) && self.beginning == other.beginning
    }
}

impl Eq for Subscribing {}

/// Returns the script of an event stream: the head at once, these writes, and a complete end with the last write.
pub fn event_stream(writes: impl Writes) -> impl Script {
    let fields = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache"), (CONNECTION, "keep-alive")];
    let headers = fields.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    let mut head = Some(Box::new(ResponseHead { status: StatusCode::OK, headers }));
    let (mut writes, mut at) = (Some(writes), Duration::ZERO);
    // Keeps a small state, which takes less room in each stream than a chain of iterators.
    std::iter::from_fn(move || {
        if let Some(head) = head.take() {
            return Some(Cue { at, action: Action::Head(head) });
        }
        // Returns `None` after the end, when `writes` is gone.
        let action = if let Some(write) = writes.as_mut()?.next() {
            at = write.at;
            Action::Write(write.bytes)
        } else {
            writes = None;
            Action::End(How::Complete)
        };
        Some(Cue { at, action })
    })
}

/// The input of a script: the start of the stream, and the source of random values.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The wall-clock time at which the clock stands at zero.
    pub epoch: Epoch,
    /// When the request was received.
    pub at: Instant,
    /// The seed of the world.
    pub seed: Seed,
    /// The ordinal of the connection in the world, from 0.
    pub connection: u64,
    /// The ordinal of the request on the connection, from 0.
    pub request: u32,
}

impl Start {
    /// Returns the wall-clock time `after` the start of the stream.
    #[must_use]
    pub fn timestamp(&self, after: Duration) -> Timestamp {
        self.epoch.at(self.at + after)
    }

    /// Returns the random values of the stream.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::new(self.seed, self.connection, self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stream_begins_with_its_head_and_ends_with_its_last_write() {
        let write = |ms| Write { at: Duration::from_millis(ms), bytes: Bytes::from_static(b"data: 1\n\n") };
        let cues: Vec<_> = event_stream([write(5), write(70)].into_iter()).collect();
        let times: Vec<_> = cues.iter().map(|cue| cue.at.as_millis()).collect();
        assert_eq!(times, [0, 5, 70, 70]);
        assert!(matches!(&cues[0].action, Action::Head(head) if head.status == StatusCode::OK));
        assert_eq!(cues[1].action, Action::Write(Bytes::from_static(b"data: 1\n\n")));
        assert_eq!(cues[3].action, Action::End(How::Complete));
        assert_eq!(event_stream(std::iter::empty()).count(), 2);
    }
}
