//! A world: everything that one server depends on. Nothing else is global, random or timed.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use onbeat_wire::{Epoch, Instant, Timestamp};

use crate::channel::{Channel, Delivery, Event};
use crate::clock::Clock;
use crate::connection::Connection;
use crate::random::Seed;
use crate::script::Start;

/// How much a server takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many events a subscriber may be behind before the connection is evicted.
    pub mailbox_events_max: u64,
    /// Connections served at a time; more wait to be accepted.
    pub connections_max: usize,
    /// How long a client may take over the head of a request, in the machine's time; for ever without it.
    pub head_time_max: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { mailbox_events_max: 1024, connections_max: 65_536, head_time_max: Some(Duration::from_secs(30)) }
    }
}

/// What one server depends on.
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
    /// A new world, with nobody in it, whose wall clock shows `epoch` when `clock` stands at zero.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, seed: Seed, epoch: Epoch, limits: Limits) -> Self {
        let broadcasts = Arc::new(Channel::new(limits.mailbox_events_max));
        Self { clock, seed, epoch, limits, broadcasts, connections: Arc::default() }
    }

    /// Its only source of time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The seed of all random values.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The wall-clock time at which the clock stands at zero.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the channel of the broadcasts.
    #[must_use]
    pub fn broadcasts(&self) -> &Arc<Channel> {
        &self.broadcasts
    }

    /// Sends an event that happened `at` this time to every subscriber of the broadcasts. A manual clock waits until all
    /// clients have got the event.
    #[expect(clippy::must_use_candidate, reason = "an event is published for its effect")]
    pub fn publish(&self, at: Instant, event: Event) -> Delivery {
        self.broadcasts.publish(at, event, |connection| {
            if let Some(turn) = self.clock.turn(connection.socket_state()) {
                connection.turns().expect(turn);
            }
        })
    }

    /// How much it takes on.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The wall-clock time at `instant`.
    #[must_use]
    pub fn timestamp(&self, instant: Instant) -> Timestamp {
        self.epoch.at(instant)
    }

    /// The next connection, numbered in the order of these calls.
    #[must_use]
    pub fn next_connection(&self) -> Connection {
        Connection::next_of(&self.connections)
    }

    /// Counts a request, and tells the ordinals of its connection in this world, which it may just have got, and of
    /// the request on it.
    pub(crate) fn admit(&self, connection: &Connection) -> (u64, u32) {
        connection.place().next_request_in(&self.connections)
    }

    /// The start of a stream, now, for this request of this connection.
    #[must_use]
    pub fn start(&self, connection: &Connection, request: u32) -> Start {
        let connection = connection.place().ordinal_in(&self.connections);
        Start { epoch: self.epoch, at: self.clock.now(), seed: self.seed, connection, request }
    }
}
