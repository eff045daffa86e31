//! What one client did, and what it saw.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::Instant;

use super::times::{RequestTurn, Times};
use crate::player::{ClientLog, HttpExchange};
use crate::simulate::history::{Asked, History, Link, Manner, What};
use crate::simulate::play::Outcome;

/// One client's view of a world.
pub(super) struct View<'a> {
    pub(super) client: usize,
    pub(super) link: &'a Link,
    pub(super) asks: Vec<Ask>,
    /// The responses that have begun.
    pub(super) responses: Vec<HttpExchange>,
    /// In which batch it connected.
    pub(super) connected: Option<usize>,
    /// The ordinals that its connection may have.
    pub(super) ordinals: RangeInclusive<u64>,
    pub(super) left: Option<Left>,
    /// When the server closed the connection, as the client saw it.
    pub(super) closed: Option<Instant>,
    /// From which batch to which it may not have read.
    pauses: Vec<(usize, usize)>,
    /// It sent garbage.
    garbles: bool,
    /// It may have waited until the server took it on.
    waits: bool,
    pub(super) log: &'a ClientLog,
}

/// A request whose turn comes, unless something ends its connection before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) deed: usize,
    pub(super) asked: Asked,
    pub(super) manner: Manner,
    /// When its turn comes, and in which batch.
    pub(super) at: Instant,
    pub(super) batch: usize,
    /// It has waited behind a stream.
    pub(super) waited: bool,
    /// When its answer is over, if it ever is.
    pub(super) over: Option<Instant>,
}

/// How a client left: by a deed of its own, or since the network broke off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) at: Instant,
    /// It was there in all batches before this,
    pub(super) first: usize,
    /// and in none after this.
    pub(super) last: usize,
    /// It reads on.
    pub(super) half: bool,
    /// What it sent right before is not lost.
    pub(super) politely: bool,
    /// The server may keep its place for a while, since it was the server that has closed the connection first.
    lingers: bool,
}

impl<'a> View<'a> {
    /// Of all clients.
    pub(super) fn all(history: &'a History, outcome: &'a Outcome, times: &Times) -> Vec<Self> {
        let mut views: Vec<Self> =
            (0..history.clients.len()).map(|client| Self::new(history, outcome, times, client)).collect();
        // How many connections have surely had a request executed, and how many perhaps.
        let (mut surely, mut perhaps) = (0, 0);
        let done = history.deeds.iter().zip(&outcome.done).zip(&times.batch).enumerate();
        let done = done.filter(|(_, ((deed, done), _))| done.is_some() && !deed.what.is_of_the_world());
        for (at, ((deed, _), batch)) in done {
            if deed.what.connects() && views[deed.client].connected.is_none() {
                // Those who left in good time make room.
                let open = views.iter().filter(|other| other.may_be_connected_in(*batch)).count();
                let view = &mut views[deed.client];
                view.connected = Some(*batch);
                view.waits = open >= history.connections_max;
                // What is no HTTP may yet be a request.
                perhaps += u64::from(view.garbles);
            }
            let view = &mut views[deed.client];
            if let Some(first) = view.asks.first().filter(|first| first.deed == at).copied() {
                view.ordinals = surely..=perhaps;
                surely += u64::from(view.is_executed(&first, times));
                perhaps += 1;
            }
        }
        views
    }

    fn new(history: &'a History, outcome: &'a Outcome, times: &Times, client: usize) -> Self {
        let (link, log) = (&history.clients[client], &outcome.logs[client]);
        let mut view = Self {
            client,
            link,
            asks: Vec::new(),
            responses: responses(log),
            connected: None,
            ordinals: 0..=0,
            left: None,
            closed: log.closed_at(),
            pauses: Vec::new(),
            garbles: false,
            waits: false,
            log,
        };
        for (deed, what) in history.deeds.iter().enumerate() {
            let (batch, Some(at)) = (times.batch[deed], outcome.done[deed]) else { continue };
            if what.client != client {
                continue;
            }
            match &what.what {
                What::Ask { asked, manner, .. } if view.left.is_none() => {
                    let ask = times.turns[deed].map(|turn| {
                        let RequestTurn { at, batch, waited, over } = turn;
                        Ask { deed, asked: *asked, manner: *manner, at, batch, waited, over }
                    });
                    view.asks.extend(ask);
                }
                what if what.leaves() && view.left.is_none() => {
                    let half = *what == What::HalfClose;
                    view.left = Some(Left { at, first: batch, last: batch, half, politely: half, lingers: false });
                }
                What::Garbage(_) => view.garbles = true,
                What::Pause => view.pauses.push((batch, usize::MAX)),
                What::Resume => {
                    if let Some((_, to)) = view.pauses.last_mut() {
                        *to = batch;
                    }
                }
                _ => {}
            }
        }
        view.broken_off(times);
        view
    }

