//! When things happen in a world: its batches, and when the turn of each request comes.

use std::iter::Peekable;
use std::time::Duration;

use onbeat_wire::Instant;

use crate::fixtures::golden::Golden;
use crate::replay::Stream;
use crate::simulate::history::{Asked, History, Manner, What};
use crate::simulate::play::Outcome;

/// When things happen in a world.
pub(super) struct Times {
    /// The batch of each deed.
    pub(super) batch: Vec<usize>,
    /// The time of each batch, where something was done in it.
    pub(super) of_batch: Vec<Option<Instant>>,
    /// The turn of each deed that is a request, if its turn comes.
    pub(super) turns: Vec<Option<RequestTurn>>,
    /// From when to when time jumped.
    jumps: Vec<(Instant, Instant)>,
    /// The batch in which the server was told to end, and when.
    pub(super) shut_down: Option<(usize, Instant)>,
    /// When all faults stopped.
    pub(super) recovery: Instant,
    pub(super) end: Instant,
}

/// When a request is executed, unless something ends its connection before: when the answers to those before it are over.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTurn {
    pub(super) at: Instant,
    /// The batch in which that happens. One that has waited behind a stream has a batch of its own, between those of deeds,
    /// or races with the deeds of its instant.
    pub(super) batch: usize,
    /// It has waited behind a stream.
    pub(super) waited: bool,
    /// When the answer is over, if it ever is.
    pub(super) over: Option<Instant>,
}

/// Returns how long a stream lasts that ends by itself.
fn length(golden: &Golden, stream: Stream) -> Option<Duration> {
    let scene = golden.stream(stream.name()).filter(|scene| scene.completes());
    scene.map(|scene| Duration::from_millis(scene.length_ms))
}

impl Times {
    pub(super) fn new(golden: &Golden, history: &History, outcome: &Outcome) -> Self {
        let jump = |(deed, done): (&_, &Option<Instant>)| match (deed, done) {
            (What::Jump { ms }, Some(at)) => Some((*at, *at + Duration::from_millis(*ms))),
            _ => None,
        };
        let jumps = history.deeds.iter().map(|deed| &deed.what).zip(&outcome.done).filter_map(jump).collect();
        let mut times = Self {
            batch: Vec::new(),
            of_batch: Vec::new(),
            turns: Vec::new(),
            jumps,
            shut_down: None,
            recovery: Instant::EPOCH + Duration::from_millis(history.end_ms),
            end: outcome.end,
        };
        times.turns = times.turns(golden, history, outcome);
        times.number(history, outcome);
        let shut_down = history.deeds.iter().position(|deed| deed.what == What::ShutDown);
        times.shut_down = shut_down.and_then(|deed| Some((times.batch[deed], outcome.done[deed]?)));
        times
    }

    /// When something happens that is due then: time may jump over it.
    pub(super) fn comes(&self, due: Instant) -> Instant {
        let jumped = self.jumps.iter().find(|(from, to)| *from < due && due < *to);
        jumped.map_or(due, |(_, to)| *to)
    }

    /// Whether the server may have been told to end when this batch was under way.
    pub(super) fn may_be_ending(&self, batch: usize) -> bool {
        self.shut_down.is_some_and(|(ending, _)| ending <= batch)
    }

    /// The first batch at that time or later.
    pub(super) fn batch_from(&self, at: Instant) -> usize {
        let later = |time: &Option<Instant>| time.is_some_and(|time| time >= at);
        self.of_batch.iter().position(later).unwrap_or(self.of_batch.len())
    }

    /// How much happens in a batch.
    pub(super) fn count_in(&self, batch: usize) -> usize {
        let waited = self.turns.iter().flatten().filter(|turn| turn.waited && turn.batch == batch);
        self.batch.iter().filter(|other| **other == batch).count() + waited.count()
    }

    /// The turns of all requests, without their batches.
    fn turns(&self, golden: &Golden, history: &History, outcome: &Outcome) -> Vec<Option<RequestTurn>> {
        // When each connection is free for its next request, if it ever is.
        let mut free = vec![Some(Instant::EPOCH); history.clients.len()];
        let turn = |(deed, done): (&crate::simulate::history::Deed, &Option<Instant>)| {
            let (What::Ask { asked, manner, .. }, Some(sent)) = (&deed.what, *done) else { return None };
            let at = free[deed.client]?.max(sent);
            let over = match asked {
                Asked::Stream(stream) if *manner != Manner::Head => {
                    length(golden, *stream).map(|length| self.comes(at + length))
                }
                _ => Some(at),
            };
            free[deed.client] = over.filter(|_| !manner.closes());
            Some(RequestTurn { at, batch: 0, waited: at > sent, over })
        };
        history.deeds.iter().zip(&outcome.done).map(turn).collect()
    }

    /// Numbers the batches: those of the deeds, and between them those of requests that have waited.
    fn number(&mut self, history: &History, outcome: &Outcome) {
        let batches = history.batches();
        let mut waited: Vec<usize> =
            (0..batches.len()).filter(|deed| self.turns[*deed].is_some_and(|turn| turn.waited)).collect();
        waited.sort_by_key(|deed| self.turns[*deed].map(|turn| turn.at));
        let mut waited = waited.into_iter().peekable();
        for (at, deed) in history.deeds.iter().enumerate() {
            let time = Instant::EPOCH + Duration::from_millis(deed.at_ms);
            if at == 0 || batches[at] != batches[at - 1] {
                // A deed that does not race waits until all has happened that is due at its instant.
                while self.next_waited(&mut waited, |turn| turn < time || turn == time && !deed.races).is_some() {}
                self.of_batch.push(None);
                let batch = self.of_batch.len() - 1;
                while let Some(deed) = waited.next_if(|deed| self.turns[*deed].is_some_and(|turn| turn.at == time)) {
                    self.set_batch(deed, batch);
                    self.of_batch[batch] = Some(time);
                }
            }
            let batch = self.of_batch.len() - 1;
            self.batch.push(batch);
            self.of_batch[batch] = outcome.done[at].or(self.of_batch[batch]);
            if let Some(turn) = self.turns[at].as_mut().filter(|turn| !turn.waited) {
                turn.batch = batch;
            }
        }
        while self.next_waited(&mut waited, |_| true).is_some() {}
    }

    /// Makes a batch of the next requests that have waited until one instant, if they are due.
    fn next_waited(
        &mut self,
        waited: &mut Peekable<impl Iterator<Item = usize>>,
        is_due: impl Fn(Instant) -> bool,
    ) -> Option<usize> {
        let first = *waited.peek()?;
        let at = self.turns[first]?.at;
        if !is_due(at) {
            return None;
        }
        self.of_batch.push(Some(at));
        let batch = self.of_batch.len() - 1;
        while let Some(deed) = waited.next_if(|deed| self.turns[*deed].is_some_and(|turn| turn.at == at)) {
            self.set_batch(deed, batch);
        }
        Some(batch)
    }

    fn set_batch(&mut self, deed: usize, batch: usize) {
        if let Some(turn) = &mut self.turns[deed] {
            turn.batch = batch;
        }
    }
}
