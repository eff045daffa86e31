//! The sleepers and the turns of a manual clock, without tasks.
//!
//! A method that changes the state returns the wakers to call; no method here waits or wakes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use onbeat_wire::{Instant, TIME_MAX};

use super::advance::{Advance, Advanced, EndOfTime, LISTED_MAX, UnderWay};
use crate::{SocketState, Waiter};

/// A deadline and the number of the sleeper, which is also the number of the turn.
pub(super) type Key = (Instant, u64);

/// A pending sleeper.
#[derive(Clone, Debug)]
pub struct Timer {
    /// The response that sleeps.
    pub waiter: Arc<Waiter>,
    /// The deadline.
    pub at: Instant,
}

/// The sleepers and the turns.
#[derive(Default)]
pub(super) struct Schedule {
    now: Instant,
    numbers: u64,
    /// By deadline, and then by registration.
    sleepers: BTreeMap<Key, Sleeper>,
    /// The turns that the clock waits for.
    awaited: BTreeMap<u64, Arc<SocketState>>,
    /// The turns that have not ended, though the clock has stopped waiting.
    given_up: BTreeMap<u64, Arc<SocketState>>,
    under_way: Option<UnderWay>,
}

struct Sleeper {
    waiter: Arc<Waiter>,
    waker: Option<Waker>,
}

impl Schedule {
    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Returns the number of sleepers, and the first [`LISTED_MAX`] sleepers, in the order of waking.
    pub(super) fn timers(&self) -> (usize, Vec<Timer>) {
        let timers = self.sleepers.iter().take(LISTED_MAX);
        let timers = timers.map(|((at, _), sleeper)| Timer { waiter: Arc::clone(&sleeper.waiter), at: *at });
        (self.sleepers.len(), timers.collect())
    }

    /// Adds a sleeper, unless the deadline has come already. Returns the key, and whether the deadline has come.
    pub(super) fn sleep(&mut self, deadline: Instant, waiter: &Arc<Waiter>) -> (Key, bool) {
        let key = (deadline, self.next_number());
        let has_come = deadline <= self.now;
        if !has_come {
            self.sleepers.insert(key, Sleeper { waiter: Arc::clone(waiter), waker: None });
        }
        (key, has_come)
    }

    /// Returns whether a sleeper was woken; if not, keeps `waker` to wake the sleeper later.
    pub(super) fn is_woken(&mut self, key: Key, waker: &Waker) -> bool {
        match self.sleepers.get_mut(&key) {
            Some(sleeper) => {
                // Replaces the waker at each poll, since a sleeper can move to another task.
                sleeper.waker = Some(waker.clone());
                false
            }
            None => true,
        }
    }

    /// Removes a sleeper. If the sleeper was woken before, ends the turn.
    pub(super) fn forget(&mut self, key: Key) -> Vec<Waker> {
        if self.sleepers.remove(&key).is_some() { Vec::new() } else { self.end_turn(key.1, 0) }
    }

    /// Begins a turn at once, unless the clock has given up waiting for the socket. Returns the number of the turn.
    pub(super) fn take(&mut self, socket: &Arc<SocketState>) -> Option<u64> {
        let number = self.next_number();
        (!socket.is_held_up()).then(|| {
            self.awaited.insert(number, Arc::clone(socket));
            number
        })
    }

    /// Ends a turn. Returns the wakers to call.
    pub(super) fn end_turn(&mut self, number: u64, writes: u32) -> Vec<Waker> {
        // Looks in both maps: the clock may have given up the turn while the response was at work.
        self.awaited.remove(&number);
        self.given_up.remove(&number);
        if let Some(under_way) = &mut self.under_way {
            under_way.note_ended(number, writes);
        }
        self.go_on()
    }

    /// Begins an advance. Returns the wakers to call.
    pub(super) fn begin(&mut self, advance: Advance) -> Result<Vec<Waker>, EndOfTime> {
        let target = match advance {
            Advance::By(duration) => self.now + duration,
            Advance::ToNext => self.sleepers.first_key_value().map_or(self.now, |((at, _), _)| *at),
        };
        // Fails before any change, so that the time and the sleepers stay as they are.
        if target > TIME_MAX {
            return Err(EndOfTime);
        }
        self.under_way = Some(UnderWay::new(self.now, target));
        Ok(self.go_on())
    }

    /// Returns the answer of the advance, once the advance is over.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Advanced> {
        if let Some(over) = self.under_way.take_if(|under_way| under_way.over) {
            // Counts connections, not turns: a connection can hold several turns.
            let held_up: BTreeSet<_> = self.given_up.values().map(Arc::as_ptr).collect();
            return Poll::Ready(over.into_answer(held_up.len()));
        }
        if let Some(under_way) = &mut self.under_way {
            under_way.caller = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Stops the advance at the present time.
    pub(super) fn stop(&mut self) {
        self.under_way = None;
    }

    /// Counts a period of waiting, and gives up the turns whose limit is over. Returns the wakers to call.
    pub(super) fn look(&mut self) -> Vec<Waker> {
        let Some(under_way) = &mut self.under_way else { return Vec::new() };
        // Slow clients and silent responses have limits of their own.
        let all_blocked = self.awaited.values().all(|socket| socket.is_blocked());
        under_way.limits.note_period(all_blocked, self.awaited.values().map(|socket| socket.taken()).sum());
        let (all_go, blocked_go) = (under_way.limits.is_over_for_all(), under_way.limits.is_over_for_blocked());
        self.awaited.retain(|number, socket| {
            let goes = all_go || (blocked_go && socket.is_blocked());
            if goes {
                // Marks the socket, so that later turns of the connection are not awaited either.
                socket.hold_up();
                under_way.note_held_up(*number);
                self.given_up.insert(*number, Arc::clone(socket));
            }
            !goes
        });
        if all_go {
            tracing::error!("a stream that was woken did nothing for a long time: this is a bug in onbeat");
            // Starts the limit for silent responses anew, for the sleepers still to come.
            under_way.limits.note_progress();
        }
        self.go_on()
    }

    /// Wakes sleepers until the clock waits for a turn, or the advance is over. Returns the wakers to call.
    fn go_on(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let Some(under_way) = &mut self.under_way else { return woken };
        // Goes on over sleepers of stuck clients, for which no turn is awaited, and stops at the first awaited turn.
        while self.awaited.is_empty() && !under_way.over {
            // Takes the first key: the earliest deadline, and among equals the earliest registration.
            let first = self.sleepers.first_entry().filter(|first| first.key().0 <= under_way.target);
            let Some(first) = first else {
                // Moves time to the target, since no deadline is left before it, and lets the caller take the answer.
                self.now = under_way.target;
                under_way.over = true;
                woken.extend(under_way.caller.take());
                break;
            };
            let ((at, number), Sleeper { waiter, waker }) = first.remove_entry();
            // Moves time before the sleeper wakes, so that the sleeper reads the deadline from the clock.
            self.now = at;
            under_way.note_due(number, &waiter, at);
            // Lets time pass a client beyond the limit; the writes stay due.
            let is_given_up = waiter.socket.is_blocked() && under_way.limits.is_over_for_blocked();
            if is_given_up || waiter.socket.is_held_up() {
                under_way.note_held_up(number);
                self.given_up.insert(number, Arc::clone(&waiter.socket));
            } else {
                self.awaited.insert(number, Arc::clone(&waiter.socket));
            }
            woken.extend(waker);
        }
        woken
    }

    /// Returns how many turns are waited for.
    pub(super) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}
