//! Who sleeps, and whose turn it is: the manual clock without its tasks.
//!
//! Whoever changes the state is told whom to wake; nothing here waits, or wakes anybody itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use onbeat_wire::{Instant, TIME_MAX};

use super::advance::{Advance, Advanced, EndOfTime, LISTED_MAX, UnderWay};
use crate::clock::{Party, Who};

/// A deadline, and the number of whoever waits for it, which is also that of its turn.
pub(super) type Key = (Instant, u64);

/// A sleeper that waits.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Who sleeps.
    pub who: Who,
    /// Until when.
    pub at: Instant,
}

/// Who sleeps, and whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    now: Instant,
    numbers: u64,
    /// By deadline, and then by registration.
    sleepers: BTreeMap<Key, Sleeper>,
    /// The turns that are waited for.
    awaited: BTreeMap<u64, Arc<Party>>,
    /// Those that are waited for no longer, and have not ended.
    given_up: BTreeMap<u64, Arc<Party>>,
    under_way: Option<UnderWay>,
}

struct Sleeper {
    who: Who,
    waker: Option<Waker>,
}

impl Turns {
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// How many sleepers there are, and the first [`LISTED_MAX`] of them, in the order of waking.
    pub(super) fn timers(&self) -> (usize, Vec<Timer>) {
        let timers = self.sleepers.iter().take(LISTED_MAX);
        let timers = timers.map(|((at, _), sleeper)| Timer { who: sleeper.who.clone(), at: *at });
        (self.sleepers.len(), timers.collect())
    }

    /// Begins to sleep, unless the deadline has come already, which is told, too.
    pub(super) fn sleep(&mut self, deadline: Instant, who: &Who) -> (Key, bool) {
        let key = (deadline, self.next_number());
        let has_come = deadline <= self.now;
        if !has_come {
            self.sleepers.insert(key, Sleeper { who: who.clone(), waker: None });
        }
        (key, has_come)
    }

    /// Whether a sleeper has been woken; if not, `waker` is woken when it is.
    pub(super) fn is_woken(&mut self, key: Key, waker: &Waker) -> bool {
        match self.sleepers.get_mut(&key) {
            Some(sleeper) => {
                sleeper.waker = Some(waker.clone());
                false
            }
            None => true,
        }
    }

    /// A sleeper has gone. If it had been woken, its turn ends.
    pub(super) fn forget(&mut self, key: Key) -> Vec<Waker> {
        if self.sleepers.remove(&key).is_some() { Vec::new() } else { self.give_back(key.1, 0) }
    }

    /// The number of a turn at once, if the party is one that is waited for.
    pub(super) fn take(&mut self, party: &Arc<Party>) -> Option<u64> {
        let number = self.next_number();
        (!party.is_held_up()).then(|| {
            self.awaited.insert(number, Arc::clone(party));
            number
        })
    }

    /// A turn has ended. Returns whom to wake.
    pub(super) fn give_back(&mut self, number: u64, writes: u32) -> Vec<Waker> {
        self.awaited.remove(&number);
        self.given_up.remove(&number);
        if let Some(under_way) = &mut self.under_way {
            under_way.note_given_back(number, writes);
        }
        self.go_on()
    }

    /// Begins an advance. Returns whom to wake.
    pub(super) fn begin(&mut self, advance: Advance) -> Result<Vec<Waker>, EndOfTime> {
        let target = match advance {
            Advance::By(duration) => self.now + duration,
            Advance::ToNext => self.sleepers.first_key_value().map_or(self.now, |((at, _), _)| *at),
        };
        if target > TIME_MAX {
            return Err(EndOfTime);
        }
        self.under_way = Some(UnderWay::new(self.now, target));
        Ok(self.go_on())
    }

    /// What the advance has done, when it is over.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Advanced> {
        if let Some(over) = self.under_way.take_if(|under_way| under_way.over) {
            let held_up: BTreeSet<_> = self.given_up.values().map(Arc::as_ptr).collect();
            return Poll::Ready(over.into_answer(held_up.len()));
        }
        if let Some(under_way) = &mut self.under_way {
            under_way.caller = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Ends the advance where it is.
    pub(super) fn stop(&mut self) {
        self.under_way = None;
    }

    /// Counts the time that was spent in vain, and goes on without those who have used it up. Returns whom to wake.
    pub(super) fn look(&mut self) -> Vec<Waker> {
        let Some(under_way) = &mut self.under_way else { return Vec::new() };
        let all_blocked = self.awaited.values().all(|party| party.is_blocked());
        under_way.patience.wait(all_blocked, self.awaited.values().map(|party| party.taken()).sum());
        let (all_go, blocked_go) = (under_way.patience.is_out_with_all(), under_way.patience.is_out_with_blocked());
        self.awaited.retain(|number, party| {
            let goes = all_go || (blocked_go && party.is_blocked());
            if goes {
                party.hold_up();
                under_way.note_held_up(*number);
                self.given_up.insert(*number, Arc::clone(party));
            }
            !goes
        });
        if all_go {
            tracing::error!("a stream that was woken did nothing for a long time: this is a bug in onbeat");
            under_way.patience.see_progress();
        }
        self.go_on()
    }

    /// Wakes sleepers until one has a turn that is waited for, or the advance is over. Returns whom to wake.
    fn go_on(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let Some(under_way) = &mut self.under_way else { return woken };
        while self.awaited.is_empty() && !under_way.over {
            let first = self.sleepers.first_entry().filter(|first| first.key().0 <= under_way.target);
            let Some(first) = first else {
                self.now = under_way.target;
                under_way.over = true;
                woken.extend(under_way.caller.take());
                break;
            };
            let ((at, number), Sleeper { who, waker }) = first.remove_entry();
            self.now = at;
            under_way.note_due(number, &who, at);
            let is_given_up = who.party.is_blocked() && under_way.patience.is_out_with_blocked();
            if is_given_up || who.party.is_held_up() {
                under_way.note_held_up(number);
                self.given_up.insert(number, who.party);
            } else {
                self.awaited.insert(number, who.party);
            }
            woken.extend(waker);
        }
        woken
    }

    /// Returns how many turns are waited for.
    #[cfg(test)]
    pub(super) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
