//! The view of a client: the requests and observations of the client.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::Instant;

use super::{History, HttpExchange, Observations, SentRequest, Times};
use crate::player::ClientLog;
use crate::simulate::{Link, OperationKind};

/// The view of a client.
pub(super) struct View<'a> {
    pub(super) client: usize,
    pub(super) link: &'a Link,
    pub(super) requests: Vec<SentRequest>,
    /// The responses that have begun.
    pub(super) responses: Vec<HttpExchange>,
    /// The batch in which the client connected.
    pub(super) connected: Option<usize>,
    /// The possible ordinals of the connection.
    pub(super) ordinals: RangeInclusive<u64>,
    pub(super) left: Option<Departure>,
    /// When the server closed the connection, as the client saw.
    pub(super) closed: Option<Instant>,
    /// The batches from and to which the client may not have read.
    pauses: Vec<(usize, usize)>,
    /// Whether the client sent garbage.
    pub(super) garbles: bool,
    /// Whether the client may have waited for the server to accept the connection.
    pub(super) may_wait: bool,
    pub(super) log: &'a ClientLog,
}

/// How a client left: by an operation, or by a reset of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub(super) at: Instant,
    /// The first batch in which the client may have been absent.
    pub(super) first: usize,
    /// The last batch in which the client may have been present.
    pub(super) last: usize,
    /// Whether the client reads on. The server gets everything that such a client sent.
    pub(super) half: bool,
    /// Whether the server may keep the connection for a while, as the server closed the connection first.
    lingers: bool,
}

/// Which waiting events a client reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intake {
    All,
    /// As many as the buffers hold.
    Some,
    Unknown,
}

impl<'a> View<'a> {
    /// Returns the views of all clients.
    pub(super) fn all(history: &'a History, observations: &'a Observations, times: &Times) -> Vec<Self> {
        let mut views: Vec<Self> =
            (0..history.clients.len()).map(|client| Self::new(history, observations, times, client)).collect();
        // Counts the connections that have surely had a request executed, and perhaps.
        let (mut surely, mut perhaps) = (0, 0);
        for (at, operation) in history.operations.iter().enumerate() {
            if observations.done[at].is_none() || operation.kind.is_of_the_world() {
                continue;
            }
            let batch = times.batch[at];
            if operation.kind.connects() && views[operation.client].connected.is_none() {
                // Counts open connections, without clients that left early enough to make room.
                let open = views.iter().filter(|other| other.may_be_connected_in(batch)).count();
                let view = &mut views[operation.client];
                view.connected = Some(batch);
                view.may_wait = open >= history.connections_max;
                // Counts garbage as perhaps a request.
                perhaps += u64::from(view.garbles);
            }
            let view = &mut views[operation.client];
            if let Some(first) = view.requests.first().filter(|first| first.operation == at).copied() {
                view.ordinals = surely..=perhaps;
                surely += u64::from(view.is_executed(&first, times));
                perhaps += 1;
            }
        }
        views
    }

    fn new(history: &'a History, observations: &'a Observations, times: &Times, client: usize) -> Self {
        let (link, log) = (&history.clients[client], &observations.logs[client]);
        let mut view = Self {
            client,
            link,
            requests: Vec::new(),
            responses: responses(log),
            connected: None,
            ordinals: 0..=0,
            left: None,
            closed: log.closed_at(),
            pauses: Vec::new(),
            garbles: false,
            may_wait: false,
            log,
        };
        // Takes the first leave, after which a client sends no request.
        for (number, operation) in history.operations.iter().enumerate() {
            let (batch, Some(at)) = (times.batch[number], observations.done[number]) else { continue };
            if operation.client != client {
                continue;
            }
            match &operation.kind {
                OperationKind::Request(_) if view.left.is_none() => view.requests.extend(times.requests[number]),
                kind if kind.leaves() && view.left.is_none() => {
                    let half = *kind == OperationKind::HalfClose;
                    view.left = Some(Departure { at, first: batch, last: batch, half, lingers: false });
                }
                OperationKind::Garbage(_) => view.garbles = true,
                OperationKind::Pause => view.pauses.push((batch, usize::MAX)),
                OperationKind::Resume => view.pauses.last_mut().into_iter().for_each(|(_, to)| *to = batch),
                _ => {}
            }
        }
        view.apply_reset(times);
        view
    }

    /// Lets the client leave at a reset by the network.
    fn apply_reset(&mut self, times: &Times) {
        if let (Some(_), Some(at)) = (self.link.breaks_after, self.closed)
            && self.left.is_none_or(|left| at <= left.at)
        {
            let later = Instant::EPOCH + (at.since_epoch() + Duration::from_nanos(1));
            let (first, after) = (times.batch_from(at), times.batch_from(later));
            // Places a leave between two batches: the client was present in all batches before, and absent in all after.
            let last = after.saturating_sub(1);
            let lingers = self.garbles || self.closing_request().is_some();
            self.left = Some(Departure { at, first, last, half: false, lingers });
        }
    }

    /// Returns whether the model knows exactly what the client must see.
    pub(super) fn is_plain(&self) -> bool {
        !self.garbles && !self.may_wait
    }

    /// Returns whether the client sees every sent byte at once.
    pub(super) fn is_prompt(&self) -> bool {
        self.link.delay_ms_max() == 0 && self.pauses.is_empty() && !self.may_wait
    }

    /// Returns whether the client did not read for a while.
    pub(super) fn pauses(&self) -> bool {
        !self.pauses.is_empty()
    }

    /// Returns which waiting events the client reads in the batch.
    pub(super) fn intake_in(&self, batch: usize) -> Intake {
        if self.may_wait || self.pauses.iter().any(|(from, to)| *from == batch || *to == batch) {
            return Intake::Unknown;
        }
        let may_pause = self.pauses.iter().any(|(from, to)| (*from..=*to).contains(&batch));
        if may_pause { Intake::Some } else { Intake::All }
    }

    fn may_be_connected_in(&self, batch: usize) -> bool {
        self.connected.is_some() && self.left.is_none_or(|left| left.half || left.lingers || batch <= left.last)
    }

    /// Returns whether the client surely had not left at the end of the batch.
    pub(super) fn stays_in(&self, batch: usize) -> bool {
        self.left.is_none_or(|left| batch < left.first)
    }

    /// Returns whether the client surely had left before the batch.
    pub(super) fn has_left_before(&self, batch: usize) -> bool {
        self.left.is_some_and(|left| left.last < batch)
    }

    /// Returns whether the server surely executes the request, unless the client is evicted.
    pub(super) fn is_executed(&self, request: &SentRequest, times: &Times) -> bool {
        let overtaken = |left: Departure| left.first <= request.batch && (request.waited || !left.half);
        self.is_plain() && !self.left.is_some_and(overtaken) && !times.may_be_ending(request.batch)
    }

    /// Returns the request with an answer that closes the connection.
    pub(super) fn closing_request(&self) -> Option<&SentRequest> {
        self.requests.iter().find(|request| request.manner.closes())
    }

    /// Returns by when a due write has come to the client, unless the connection ends before.
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

/// Cuts a body without chunks into writes by lines, and leaves out an incomplete write at the end.
fn whole_writes(came: &[(Instant, Bytes)]) -> Vec<(Instant, Bytes)> {
    // Takes the name of an event for a write, and all else up to an empty line.
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
