//! An advance: the request, the progress, and the answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use onbeat_wire::{Instant, TIME_MAX};

use super::wait_limits::WaitLimits;
use crate::Waiter;

/// The greatest number of sleepers that an answer lists one by one, due or pending.
pub const LISTED_MAX: usize = 1000;

/// How far to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// By this duration.
    By(Duration),
    /// To the next deadline; not at all if nothing sleeps.
    ToNext,
}

/// The answer of an advance.
#[derive(Clone, Debug, Default)]
pub struct Advanced {
    /// The time at the start.
    pub from: Instant,
    /// The time at the end.
    pub to: Instant,
    /// The first [`LISTED_MAX`] sleepers that fell due, in the order of waking.
    pub due: Vec<Due>,
    /// How many sleepers fell due in all.
    pub due_count: u64,
    /// How many writes were due.
    pub writes: u64,
    /// How many connections the advance gave up waiting for, since their clients do not read.
    pub held_up: usize,
}

/// A sleeper that fell due.
#[derive(Clone, Debug)]
pub struct Due {
    /// The response that slept.
    pub waiter: Arc<Waiter>,
    /// The deadline.
    pub at: Instant,
    /// How many writes were due.
    pub writes: u32,
    /// Whether the advance gave up waiting for the connection.
    pub held_up: bool,
}

/// An advance past the end of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time would pass {} ms, where it ends", TIME_MAX.as_millis())]
pub struct EndOfTime;

/// An advance under way.
pub(super) struct UnderWay {
    pub(super) target: Instant,
    pub(super) limits: WaitLimits,
    pub(super) over: bool,
    pub(super) caller: Option<Waker>,
    advanced: Advanced,
    /// The turns that have not ended: their numbers, and their places in the list of due sleepers.
    open: BTreeMap<u64, usize>,
}

impl UnderWay {
    pub(super) fn new(from: Instant, target: Instant) -> Self {
        let advanced = Advanced { from, to: target, ..Advanced::default() };
        let limits = WaitLimits::default();
        Self { target, limits, over: false, caller: None, advanced, open: BTreeMap::new() }
    }

    /// Notes that a sleeper wakes, and gets turn `number`.
    pub(super) fn note_due(&mut self, number: u64, waiter: &Arc<Waiter>, at: Instant) {
        // Keeps a place behind the list for a sleeper too many: the sums count the sleeper, the list does not.
        self.open.insert(number, self.advanced.due.len());
        self.advanced.due_count += 1;
        if self.advanced.due.len() < LISTED_MAX {
            self.advanced.due.push(Due { waiter: Arc::clone(waiter), at, writes: 0, held_up: false });
        }
    }

    /// Notes that the advance has given up waiting for turn `number`.
    pub(super) fn note_held_up(&mut self, number: u64) {
        let due = self.open.get(&number).and_then(|&place| self.advanced.due.get_mut(place));
        if let Some(due) = due {
            due.held_up = true;
        }
    }

    /// Notes that turn `number` has ended.
    pub(super) fn note_ended(&mut self, number: u64, writes: u32) {
        self.limits.note_progress();
        // Leaves out turns that began without a deadline, such as the turns of broadcasts.
        let Some(place) = self.open.remove(&number) else { return };
        self.advanced.writes += u64::from(writes);
        if let Some(due) = self.advanced.due.get_mut(place) {
            due.writes = writes;
        }
    }

    /// Returns the answer of an advance that is over and gave up waiting for `held_up` connections.
    pub(super) fn into_answer(self, held_up: usize) -> Advanced {
        Advanced { held_up, ..self.advanced }
    }
}
