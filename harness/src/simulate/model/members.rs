//! The subscribers of the channel at each time, and the fate of each event: the contract of the channel, from the outside.
//!
//! Where deeds race, nobody knows who was first. So a member is *surely* there, or *may* be, and between so many and so
//! many events wait for it. With one deed at a time all of this is exact.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use onbeat_wire::Instant;

use super::view::{Ask, View};
use super::{Times, World};
use crate::simulate::history::Asked;

/// What the server keeps beyond a connection's window, before it takes no more out of the mailbox of a stuck reader.
const BUFFER_BYTES: usize = 24 * 1024;
/// How much of that a head and a greeting may take,
const HEAD_BYTES_MAX: usize = 512;
/// and how much a heartbeat takes.
const HEARTBEAT_BYTES: usize = 17;

/// The clients of `/sse`, and the events.
pub(super) struct Members {
    all: Vec<Member>,
    /// The events that bear a number, by it.
    pub(super) numbered: BTreeMap<usize, Sent>,
    pub(super) sent: Vec<Sent>,
    /// What the answer to each may say, by the deed.
    pub(super) counts: BTreeMap<usize, Counts>,
}

/// A response to `/sse`, as a subscriber of the channel.
pub(super) struct Member {
    client: usize,
    ask: Ask,
    /// The deeds whose events it surely gets,
    pub(super) gets: BTreeSet<usize>,
    /// and those whose events it may get.
    pub(super) may_get: BTreeSet<usize>,
    waiting: Waiting,
    evicted: Option<Evicted>,
}

/// How many events wait for a member, at least and at most.
#[derive(Default)]
struct Waiting {
    least: u64,
    most: u64,
    /// The sizes of those that surely came while it surely did not read,
    unread: Vec<usize>,
    /// and of all that may have come and not been read.
    perhaps_unread: Vec<usize>,
}

/// When a client was evicted, or may have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evicted {
    pub(super) at: Instant,
    pub(super) surely: bool,
}

/// Something that was sent to all members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) client: usize,
    pub(super) deed: usize,
    pub(super) batch: usize,
    pub(super) asked: Asked,
    /// When: at that time if it is `exact`, and else at that time or later.
    pub(super) at: Instant,
    pub(super) exact: bool,
    /// It surely was.
    surely: bool,
}

/// What an answer may say.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) clients: RangeInclusive<u64>,
    pub(super) removed: RangeInclusive<u64>,
}

/// Whether something is so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Odds {
    No,
    Perhaps,
    Surely,
}

/// Whether a member takes its events out of its mailbox.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    All,
    /// Nothing more than its buffers hold.
    Some,
    /// Nobody knows.
    Perhaps,
}

impl Members {
    pub(super) fn new(world: &World) -> Self {
        let asks = || world.views.iter().flat_map(|view| view.asks.iter().map(move |ask| (view, *ask)));
        // Who has left is not waited for.
        let asks = || asks().filter(|(view, ask)| !ask.waited || !view.has_left_before(ask.batch));
        let joins = asks().filter(|(view, ask)| ask.joins() && !view.garbles());
        let sends = asks().filter(|(_, ask)| ask.asked.is_sent());
        let sent: Vec<Sent> = sends.map(|(view, ask)| Sent::new(view, ask, world.times)).collect();
        let mut members = Self {
            all: joins.map(|(view, ask)| Member::new(view.client, ask)).collect(),
            numbered: BTreeMap::new(),
            sent,
            counts: BTreeMap::new(),
        };
        for (batch, at) in world.times.of_batch.iter().enumerate() {
            if let Some(at) = at {
                members.batch(world, batch, *at);
            }
        }
        let numbered = |sent: &Sent| Some((sent.asked.message()?.number, *sent));
        members.numbered = members.sent.iter().filter_map(numbered).collect();
        members
    }

    /// The member that a request made, if it did.
    pub(super) fn of(&self, ask: &Ask) -> Option<&Member> {
        self.all.iter().find(|member| member.ask.deed == ask.deed)
    }

    /// Whether and when a client was evicted.
    pub(super) fn evicted(&self, client: usize) -> Option<Evicted> {
        let all = self.all.iter().filter(|member| member.client == client);
        all.filter_map(|member| member.evicted).min_by_key(|evicted| evicted.at)
    }

