//! A world: the dependencies of one server. No other part of a server is global, random or timed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use onbeat_wire::{Epoch, Instant, Timestamp};

use crate::channel::{Channel, Delivery, Event};
use crate::connection::Connection;
use crate::limits::Limits;
use crate::random::Seed;
use crate::script::Start;
use onbeat_clock::Clock;

/// The dependencies of one server.
#[derive(Debug)]
pub struct World {
    clock: Arc<dyn Clock>,
    seed: Seed,
    epoch: Epoch,
    limits: Limits,
    broadcasts: Arc<Channel>,
    /// How many connections there have been.
    connections: Arc<AtomicU64>,
}

impl World {
    /// Returns a new world without connections. The wall clock shows `epoch` when `clock` stands at zero.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, seed: Seed, epoch: Epoch, limits: Limits) -> Self {
        let broadcasts = Arc::new(Channel::new(limits.mailbox_events_max));
        Self { clock, seed, epoch, limits, broadcasts, connections: Arc::default() }
    }

    /// Returns the clock, the only source of time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the seed of all random values.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Returns the wall-clock time at which the clock stands at zero.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the channel of the broadcasts.
    #[must_use]
    pub fn broadcasts(&self) -> &Arc<Channel> {
        &self.broadcasts
    }

    /// Sends an event of the time `at` to every subscriber of the broadcasts. A manual clock lets no time pass until the event
    /// is on the socket of each client that reads.
    #[expect(clippy::must_use_candidate, reason = "an event is published for its effect")]
    pub fn publish(&self, at: Instant, event: Event) -> Delivery {
        self.publish_to(&self.broadcasts, at, event)
    }

    /// Sends an event of the time `at` to every subscriber of a channel, as [`World::publish`] does.
    pub fn publish_to(&self, channel: &Channel, at: Instant, event: Event) -> Delivery {
        channel.publish(at, event, |connection| {
            // Takes a turn before the subscriber wakes, so that no time passes until the event has been sent.
            if let Some(turn) = self.clock.turn(connection.socket_state()) {
                connection.turns().expect(turn);
            }
        })
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns the wall-clock time at `instant`.
    #[must_use]
    pub fn timestamp(&self, instant: Instant) -> Timestamp {
        self.epoch.at(instant)
    }

    /// Returns the next connection, numbered in the order of these calls.
    #[must_use]
    pub fn next_connection(&self) -> Connection {
        Connection::next_of(&self.connections)
    }

    /// Counts a request. Returns the ordinal of the connection in this world, perhaps a new ordinal, and the ordinal of the
    /// request on the connection.
    pub(crate) fn admit(&self, connection: &Connection) -> (u64, u32) {
        connection.place().next_request_in(&self.connections)
    }

    /// Returns the start of a stream, now, for this request of this connection.
    #[must_use]
    pub fn start(&self, connection: &Connection, request: u32) -> Start {
        let connection = connection.place().ordinal_in(&self.connections);
        Start { epoch: self.epoch, at: self.clock.now(), seed: self.seed, connection, request }
    }
}
