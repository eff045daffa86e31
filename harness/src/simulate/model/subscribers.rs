//! The subscribers of the channel in each batch, and which subscriber gets which event: the contract of the channel, as
//! clients see it.
//!
//! Where operations race, the order is unknown. A subscriber is then present *surely* or *perhaps*, and the number of
//! waiting events has a least and a greatest value. With one operation at a time all of this is exact.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use onbeat_wire::Instant;

use super::view::Intake;
use super::{History, Resource, SentRequest, Times, View};

/// How many bytes the server buffers for a stuck client beyond the window of the connection.
const BUFFER_BYTES: usize = 24 * 1024;
/// The bytes of that buffer that a head and a greeting may fill.
const HEAD_BYTES_MAX: usize = 512;
/// The bytes of a heartbeat.
const HEARTBEAT_BYTES: usize = 17;

/// The subscribers of the channel, and the events.
pub(super) struct Subscribers {
    all: Vec<Subscriber>,
    pub(super) events: Vec<Publication>,
    /// The events with a number, by the number.
    pub(super) numbered: BTreeMap<usize, Publication>,
    /// The possible counts in the answer to each publisher, by the operation.
    pub(super) counts: BTreeMap<usize, PossibleCounts>,
}

/// A response to a request for the channel.
pub(super) struct Subscriber {
    client: usize,
    request: SentRequest,
    /// The operations with events that the subscriber surely gets.
    pub(super) gets: BTreeSet<usize>,
    /// The operations with events that the subscriber may get.
    pub(super) may_get: BTreeSet<usize>,
    backlog: Backlog,
    evicted: Option<Eviction>,
}

/// The events that wait for a subscriber.
#[derive(Default)]
struct Backlog {
    least: u64,
    most: u64,
    /// The sizes of the events that surely came while the client surely did not read.
    unread: Vec<usize>,
    /// The sizes of all events that may have come and not been read.
    perhaps_unread: Vec<usize>,
}

/// When the server evicted a client, surely or perhaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eviction {
    pub(super) at: Instant,
    pub(super) surely: bool,
}

/// An event for all subscribers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Publication {
    /// The client that asked for the event.
    pub(super) client: usize,
    pub(super) operation: usize,
    pub(super) batch: usize,
    pub(super) resource: Resource,
    /// The time of the event; the earliest time, unless the time is exact.
    pub(super) at: Instant,
    pub(super) exact: bool,
    /// Whether the event was surely published.
    surely: bool,
}

/// The possible numbers in an answer.
#[derive(Clone, Debug)]
pub(super) struct PossibleCounts {
    pub(super) clients: RangeInclusive<u64>,
    pub(super) removed: RangeInclusive<u64>,
}

/// How certain a fact is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    No,
    Perhaps,
    Surely,
}