    /// Lets everything happen that happens in one batch.
    fn batch(&mut self, world: &World, batch: usize, at: Instant) {
        for sent in self.sent.iter_mut().filter(|sent| sent.batch == batch) {
            // Who may have been evicted may not have sent it.
            sent.surely &= self.all.iter().all(|member| member.client != sent.client || member.evicted.is_none());
        }
        // What a client sends that waits for a connection, or does not read its answers, may come at any later time.
        let late = |sent: &&Sent| !sent.exact && sent.batch <= batch;
        let now: Vec<Sent> =
            self.sent.iter().filter(|sent| sent.exact && sent.batch == batch || late(sent)).copied().collect();
        if now.is_empty() {
            return;
        }
        let alone = world.times.count_in(batch) == 1 && now.len() == 1 && now[0].exact;
        let mut counts = Counts { clients: 0..=0, removed: 0..=0 };
        let (mut fates, mut evicted) = (Vec::new(), Vec::new());
        for member in &mut self.all {
            let view = &world.views[member.client];
            let there = member.is_there(view, batch, world.times);
            let takes = Takes::of(view, batch);
            let full = member.waiting.full(takes, &now, world.history.mailbox_events_max);
            if there > Odds::No {
                let heartbeats = usize::try_from(world.times.end.as_millis() / 30_000).unwrap_or(usize::MAX);
                let others = HEAD_BYTES_MAX + HEARTBEAT_BYTES * heartbeats;
                member.waiting.add(takes, &now, there, view.link.window_bytes + BUFFER_BYTES, others);
            }
            let removed = there.min(full);
            // Who is prompt shows that it was not, unless that may come later.
            let shows = view.is_prompt() && view.closed != Some(at) && now.iter().all(|sent| sent.exact);
            if removed == Odds::Surely || removed == Odds::Perhaps && !shows {
                evicted.push((member.client, Evicted { at, surely: removed == Odds::Surely }));
            }
            fates.push((there, removed));
        }
        for (member, (there, removed)) in self.all.iter_mut().zip(fates) {
            let gone = alone && removed == Odds::Surely;
            let stays = match there {
                _ if gone => Odds::No,
                Odds::Surely if removed == Odds::No => Odds::Surely,
                Odds::No => Odds::No,
                _ => Odds::Perhaps,
            };
            member.may_get.extend(now.iter().filter(|_| stays > Odds::No).map(|sent| sent.deed));
            // Who is evicted by its own burst sends no more of it.
            let surely = |sent: &&Sent| sent.surely && (alone || !goes(&evicted, sent.client));
            member.gets.extend(now.iter().filter(|_| stays == Odds::Surely).filter(surely).map(|sent| sent.deed));
            stays.add_to(&mut counts.clients);
            let removed = if alone { removed } else { removed.min(Odds::Perhaps) };
            removed.add_to(&mut counts.removed);
        }
        for member in &mut self.all {
            let news = evicted.iter().find(|(client, _)| *client == member.client).map(|(_, evicted)| *evicted);
            member.evicted = match (member.evicted, news) {
                (None, news) => news,
                (before, _) => before,
            };
        }
        for sent in now.iter().filter(|sent| sent.exact) {
            self.counts.insert(sent.deed, counts.clone());
        }
        for sent in now.iter().filter(|sent| !sent.exact) {
            let any = self.all.len() as u64;
            self.counts.insert(sent.deed, Counts { clients: 0..=any, removed: 0..=any });
        }
    }
}

impl Member {
    fn new(client: usize, ask: Ask) -> Self {
        let (gets, may_get) = (BTreeSet::new(), BTreeSet::new());
        Self { client, ask, gets, may_get, waiting: Waiting::default(), evicted: None }
    }

    fn is_there(&self, view: &View, batch: usize, times: &Times) -> Odds {
        let ended = times.shut_down.is_some_and(|(ending, _)| ending < batch);
        let evicted = self.evicted.is_some_and(|evicted| evicted.surely);
        if batch < self.ask.batch || view.has_left_before(batch) || ended || evicted {
            return Odds::No;
        }
        let joined = self.ask.batch < batch && view.is_executed(&self.ask, times);
        let stays = view.stays_in(batch) && !times.may_be_ending(batch) && self.evicted.is_none();
        if joined && stays { Odds::Surely } else { Odds::Perhaps }
    }
}

