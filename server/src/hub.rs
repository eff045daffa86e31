//! The hub: who listens on `/sse`, and the one log of events that they all read.
//!
//! ```text
//!               ┌───────┐    ┌───────┐    ┌───────┐
//!   log     ──► │ event │ ─► │ event │ ─► │ event │ ◄── last
//!               └───────┘    └───────┘    └───────┘
//!                   ▲            ▲            ▲
//!   mailboxes   client 3     client 0     clients 1, 2
//! ```
//!
//! An event is encoded once and written down once. A client's mailbox is its place in the log: what lies after the
//! place is its mail, and an event is freed when the last mailbox has passed it. All clients so see one total order, and
//! reading takes no lock. A client whose mailbox is full when an event comes is evicted: its connection is broken off,
//! and it is a member no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};

use crate::connection::{BrokenOff, Connection, Ending};

/// The part of a mailbox that may be full before it counts as filling: one in so many.
const FILLING: u64 = 8;

/// What is fanned out: one or more writes that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    writes: Box<[Bytes]>,
}

impl<const N: usize> From<[Bytes; N]> for Event {
    fn from(writes: [Bytes; N]) -> Self {
        Self { writes: Box::new(writes) }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How many clients it was put in the mailbox of.
    pub sent: usize,
    /// How many clients were evicted, since their mailboxes were full.
    pub removed: usize,
    /// How many clients there are now, after the removals.
    pub clients: usize,
    /// A mailbox is filling: it would be wise to let its client read.
    pub filling: bool,
}

/// The clients of `/sse`, in the order of joining.
#[derive(Debug)]
pub struct Hub {
    mailbox_events_max: u64,
    members: Mutex<Members>,
}

#[derive(Debug)]
struct Members {
    joined: u64,
    by_order_of_joining: BTreeMap<u64, Arc<Member>>,
    last: Arc<Entry>,
}

#[derive(Debug)]
struct Member {
    connection: Arc<Connection>,
    /// The number of the newest entry that was taken out of the mailbox.
    taken: AtomicU64,
}

impl Hub {
    /// A hub whose mailboxes hold this many events.
    #[must_use]
    pub fn new(mailbox_events_max: u64) -> Self {
        let last = Arc::new(Entry::new(0, Instant::EPOCH, Event::from([])));
        let members = Members { joined: 0, by_order_of_joining: BTreeMap::new(), last };
        Self { mailbox_events_max, members: Mutex::new(members) }
    }

    /// Makes the client a member, from the next event on, until its mailbox is dropped.
    #[must_use]
    pub fn join(self: &Arc<Self>, connection: Arc<Connection>) -> Mailbox {
        let mut members = self.lock();
        let place = Arc::clone(&members.last);
        let order = members.joined;
        members.joined += 1;
        let member = Arc::new(Member { connection, taken: AtomicU64::new(place.number) });
        members.by_order_of_joining.insert(order, Arc::clone(&member));
        let written = place.event.writes.len();
        Mailbox { hub: Arc::clone(self), order, member, place, written }
    }

    /// Puts an event that happened `at` this time in the mailbox of every member, in one step; calls `before_waking` for
    /// each, and wakes it.
    pub fn publish(&self, at: Instant, event: Event, before_waking: impl Fn(&Connection)) -> Delivery {
        let mut members = self.lock();
        let before = members.by_order_of_joining.len();
        let (last, mut filling) = (members.last.number, false);
        members.by_order_of_joining.retain(|_, member| {
            let behind = last - member.taken.load(Ordering::Acquire);
            let full = behind >= self.mailbox_events_max;
            filling |= behind >= self.mailbox_events_max / FILLING;
            if full {
                member.connection.end(Ending::BreakOff(BrokenOff::Evicted));
            }
            !full
        });
        members.append(at, event);
        for member in members.by_order_of_joining.values() {
            before_waking(&member.connection);
            member.connection.task().wake();
        }
        let clients = members.by_order_of_joining.len();
        Delivery { sent: clients, removed: before - clients, clients, filling }
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.lock().by_order_of_joining.len()
    }