impl Subscribers {
    pub(super) fn new(history: &History, times: &Times, views: &[View]) -> Self {
        let requests = || views.iter().flat_map(|view| view.requests.iter().map(move |request| (view, *request)));
        // Leaves out a request that has waited longer than the client, and is never executed.
        let requests = || requests().filter(|(view, request)| !request.waited || !view.has_left_before(request.batch));
        let joins = requests().filter(|(view, request)| request.subscribes() && !view.garbles);
        let publishes = requests().filter(|(_, request)| request.resource.publishes());
        let mut subscribers = Self {
            all: joins.map(|(view, request)| Subscriber::new(view.client, request)).collect(),
            events: publishes.map(|(view, request)| Publication::new(view, request, times)).collect(),
            numbered: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        for (batch, at) in times.of_batch.iter().enumerate() {
            if let Some(at) = at {
                subscribers.play_batch(history, times, views, batch, *at);
            }
        }
        let numbered = |event: &Publication| Some((event.resource.message()?.number, *event));
        subscribers.numbered = subscribers.events.iter().filter_map(numbered).collect();
        subscribers
    }

    /// Returns the subscriber that a request made.
    pub(super) fn of(&self, request: &SentRequest) -> Option<&Subscriber> {
        self.all.iter().find(|subscriber| subscriber.request.operation == request.operation)
    }

    /// Returns the eviction of a client.
    pub(super) fn evicted(&self, client: usize) -> Option<Eviction> {
        let all = self.all.iter().filter(|subscriber| subscriber.client == client);
        all.filter_map(|subscriber| subscriber.evicted).min_by_key(|evicted| evicted.at)
    }

    /// Plays the events of a batch.
    fn play_batch(&mut self, history: &History, times: &Times, views: &[View], batch: usize, at: Instant) {
        for event in self.events.iter_mut().filter(|event| event.batch == batch) {
            let is_evicted =
                |subscriber: &Subscriber| subscriber.client == event.client && subscriber.evicted.is_some();
            event.surely &= !self.all.iter().any(is_evicted);
        }
        // Takes an event without an exact time for possible in any later batch.
        let may_come = |event: &&Publication| if event.exact { event.batch == batch } else { event.batch <= batch };
        let now: Vec<Publication> = self.events.iter().filter(may_come).copied().collect();
        if now.is_empty() {
            return;
        }
        // Decides first for each subscriber, as if all were still subscribed, and which clients are evicted.
        let alone = times.count_in(batch) == 1 && now.len() == 1 && now[0].exact;
        let (mut fates, mut evicted) = (Vec::new(), BTreeMap::new());
        for subscriber in &mut self.all {
            let view = &views[subscriber.client];
            let present = subscriber.is_present(view, batch, times);
            let intake = view.intake_in(batch);
            let full = subscriber.backlog.is_full(intake, &now, history.mailbox_events_max);
            if present > Certainty::No {
                let heartbeats = usize::try_from(times.end.as_millis() / 30_000).unwrap_or(usize::MAX);
                let others = HEAD_BYTES_MAX + HEARTBEAT_BYTES * heartbeats;
                subscriber.backlog.add(intake, &now, present, view.link.window_bytes + BUFFER_BYTES, others);
            }
            let removed = present.min(full);
            // Trusts a prompt client, which shows that no eviction happened, unless the eviction may happen later.
            let shows = view.is_prompt() && view.closed != Some(at) && now.iter().all(|event| event.exact);
            if removed == Certainty::Surely || removed == Certainty::Perhaps && !shows {
                let surely = removed == Certainty::Surely;
                evicted.entry(subscriber.client).or_insert(Eviction { at, surely });
            }
            fates.push((present, removed));
        }
        // Hands out the events then, and counts. The rest of a burst of an evicted client is not published.
        let mut counts = PossibleCounts { clients: 0..=0, removed: 0..=0 };
        let is_sure = |event: &&Publication| event.surely && (alone || !evicted.contains_key(&event.client));
        for (subscriber, (present, removed)) in self.all.iter_mut().zip(fates) {
            let stays = match (present, removed) {
                (_, Certainty::Surely) if alone => Certainty::No,
                (Certainty::Surely, Certainty::No) => Certainty::Surely,
                (present, _) => present.min(Certainty::Perhaps),
            };
            if stays > Certainty::No {
                subscriber.may_get.extend(now.iter().map(|event| event.operation));
            }
            if stays == Certainty::Surely {
                subscriber.gets.extend(now.iter().filter(is_sure).map(|event| event.operation));
            }
            stays.add_to(&mut counts.clients);
            // Takes a removal as sure only if no other operation belongs to the batch.
            let removed = if alone { removed } else { removed.min(Certainty::Perhaps) };
            removed.add_to(&mut counts.removed);
            subscriber.evicted = subscriber.evicted.or(evicted.get(&subscriber.client).copied());
        }
        let any = 0..=self.all.len() as u64;
        for event in now {
            let any = || PossibleCounts { clients: any.clone(), removed: any.clone() };
            self.counts.insert(event.operation, if event.exact { counts.clone() } else { any() });
        }
    }
}

impl Subscriber {
    fn new(client: usize, request: SentRequest) -> Self {
        let (gets, may_get) = (BTreeSet::new(), BTreeSet::new());
        Self { client, request, gets, may_get, backlog: Backlog::default(), evicted: None }
    }