    /// A network that breaks off takes its client away.
    fn broken_off(&mut self, times: &Times) {
        if let (Some(_), Some(at)) = (self.link.breaks_after, self.closed)
            && self.left.is_none_or(|left| at <= left.at)
        {
            let later = Instant::EPOCH + (at.since_epoch() + Duration::from_nanos(1));
            let (first, after) = (times.batch_from(at), times.batch_from(later));
            // Without a batch at that time there is none in which it may have been there or not.
            let last = after.saturating_sub(1);
            let lingers = self.garbles || self.asked_to_close().is_some();
            self.left = Some(Left { at, first, last, half: false, politely: false, lingers });
        }
    }

    /// Whether its story can be told exactly.
    pub(super) fn is_plain(&self) -> bool {
        !self.garbles && !self.waits
    }

    /// Whether it sees at once what is sent to it.
    pub(super) fn is_prompt(&self) -> bool {
        self.link.delay_ms_max() == 0 && self.pauses.is_empty() && !self.waits
    }

    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    pub(super) fn garbles(&self) -> bool {
        self.garbles
    }

    /// Whether it did not read for a while.
    pub(super) fn pauses(&self) -> bool {
        !self.pauses.is_empty()
    }

    /// Whether it may not have read in that batch.
    pub(super) fn may_pause_in(&self, batch: usize) -> bool {
        self.pauses.iter().any(|(from, to)| (*from..=*to).contains(&batch))
    }

    /// Whether it may both have read and not have read in that batch.
    pub(super) fn may_turn_in(&self, batch: usize) -> bool {
        self.pauses.iter().any(|(from, to)| *from == batch || *to == batch)
    }

    fn may_be_connected_in(&self, batch: usize) -> bool {
        self.connected.is_some() && self.left.is_none_or(|left| left.half || left.lingers || batch <= left.last)
    }

    /// Whether it surely had not left before the batch was over.
    pub(super) fn stays_in(&self, batch: usize) -> bool {
        self.left.is_none_or(|left| batch < left.first)
    }

    /// Whether it surely had left before the batch.
    pub(super) fn has_left_before(&self, batch: usize) -> bool {
        self.left.is_some_and(|left| left.last < batch)
    }

    /// Whether the server surely executes the request in its batch, as far as the client goes.
    pub(super) fn is_executed(&self, ask: &Ask, times: &Times) -> bool {
        let overtaken = |left: Left| left.first <= ask.batch && (ask.waited || !left.politely);
        let overtaken = self.left.is_some_and(overtaken);
        self.is_plain() && !overtaken && !times.may_be_ending(ask.batch)
    }

    /// The request after whose answer the connection is closed.
    pub(super) fn asked_to_close(&self) -> Option<&Ask> {
        self.asks.iter().find(|ask| ask.manner.closes())
    }

    /// By when what is due at a time has come to the client, unless something ends it before.
    pub(super) fn sees(&self, due: Instant, times: &Times) -> Instant {
        let late = if self.pauses.is_empty() { due } else { due.max(times.recovery) };
        times.comes(late + Duration::from_millis(self.link.delay_ms_max()))
    }
}

/// Returns the responses that have begun.
fn responses(log: &ClientLog) -> Vec<HttpExchange> {
    let begun = log.exchanges().into_iter().filter(|exchange| exchange.head.is_some());
    let with_whole_writes = begun.map(|exchange| {
        let writes = if exchange.is_raw() { whole_writes(&exchange.writes) } else { exchange.writes };
        HttpExchange { writes, ..exchange }
    });
    with_whole_writes.collect()
}

/// Cuts a body into writes where nothing but the lines tells them apart; a write that has not come whole is left out.
fn whole_writes(came: &[(Instant, Bytes)]) -> Vec<(Instant, Bytes)> {
    // The name of an event is a write of its own, and so is all up to an empty line.
    let length = |rest: &[u8]| {
        let end: &[u8] = if rest.starts_with(b"event:") { b"\n" } else { b"\n\n" };
        rest.windows(end.len()).position(|window| window == end).map(|at| at + end.len())
    };
    let (mut writes, mut rest) = (Vec::new(), Vec::new());
    for (at, bytes) in came {
        rest.extend_from_slice(bytes);
        while let Some(length) = length(&rest) {
            writes.push((*at, rest.drain(..length).collect()));
        }
    }
    writes
}

impl Ask {
    /// Returns whether the request makes its client a subscriber of the channel.
    pub(super) fn joins(&self) -> bool {
        self.asked.hears_broadcasts() && self.manner != Manner::Head
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.manner.method(), self.asked.target())
    }
}