    /// Returns how many clients have ever joined.
    #[cfg(test)]
    pub(crate) fn joined(&self) -> u64 {
        self.lock().joined
    }

    fn leave(&self, order: u64) {
        self.lock().by_order_of_joining.remove(&order);
    }

    /// No code that holds the lock can panic half-way through a change, so a poisoned lock is still in order.
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock()
    }
}

impl Members {
    fn append(&mut self, at: Instant, event: Event) {
        let entry = Arc::new(Entry::new(self.last.number + 1, at, event));
        self.last.next.set(Arc::clone(&entry)).expect("the last entry has no next");
        self.last = entry;
    }
}

/// One line of the log.
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
    /// Frees the entries that only this one kept alive one after another: a long log must not overflow the stack.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut entry) = next.and_then(Arc::into_inner) {
            next = entry.next.take();
        }
    }
}

/// A member's place in the log. Dropping it leaves the hub.
#[derive(Debug)]
pub struct Mailbox {
    hub: Arc<Hub>,
    order: u64,
    member: Arc<Member>,
    /// The newest entry taken out.
    place: Arc<Entry>,
    /// How many of its writes have been handed on.
    written: usize,
}

impl Mailbox {
    /// The next write of an event that has been begun: it comes before anything else.
    pub fn go_on(&mut self) -> Option<Bytes> {
        let write = self.place.event.writes.get(self.written)?;
        self.written += 1;
        Some(write.clone())
    }

    /// When the oldest event in the mailbox happened.
    #[must_use]
    pub fn oldest(&self) -> Option<Instant> {
        self.place.next.get().map(|entry| entry.at)
    }

