//! An advance: what was asked for, what it has done so far, and what it then answers.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use onbeat_wire::{Instant, TIME_MAX};

use super::patience::Patience;
use crate::clock::Who;

/// How much of what fell due an advance tells one by one, and how many of the pending timers are listed.
pub const LISTED_MAX: usize = 1000;

/// How far to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// By this much.
    By(Duration),
    /// To the next deadline; not at all if there is none.
    ToNext,
}

/// What an advance did.
#[derive(Clone, Debug, Default)]
pub struct Advanced {
    /// When it started.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// The first [`LISTED_MAX`] of what fell due, in the order of waking.
    pub due: Vec<Due>,
    /// How many sleepers fell due in all.
    pub due_count: u64,
    /// How many writes that were.
    pub writes: u64,
    /// How many connections were not waited for to the end, since their clients do not read.
    pub held_up: usize,
}

/// A sleeper that fell due.
#[derive(Clone, Debug)]
pub struct Due {
    /// Who slept.
    pub who: Who,
    /// Until when.
    pub at: Instant,
    /// How many writes were due.
    pub writes: u32,
    /// Whether it was not waited for to the end.
    pub held_up: bool,
}

/// Time would end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time would pass {} ms, where it ends", TIME_MAX.as_millis())]
pub struct EndOfTime;

/// An advance under way.
pub(super) struct UnderWay {
    pub(super) target: Instant,
    pub(super) patience: Patience,
    pub(super) over: bool,
    pub(super) caller: Option<Waker>,
    advanced: Advanced,
    /// The places in the list of what fell due of those whose turns have not ended, by the numbers of the turns.
    open: BTreeMap<u64, usize>,
}

impl UnderWay {
    pub(super) fn new(from: Instant, target: Instant) -> Self {
        let advanced = Advanced { from, to: target, ..Advanced::default() };
        let patience = Patience::default();
        Self { target, patience, over: false, caller: None, advanced, open: BTreeMap::new() }
    }

    /// A sleeper is woken, and has turn `number`.
    pub(super) fn note_due(&mut self, number: u64, who: &Who, at: Instant) {
        self.open.insert(number, self.advanced.due.len());
        self.advanced.due_count += 1;
        if self.advanced.due.len() < LISTED_MAX {
            self.advanced.due.push(Due { who: who.clone(), at, writes: 0, held_up: false });
        }
    }

    /// Turn `number` goes on without being waited for.
    pub(super) fn note_held_up(&mut self, number: u64) {
        let due = self.open.get(&number).and_then(|&place| self.advanced.due.get_mut(place));
        if let Some(due) = due {
            due.held_up = true;
        }
    }

    /// Turn `number` has ended.
    pub(super) fn note_given_back(&mut self, number: u64, writes: u32) {
        self.patience.see_progress();
        let Some(place) = self.open.remove(&number) else { return };
        self.advanced.writes += u64::from(writes);
        if let Some(due) = self.advanced.due.get_mut(place) {
            due.writes = writes;
        }
    }

    /// What it has done, once it is over; `held_up` connections were not waited for.
    pub(super) fn into_answer(self, held_up: usize) -> Advanced {
        Advanced { held_up, ..self.advanced }
    }
}
