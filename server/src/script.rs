//! A script: one endpoint as a pure state machine.
//!
//! A [`Script`] yields the writes of a stream in order, each with its time, and then ends, at the time of the last. It
//! knows neither HTTP nor tasks nor a clock, so a table-driven test can exhaust it; the driver in [`crate::body`] does
//! the waiting.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::{Epoch, Instant, Timestamp};

use crate::random::{Random, Seed};

/// One chunk of a stream. Its boundaries are part of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// When it is due, counted from the start of the stream. Never less than that of the write before.
    pub at: Duration,
    /// What is written; never empty.
    pub bytes: Bytes,
}

/// The writes of one stream, in order. The stream ends with its last write.
pub trait Script: Iterator<Item = Write> + Send + Unpin + 'static {}

impl<I: Iterator<Item = Write> + Send + Unpin + 'static> Script for I {}

/// What a script is a function of: when its stream starts, and its randomness.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The wall-clock time of the world's epoch.
    pub epoch: Epoch,
    /// When the request was received.
    pub at: Instant,
    /// The world's seed.
    pub seed: Seed,
    /// The ordinal of the connection in its world, from 0.
    pub connection: u64,
    /// The ordinal of the request on its connection, from 0.
    pub request: u32,
}

impl Start {
    /// The wall-clock time `after` the start of the stream.
    #[must_use]
    pub fn timestamp(&self, after: Duration) -> Timestamp {
        self.epoch.at(self.at + after)
    }

    /// The stream's own random values.
    #[must_use]
    pub fn random(&self) -> Random {
        Random::new(self.seed, self.connection, self.request)
    }
}