    /// Takes the oldest event out; [`Mailbox::go_on`] then hands on its writes.
    pub fn take(&mut self) {
        if let Some(next) = self.place.next.get() {
            self.place = Arc::clone(next);
            self.written = 0;
            self.member.taken.store(self.place.number, Ordering::Release);
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.hub.leave(self.order);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    fn event(text: &'static str) -> Event {
        Event::from([Bytes::from_static(text.as_bytes())])
    }

    fn join(hub: &Arc<Hub>) -> Mailbox {
        hub.join(Arc::new(Connection::new(0)))
    }

    fn read(mailbox: &mut Mailbox) -> Vec<Bytes> {
        std::iter::from_fn(|| {
            if mailbox.oldest().is_some() {
                mailbox.take();
            }
            mailbox.go_on()
        })
        .collect()
    }

    fn publish(hub: &Hub, text: &'static str) -> (usize, usize, usize) {
        let Delivery { sent, removed, clients, .. } = hub.publish(Instant::EPOCH, event(text), |_| {});
        (sent, removed, clients)
    }

    #[test]
    fn a_member_gets_the_events_from_its_joining_on() {
        let hub = Arc::new(Hub::new(8));
        assert_eq!(publish(&hub, "nobody hears"), (0, 0, 0));
        let mut early = join(&hub);
        assert_eq!(publish(&hub, "one"), (1, 0, 1));
        let mut late = join(&hub);
        assert_eq!(publish(&hub, "two"), (2, 0, 2));
        assert_eq!(read(&mut early), ["one", "two"]);
        assert_eq!(read(&mut late), ["two"]);
        assert!(read(&mut late).is_empty());
    }

    #[test]
    fn a_member_that_leaves_is_counted_no_more() {
        let hub = Arc::new(Hub::new(8));
        let stays = join(&hub);
        drop(join(&hub));
        assert_eq!(publish(&hub, "one"), (1, 0, 1));
        drop(stays);
        assert_eq!(hub.clients(), 0);
    }

    #[test]
    fn a_full_mailbox_evicts_its_member_with_the_event_that_does_not_fit() {
        let hub = Arc::new(Hub::new(2));
        let (mut reader, stuck) = (join(&hub), join(&hub));
        assert_eq!(publish(&hub, "one"), (2, 0, 2));
        assert_eq!(publish(&hub, "two"), (2, 0, 2));
        assert_eq!(read(&mut reader), ["one", "two"]);
        assert_eq!(stuck.member.connection.ending(), None);
        assert_eq!(publish(&hub, "three"), (1, 1, 1));
        assert_eq!(stuck.member.connection.ending(), Some(Ending::BreakOff(BrokenOff::Evicted)));
        assert_eq!(reader.member.connection.ending(), None);
        assert_eq!(read(&mut reader), ["three"]);
    }

    #[test]
    fn a_mailbox_is_filling_when_an_eighth_of_it_is_full() {
        let hub = Arc::new(Hub::new(16));
        let mut mailbox = join(&hub);
        let filling = || hub.publish(Instant::EPOCH, event("x"), |_| {}).filling;
        assert_eq!([filling(), filling(), filling()], [false, false, true]);
        read(&mut mailbox);
        assert!(!hub.publish(Instant::EPOCH, event("x"), |_| {}).filling);
    }

    #[test]
    fn the_writes_of_an_event_come_in_order() {
        let hub = Arc::new(Hub::new(2));
        let mut mailbox = join(&hub);
        hub.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"event"), Bytes::from_static(b"data")]), |_| {});
        mailbox.take();
        assert_eq!(mailbox.go_on().as_deref(), Some(&b"event"[..]));
        assert_eq!(mailbox.go_on().as_deref(), Some(&b"data"[..]));
        assert_eq!(mailbox.go_on(), None);
    }

    #[test]
    fn an_event_is_freed_when_the_last_member_has_passed_it() {
        let hub = Arc::new(Hub::new(8));
        let (mut quick, slow) = (join(&hub), join(&hub));
        let bytes = Bytes::from(vec![b'x'; 10]);
        hub.publish(Instant::EPOCH, Event::from([bytes.clone()]), |_| {});
        publish(&hub, "two");
        read(&mut quick);
        assert!(!bytes.is_unique());
        drop(slow);
        assert!(bytes.is_unique());
    }

    #[test]
    fn a_long_log_is_freed_without_deep_recursion() {
        let hub = Arc::new(Hub::new(u64::MAX));
        let mailbox = join(&hub);
        for _ in 0..1_000_000 {
            publish(&hub, "x");
        }
        drop(mailbox);
    }
    #[test]
    fn all_who_are_evicted_at_once_are_counted() {
        let hub = Arc::new(Hub::new(1));
        let (mut reader, _stuck) = (join(&hub), [join(&hub), join(&hub), join(&hub)]);
        assert_eq!(publish(&hub, "one"), (4, 0, 4));
        read(&mut reader);
        assert_eq!(publish(&hub, "two"), (1, 3, 1));
    }

    #[test]
    fn a_member_that_joins_late_has_a_mailbox_as_large_as_the_others() {
        let hub = Arc::new(Hub::new(2));
        for _ in 0..5 {
            publish(&hub, "before");
        }
        let _late = join(&hub);
        assert_eq!(
            [publish(&hub, "one"), publish(&hub, "two"), publish(&hub, "three")],
            [(1, 0, 1), (1, 0, 1), (0, 1, 0)]
        );
    }

    /// Looks into a mailbox, as another thread may, at the very moment at which its connection is woken.
    struct Looks {
        mailbox: Mailbox,
        found: AtomicU64,
    }

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            self.found.fetch_add(u64::from(self.mailbox.oldest().is_some()), Ordering::Relaxed);
        }
    }

    #[test]
    fn an_event_is_there_when_its_members_are_woken() {
        let hub = Arc::new(Hub::new(8));
        let members: Vec<_> = (0..3).map(|_| join(&hub)).collect();
        let looks = members.into_iter().map(|mailbox| {
            let connection = Arc::clone(&mailbox.member.connection);
            let looks = Arc::new(Looks { mailbox, found: AtomicU64::new(0) });
            connection.task().register(&Arc::clone(&looks).into());
            looks
        });
        let looks: Vec<_> = looks.collect();
        publish(&hub, "one");
        assert!(looks.iter().all(|looks| looks.found.load(Ordering::Relaxed) == 1));
    }
}