    fn is_present(&self, view: &View, batch: usize, times: &Times) -> Certainty {
        let is_ended = times.shut_down.is_some_and(|(ending, _)| ending < batch);
        let is_evicted = self.evicted.is_some_and(|evicted| evicted.surely);
        if batch < self.request.batch || view.has_left_before(batch) || is_ended || is_evicted {
            return Certainty::No;
        }
        let has_joined = self.request.batch < batch && view.is_executed(&self.request, times);
        let stays = view.stays_in(batch) && !times.may_be_ending(batch) && self.evicted.is_none();
        if has_joined && stays { Certainty::Surely } else { Certainty::Perhaps }
    }
}

impl Backlog {
    /// Returns whether the mailbox is full when the last of these events comes.
    fn is_full(&mut self, intake: Intake, now: &[Publication], mailbox_events_max: u64) -> Certainty {
        match intake {
            Intake::All => *self = Self::default(),
            Intake::Unknown => (self.least, self.unread) = (0, Vec::new()),
            Intake::Some => {}
        }
        // Expects room for the burst of a single client, which is no faster than a reading client; bursts may meet.
        let one_burst = now.iter().all(|event| event.exact && event.client == now[0].client);
        if intake == Intake::All && one_burst {
            return Certainty::No;
        }
        // Adds all events while others wait, since the buffers then take no event out of the mailbox.
        let least = if self.least > 0 { self.least + surely(now).count() as u64 } else { 0 };
        let most = self.most + now.len() as u64;
        match (least > mailbox_events_max, most > mailbox_events_max) {
            (true, _) => Certainty::Surely,
            (_, true) => Certainty::Perhaps,
            _ => Certainty::No,
        }
    }

    /// Adds the events. The buffers have `room` bytes, of which other writes may fill up to `others`.
    fn add(&mut self, intake: Intake, now: &[Publication], present: Certainty, room: usize, others: usize) {
        if intake == Intake::All {
            *self = Self::default();
            return;
        }
        if intake == Intake::Some && present == Certainty::Surely {
            self.unread.extend(surely(now).map(Publication::bytes));
        }
        self.perhaps_unread.extend(now.iter().map(Publication::bytes));
        let room_least = if intake == Intake::Unknown { 0 } else { room.saturating_sub(others) };
        self.least = waiting(&self.unread, room);
        self.most = waiting(&self.perhaps_unread, room_least);
    }
}

/// Returns how many events of these sizes wait behind buffers with `room` bytes. The buffers take the oldest events, each
/// whole as long as some room is left.
fn waiting(sizes: &[usize], room: usize) -> u64 {
    let mut taken = 0;
    let held = sizes.iter().take_while(|size| {
        let has_room = taken < room;
        taken += **size;
        has_room
    });
    (sizes.len() - held.count()) as u64
}

fn surely(now: &[Publication]) -> impl Iterator<Item = &Publication> {
    now.iter().filter(|event| event.surely && event.exact)
}

impl Publication {
    fn new(view: &View, request: SentRequest, times: &Times) -> Self {
        let SentRequest { operation, batch, resource, at, .. } = request;
        // Takes no request of a pausing client as sure: unread answers may fill the way to the client.
        let (exact, surely) = (view.is_plain() && !view.pauses(), view.is_executed(&request, times) && !view.pauses());
        Self { client: view.client, operation, batch, resource, at, exact, surely }
    }

    /// Returns the size on the wire: of a chunk, or of two chunks for the name and the data.
    fn bytes(&self) -> usize {
        let chunk = |length: usize| length + format!("{length:x}\r\n\r\n").len();
        let Some(message) = self.resource.message() else { return chunk(":\n\n".len()) };
        let is_broadcast = matches!(self.resource, Resource::Broadcast(_));
        let keys = if is_broadcast { r#""msg":,"ts":"# } else { r#""timestamp":,"msg":"# };
        let data = "data: {}\n\n".len() + keys.len() + message.json().len() + r#""2025-12-01T00:00:00.000Z""#.len();
        chunk("event: broadcast\n".len()) + chunk(data)
    }
}

impl Certainty {
    /// Adds 1 to a range: to the end if the fact is possible, and to the start if the fact is sure.
    fn add_to(self, range: &mut RangeInclusive<u64>) {
        let (least, most) = (u64::from(self == Self::Surely), u64::from(self > Self::No));
        *range = range.start() + least..=range.end() + most;
    }
}
