//! The manual clock: time passes only by an advance.
//!
//! ```text
//!  advance ──► wake the first sleeper ──► the sleeper writes, the socket takes the bytes ──► wake the next … ──► answer
//! ```
//!
//! Sleepers wake one at a time, in the order of deadline and then of registration. Each sleeper holds a [`Turn`] until
//! the writes that were due have reached the socket, so that an advance answers when all that was due is on the sockets.
//! A client without a working reader can keep a turn from ending. An advance waits [`BLOCKED_TIME_MAX`] for the first
//! stuck client, and not at all for the next ones; an advance waits [`SLOW_TIME_MAX`] in all for slow readers.
//!
//! The module `schedule` decides, without a task or a socket; the code of `manual.rs` wakes and waits.

mod advance;
mod schedule;
#[cfg(test)]
mod tests;
mod wait_limits;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};

pub use self::advance::{Advance, Advanced, Due, EndOfTime, LISTED_MAX};
pub use self::schedule::Timer;
use self::schedule::{Key, Schedule};
use self::wait_limits::LOOK_PERIOD;
pub use self::wait_limits::{BLOCKED_TIME_MAX, SLOW_TIME_MAX};
use super::turn::TurnListener;
use super::{Clock, Sleep, SocketState, Turn, TurnSleep, Waiter};

/// A clock that moves only by an advance.
pub struct ManualClock {
    turns: Arc<Shared>,
    /// Held by the advance under way; the others wait, in the order of the calls.
    advancing: Arc<tokio::sync::Mutex<()>>,
}

/// Keeps time from passing until dropped.
pub struct Rest(#[expect(dead_code, reason = "the guard is held until dropped")] tokio::sync::OwnedMutexGuard<()>);

impl ManualClock {
    /// Starts a clock at zero.
    #[must_use]
    pub fn start() -> Self {
        Self { turns: Arc::default(), advancing: Arc::default() }
    }

    /// Lets time pass, and wakes each sleeper when its deadline comes, also sleepers that begin to sleep on the way.
    /// Returns when all turns have ended. If the caller drops the future, time stops at once.
    ///
    /// # Errors
    ///
    /// If time would pass [`TIME_MAX`](onbeat_wire::TIME_MAX). The time is then unchanged.
    pub async fn advance(&self, advance: Advance) -> Result<Advanced, EndOfTime> {
        // Lets one advance run at a time, and calls no waker under the lock of the schedule.
        let _alone = self.advancing.lock().await;
        let woken = self.turns.lock().begin(advance)?;
        wake(woken);
        // Stops before `_alone` unlocks: an advance without a caller is over when the next advance begins.
        let _stop = StopOnDrop(&self.turns);
        loop {
            tokio::select! {
                biased;
                // Polls the end first: an advance that is over counts no further period.
                advanced = poll_fn(|cx| self.turns.lock().poll_end(cx)) => return Ok(advanced),
                () = look_period() => {
                    let woken = self.turns.lock().look();
                    wake(woken);
                }
            }
        }
    }

    /// Waits until no time passes, in the order of the calls of `rest` and `advance`.
    pub async fn rest(&self) -> Rest {
        Rest(Arc::clone(&self.advancing).lock_owned().await)
    }

    /// Returns the number of sleepers, and the first [`LISTED_MAX`] sleepers, in the order of waking.
    #[must_use]
    pub fn timers(&self) -> (usize, Vec<Timer>) {
        self.turns.lock().timers()
    }

    /// Returns how many turns are waited for.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.turns.lock().awaited()
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is the one place that waits")]
async fn look_period() {
    tokio::time::sleep(LOOK_PERIOD).await;
}

/// Stops an advance whose caller has gone.
struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lock().stop();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.turns.lock().now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        // Names no connection: the turn ends on waking, so an advance never waits for the socket.
        let waiter = Waiter { connection: 0, request: 0, path: "".into(), socket: Arc::default() };
        let turn = self.turn_at(deadline, &Arc::new(waiter));
        Box::pin(async { drop(turn.await) })
    }

    fn turn_at(&self, deadline: Instant, waiter: &Arc<Waiter>) -> TurnSleep {
        let (key, over) = self.turns.lock().sleep(deadline, waiter);
        Box::pin(ManualSleep { turns: Arc::clone(&self.turns), key, over })
    }

    fn turn(&self, socket: &Arc<SocketState>) -> Option<Turn> {
        let number = self.turns.lock().take(socket);
        number.map(|number| Turn::new(Arc::clone(&self.turns) as Arc<dyn TurnListener>, number))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// The turns, shared by the clock and the sleepers.
#[derive(Default)]
struct Shared(Mutex<Schedule>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.0.lock()
    }
}

impl TurnListener for Shared {
    fn turn_ended(&self, number: u64, writes: u32) {
        let woken = self.lock().end_turn(number, writes);
        wake(woken);
    }
}

/// Wakes tasks, always after the lock is released.
fn wake(woken: Vec<Waker>) {
    woken.into_iter().for_each(Waker::wake);
}

/// Ready, with a turn, when the clock has woken the sleeper.
struct ManualSleep {
    turns: Arc<Shared>,
    key: Key,
    /// The turn was handed out, or the deadline had come already.
    over: bool,
}

impl Future for ManualSleep {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        if self.over {
            return Poll::Ready(Turn::unawaited());
        }
        // Takes a missing key for a turn that has begun: the clock removes each sleeper before the wake-up.
        if !self.turns.lock().is_woken(self.key, cx.waker()) {
            return Poll::Pending;
        }
        // Leaves the end of the turn to `Turn`: dropping the sleep after this line ends no turn.
        self.over = true;
        Poll::Ready(Turn::new(Arc::clone(&self.turns) as Arc<dyn TurnListener>, self.key.1))
    }
}

impl Drop for ManualSleep {
    /// Ends the turn that the sleeper has, or would have had.
    fn drop(&mut self) {
        if !self.over {
            let woken = self.turns.lock().forget(self.key);
            wake(woken);
        }
    }
}
