//! The times of a world: its batches, and when each request is executed.
//!
//! All consequences of a batch are over before the next batch begins; within a batch operations race.

use std::fmt;
use std::time::Duration;

use onbeat_wire::Instant;

use super::{Golden, History, Manner, Observations, Resource, Stream};
use crate::simulate::{Operation, OperationKind};

/// The times of a world.
pub(super) struct Times {
    /// The batch of each operation.
    pub(super) batch: Vec<usize>,
    /// The time of each batch; none for a batch without an operation that was possible.
    pub(super) of_batch: Vec<Option<Instant>>,
    /// The requests, by the number of the operation. A request that is never executed is left out.
    pub(super) requests: Vec<Option<SentRequest>>,
    /// The jumps of time, from and to.
    jumps: Vec<(Instant, Instant)>,
    /// The batch and the time of the shutdown.
    pub(super) shut_down: Option<(usize, Instant)>,
    /// When all faults stopped.
    pub(super) recovery: Instant,
    pub(super) end: Instant,
}

/// A request that is executed, unless the connection ends before.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentRequest {
    /// The number of the operation.
    pub(super) operation: usize,
    pub(super) resource: Resource,
    pub(super) manner: Manner,
    /// When the request is executed: after the answers to all earlier requests.
    pub(super) at: Instant,
    /// The batch of the execution. A request that has waited has a batch between those of operations, or races with the
    /// operations of the same instant.
    pub(super) batch: usize,
    /// Whether the request has waited behind a stream.
    pub(super) waited: bool,
    /// When the answer is over, if ever.
    pub(super) over: Option<Instant>,
}

/// Returns how long a stream lasts that ends by itself.
fn length(golden: &Golden, stream: Stream) -> Option<Duration> {
    let scene = golden.stream(stream.name()).filter(|scene| scene.completes());
    scene.map(|scene| Duration::from_millis(scene.length_ms))
}

impl Times {
    pub(super) fn new(golden: &Golden, history: &History, observations: &Observations) -> Self {
        let jump = |(operation, done): (&Operation, &Option<Instant>)| match (&operation.kind, done) {
            (OperationKind::Jump { ms }, Some(at)) => Some((*at, *at + Duration::from_millis(*ms))),
            _ => None,
        };
        let mut times = Self {
            batch: Vec::new(),
            of_batch: Vec::new(),
            requests: Vec::new(),
            jumps: history.operations.iter().zip(&observations.done).filter_map(jump).collect(),
            shut_down: None,
            recovery: Instant::EPOCH + Duration::from_millis(history.end_ms),
            end: observations.end,
        };
        times.requests = times.requests(golden, history, observations);
        times.number(history, observations);
        // Looks for the shutdown last, when the batches have numbers.
        let shut_down = history.operations.iter().position(|operation| operation.kind == OperationKind::ShutDown);
        times.shut_down = shut_down.and_then(|at| Some((times.batch[at], observations.done[at]?)));
        times
    }

    /// Returns when a due write comes: time may jump over the instant.
    pub(super) fn comes(&self, due: Instant) -> Instant {
        let jumped = self.jumps.iter().find(|(from, to)| *from < due && due < *to);
        jumped.map_or(due, |(_, to)| *to)
    }

    /// Returns whether the server may have been told to end in this batch or before.
    pub(super) fn may_be_ending(&self, batch: usize) -> bool {
        self.shut_down.is_some_and(|(ending, _)| ending <= batch)
    }

    /// Returns the first batch not before `at`.
    pub(super) fn batch_from(&self, at: Instant) -> usize {
        let later = |time: &Option<Instant>| time.is_some_and(|time| time >= at);
        self.of_batch.iter().position(later).unwrap_or(self.of_batch.len())
    }

    /// Returns the number of operations and of delayed requests in a batch.
    pub(super) fn count_in(&self, batch: usize) -> usize {
        let waited = self.requests.iter().flatten().filter(|request| request.waited && request.batch == batch);
        self.batch.iter().filter(|other| **other == batch).count() + waited.count()
    }

    /// Returns the requests, without their batches.
    fn requests(&self, golden: &Golden, history: &History, observations: &Observations) -> Vec<Option<SentRequest>> {
        // Keeps when each connection is free for the next request, if ever.
        let mut free = vec![Some(Instant::EPOCH); history.clients.len()];
        let request = |(number, operation): (usize, &Operation)| {
            let (resource, manner) = operation.kind.request()?;
            let sent = observations.done[number]?;
            // Leaves out a request behind a stream without end, or behind an answer that closes the connection.
            let at = free[operation.client]?.max(sent);
            let over = match resource {
                Resource::Stream(stream) if manner != Manner::Head => {
                    length(golden, stream).map(|length| self.comes(at + length))
                }
                _ => Some(at),
            };
            free[operation.client] = over.filter(|_| !manner.closes());
            Some(SentRequest { operation: number, resource, manner, at, batch: 0, waited: at > sent, over })
        };
        history.operations.iter().enumerate().map(request).collect()
    }

    /// Numbers the batches: those of operations, and between them those of requests that have waited.
    fn number(&mut self, history: &History, observations: &Observations) {
        let operations = &history.operations;
        let time = |operation: usize| Instant::EPOCH + Duration::from_millis(operations[operation].at_ms);
        let begins = |at: &usize| {
            let before = at.checked_sub(1).map(|before| &operations[before]);
            before.is_none_or(|before| before.at_ms != operations[*at].at_ms || before.settles)
        };
        let first: Vec<usize> = (0..operations.len()).filter(begins).collect();
        // Makes places odd for batches of operations, and even between them, where the time tells batches apart.
        let of_operation = |at: usize| (2 * first.partition_point(|first| *first <= at) - 1, Instant::EPOCH);
        let of_waited = |at: Instant| {
            let next = first.partition_point(|first| time(*first) < at);
            // Looks for a race: any other operation waits for everything else that is due at the same instant.
            let races = |first: &usize| time(*first) == at && operations[*first].races;
            if first.get(next).is_some_and(races) { (2 * next + 1, Instant::EPOCH) } else { (2 * next, at) }
        };
        let place = |request: &SentRequest| {
            if request.waited { of_waited(request.at) } else { of_operation(request.operation) }
        };
        let mut places: Vec<_> =
            (0..operations.len()).map(of_operation).chain(self.requests.iter().flatten().map(place)).collect();
        places.sort_unstable();
        places.dedup();
        let batch = |place| places.partition_point(|other| *other < place);
        self.batch = (0..operations.len()).map(|at| batch(of_operation(at))).collect();
        self.of_batch = vec![None; places.len()];
        for request in self.requests.iter_mut().flatten() {
            request.batch = batch(place(request));
            if request.waited {
                self.of_batch[request.batch] = Some(request.at);
            }
        }
        for (batch, done) in self.batch.iter().zip(&observations.done) {
            self.of_batch[*batch] = done.or(self.of_batch[*batch]);
        }
    }
}

impl SentRequest {
    /// Returns whether the request makes the client a subscriber of the channel.
    pub(super) fn subscribes(&self) -> bool {
        self.resource.hears_broadcasts() && self.manner != Manner::Head
    }
}

impl fmt::Display for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.manner.method(), self.resource.target())
    }
}
