//! A channel: publish and subscribe, with one bounded log of events that all subscribers read.
//!
//! ```text
//!               ┌───────┐    ┌───────┐    ┌───────┐
//!   log     ──► │ event │ ─► │ event │ ─► │ event │ ◄── last
//!               └───────┘    └───────┘    └───────┘
//!                   ▲            ▲            ▲
//!   places      client 3     client 0     clients 1, 2
//! ```
//!
//! An event is encoded once and stored once. A subscription is a place in the log. The events after the place are the
//! mailbox of the subscriber, and an event is freed when the last subscription has passed it. All subscribers see one
//! total order, and reading takes no lock. A subscriber with a full mailbox is evicted by the next event: the subscription
//! ends, and the connection is broken off. A channel with a history keeps the newest events for later clients.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::connection::{BrokenOff, Connection, Ending};

/// The divisor of a full mailbox: from an eighth of the limit on, a mailbox counts as filling.
const FILLING: u64 = 8;

/// The writes of one event, and the ID by which a client resumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    writes: Box<[Bytes]>,
    id: Option<Box<str>>,
}

impl<const N: usize> From<[Bytes; N]> for Event {
    fn from(writes: [Bytes; N]) -> Self {
        Self { writes: Box::new(writes), id: None }
    }
}

impl Event {
    /// Returns the same event with the ID `id`.
    #[must_use]
    pub fn with_id(self, id: Option<String>) -> Self {
        Self { id: id.map(String::into_boxed_str), ..self }
    }
}

/// The first event of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The next event.
    Next,
    /// The oldest event in the history.
    Oldest,
    /// The event behind the newest event with this ID, or the oldest in the history if no event has the ID.
    Behind(String),
}

/// The delivery of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How many mailboxes got the event.
    pub sent: usize,
    /// How many subscribers were evicted, since their mailboxes were full.
    pub removed: usize,
    /// How many subscribers there are after the removals.
    pub clients: usize,
    /// Whether a mailbox is filling: the publisher should let the subscribers read first.
    pub filling: bool,
}

/// The subscribers, in the order of subscribing, and the log.
#[derive(Debug)]
pub struct Channel {
    mailbox_events_max: u64,
    history_events_max: usize,
    subscribers: Mutex<Subscribers>,
    /// Notified when a client subscribes.
    subscribed: Arc<Notify>,
}

#[derive(Debug)]
struct Subscribers {
    subscribed: u64,
    by_order: BTreeMap<u64, Arc<Subscriber>>,
    /// The entry before the history, and the history. The last is the newest entry of the log.
    kept: VecDeque<Arc<Entry>>,
}

#[derive(Debug)]
struct Subscriber {
    connection: Arc<Connection>,
    /// The number of the newest entry that the subscriber has taken.
    taken: AtomicU64,
    /// The number of the newest entry when the client subscribed. Older events come in addition to a full mailbox.
    joined: u64,
}

impl Channel {
    /// Returns a channel without a history. Each mailbox holds `mailbox_events_max` events.
    #[must_use]
    pub fn new(mailbox_events_max: u64) -> Self {
        Self::with_history(mailbox_events_max, 0)
    }

    /// Returns a channel with the last `history_events_max` events for later subscribers.
    #[must_use]
    pub fn with_history(mailbox_events_max: u64, history_events_max: usize) -> Self {
        let first = Arc::new(Entry::new(0, Instant::EPOCH, Event::from([])));
        let subscribers = Subscribers { subscribed: 0, by_order: BTreeMap::new(), kept: [first].into() };
        let (subscribers, subscribed) = (Mutex::new(subscribers), Arc::default());
        Self { mailbox_events_max, history_events_max, subscribers, subscribed }
    }