impl Takes {
    fn of(view: &View, batch: usize) -> Self {
        match () {
            () if view.waits() || view.may_turn_in(batch) => Self::Perhaps,
            () if view.may_pause_in(batch) => Self::Some,
            () => Self::All,
        }
    }
}

impl Waiting {
    /// Whether the mailbox is full when the last of these events comes.
    fn full(&mut self, takes: Takes, now: &[Sent], mailbox_events_max: u64) -> Odds {
        match takes {
            Takes::All => *self = Self::default(),
            Takes::Perhaps => (self.least, self.unread) = (0, Vec::new()),
            Takes::Some => {}
        }
        // A burst does not run ahead of those who read, but several may meet.
        let one_burst = now.iter().all(|sent| sent.exact && sent.client == now[0].client);
        if takes == Takes::All && one_burst {
            return Odds::No;
        }
        // An event that the buffers hold is still one that came when the mailbox held those before it.
        let least = if self.least > 0 { self.least + surely(now).count() as u64 } else { 0 };
        let most = self.most + now.len() as u64;
        match (least > mailbox_events_max, most > mailbox_events_max) {
            (true, _) => Odds::Surely,
            (_, true) => Odds::Perhaps,
            _ => Odds::No,
        }
    }

    /// Lets these events wait, of which the buffers have `room` for some; `others` may take so much of the room.
    fn add(&mut self, takes: Takes, now: &[Sent], there: Odds, room: usize, others: usize) {
        if takes == Takes::All {
            *self = Self::default();
            return;
        }
        if takes == Takes::Some && there == Odds::Surely {
            self.unread.extend(surely(now).map(Sent::bytes));
        }
        self.perhaps_unread.extend(now.iter().map(Sent::bytes));
        // The oldest are those that the buffers hold.
        let room_least = if takes == Takes::Perhaps { 0 } else { room.saturating_sub(others) };
        self.least = waiting(&self.unread, room);
        self.most = waiting(&self.perhaps_unread, room_least);
    }
}

/// How many of the events wait, given their sizes, when others fill the room of the buffers: each is taken whole for which
/// some room is left.
fn waiting(sizes: &[usize], room: usize) -> u64 {
    let mut taken = 0;
    let held = sizes.iter().take_while(|size| {
        let has_room = taken < room;
        taken += **size;
        has_room
    });
    (sizes.len() - held.count()) as u64
}

fn goes(evicted: &[(usize, Evicted)], client: usize) -> bool {
    evicted.iter().any(|(other, _)| *other == client)
}

fn surely(now: &[Sent]) -> impl Iterator<Item = &Sent> {
    now.iter().filter(|sent| sent.surely && sent.exact)
}

impl Sent {
    fn new(view: &View, ask: Ask, times: &Times) -> Self {
        let Ask { deed, batch, asked, at, .. } = ask;
        // Who does not read is executed nothing for, once its answers fill the way to it.
        let (exact, surely) = (view.is_plain() && !view.pauses(), view.is_executed(&ask, times) && !view.pauses());
        Self { client: view.client, deed, batch, asked, at, exact, surely }
    }

    /// How many bytes it is on the wire: a chunk, or one with its name and another with its data.
    fn bytes(&self) -> usize {
        let chunk = |length: usize| length + format!("{length:x}\r\n\r\n").len();
        let Some(message) = self.asked.message() else { return chunk(":\n\n".len()) };
        let keys = if matches!(self.asked, Asked::Broadcast(_)) { r#""msg":,"ts":"# } else { r#""timestamp":,"msg":"# };
        let data = "data: {}\n\n".len() + keys.len() + message.json().len() + r#""2025-12-01T00:00:00.000Z""#.len();
        chunk("event: broadcast\n".len()) + chunk(data)
    }
}

impl Odds {
    /// Counts one more, perhaps.
    fn add_to(self, range: &mut RangeInclusive<u64>) {
        let (least, most) = (u64::from(self == Self::Surely), u64::from(self > Self::No));
        *range = range.start() + least..=range.end() + most;
    }
}