    /// Subscribes a client to the next event and all later events, until the subscription is dropped.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>, connection: Arc<Connection>) -> Subscription {
        self.subscribe_from(&Beginning::Next, connection, Instant::EPOCH)
    }

    /// Subscribes a client at the time `at` to an event and all later events. The events of the history count as events of
    /// the time `at`.
    #[must_use]
    pub fn subscribe_from(
        self: &Arc<Self>,
        beginning: &Beginning,
        connection: Arc<Connection>,
        at: Instant,
    ) -> Subscription {
        let mut subscribers = self.lock();
        // Finds the place and subscribes under one lock: no event falls in between.
        let place = Arc::clone(subscribers.place(beginning));
        let joined = subscribers.last().number;
        let order = subscribers.subscribed;
        subscribers.subscribed += 1;
        let subscriber = Arc::new(Subscriber { connection, taken: AtomicU64::new(place.number), joined });
        subscribers.by_order.insert(order, Arc::clone(&subscriber));
        // Releases the lock before waking a test that waits for subscribers.
        drop(subscribers);
        self.subscribed.notify_waiters();
        // Counts the entry at the place as written, so that the first event is the entry behind.
        let written = place.event.writes.len();
        Subscription { channel: Arc::clone(self), order, subscriber, at, place, written }
    }

    /// Appends an event of the time `at`, in one step for all subscribers; calls `before_waking` with the connection of each
    /// subscriber, and wakes the connection.
    pub fn publish(&self, at: Instant, event: Event, before_waking: impl Fn(&Connection)) -> Delivery {
        let mut subscribers = self.lock();
        let before = subscribers.by_order.len();
        let (last, mut filling) = (subscribers.last().number, false);
        subscribers.by_order.retain(|_, subscriber| {
            let behind = last - subscriber.taken.load(Ordering::Acquire).max(subscriber.joined);
            let full = behind >= self.mailbox_events_max;
            filling |= behind >= self.mailbox_events_max / FILLING;
            if full {
                subscriber.connection.end(Ending::BreakOff(BrokenOff::Evicted));
            }
            !full
        });
        // Appends the event before the first subscriber wakes, so that each subscriber finds the event.
        subscribers.append(at, event, self.history_events_max);
        for subscriber in subscribers.by_order.values() {
            before_waking(&subscriber.connection);
            subscriber.connection.task().wake();
        }
        let clients = subscribers.by_order.len();
        Delivery { sent: clients, removed: before - clients, clients, filling }
    }

    /// Returns how many subscribers there are.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.lock().by_order.len()
    }

    /// Waits for the next subscription from this call on.
    pub fn next_subscribed(&self) -> OwnedNotified {
        Arc::clone(&self.subscribed).notified_owned()
    }

    /// Returns how many events are kept for later subscribers.
    #[must_use]
    pub fn kept(&self) -> usize {
        // Leaves out the entry before the history.
        self.lock().kept.len() - 1
    }

    /// Returns how many clients have ever subscribed.
    #[cfg(test)]
    pub(crate) fn subscribed(&self) -> u64 {
        self.lock().subscribed
    }

    fn leave(&self, order: u64) {
        self.lock().by_order.remove(&order);
    }

    fn lock(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock()
    }
}

impl Subscribers {
    fn append(&mut self, at: Instant, event: Event, history_events_max: usize) {
        let last = self.last();
        let entry = Arc::new(Entry::new(last.number + 1, at, event));
        // Shows the event to every subscriber: readers follow `next` without the lock.
        last.next.set(Arc::clone(&entry)).expect("the last entry has no next");
        self.kept.push_back(entry);
        // Keeps an entry more than the history: the place before the oldest event.
        while self.kept.len() > history_events_max + 1 {
            self.kept.pop_front();
        }
    }

    /// Returns the newest entry of the log.
    fn last(&self) -> &Arc<Entry> {
        self.kept.back().expect("the newest entry is kept")
    }

    /// Returns the entry before the first event of a subscription.
    fn place(&self, beginning: &Beginning) -> &Arc<Entry> {
        let oldest = &self.kept[0];
        match beginning {
            Beginning::Next => self.last(),
            Beginning::Oldest => oldest,
            Beginning::Behind(id) => {
                // Searches from the newest entry on, since IDs can repeat.
                let has_id = |entry: &&Arc<Entry>| entry.event.id.as_deref() == Some(id);
                self.kept.iter().rev().find(has_id).unwrap_or(oldest)
            }
        }
    }
}

/// An event in the log.
#[derive(Debug)]
struct Entry {
    number: u64,
    at: Instant,
    event: Event,
    next: OnceLock<Arc<Entry>>,
}

impl Entry {
    fn new(number: u64, at: Instant, event: Event) -> Self {
        Self { number, at, event, next: OnceLock::new() }
    }
}

impl Drop for Entry {
    /// Frees, one after another, the entries that only this entry kept alive: a long log must not overflow the stack.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut entry) = next.and_then(Arc::into_inner) {
            next = entry.next.take();
        }
    }
}

/// A place in the log of a channel, for one subscriber.
#[derive(Debug)]
pub struct Subscription {
    channel: Arc<Channel>,
    order: u64,
    subscriber: Arc<Subscriber>,
    /// When the client subscribed.
    at: Instant,
    /// The newest entry taken.
    place: Arc<Entry>,
    /// How many writes of this entry [`Subscription::go_on`] has returned.
    written: usize,
}

impl Subscription {
    /// Returns the next write of the event taken last; `None` after the last write.
    pub fn go_on(&mut self) -> Option<Bytes> {
        let write = self.place.event.writes.get(self.written)?;
        self.written += 1;
        Some(write.clone())
    }

    /// Returns the time of the event taken last.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.place.at.max(self.at)
    }

    /// Returns the time of the oldest event not taken yet.
    #[must_use]
    pub fn oldest(&self) -> Option<Instant> {
        self.place.next.get().map(|entry| entry.at.max(self.at))
    }

    /// Returns whether the oldest event not taken yet is from the history.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.place.number < self.subscriber.joined
    }

    /// Takes the oldest event; [`Subscription::go_on`] then returns the writes.
    pub fn take(&mut self) {
        if let Some(next) = self.place.next.get() {
            self.place = Arc::clone(next);
            self.written = 0;
            // Tells the publisher that the mailbox has room again.
            self.subscriber.taken.store(self.place.number, Ordering::Release);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.channel.leave(self.order);
    }
}

#[cfg(test)]
mod tests;
