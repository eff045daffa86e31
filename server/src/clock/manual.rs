//! The manual clock: time stands still until it is told to pass.
//!
//! ```text
//!  advance ──► wake the first sleeper ──► its turn: it writes, the socket takes it ──► wake the next … ──► answer
//! ```
//!
//! Sleepers are woken one at a time, in order of deadline and then of registration. Each holds a [`Turn`] until its
//! writes have been handed over, so that an advance answers when all that was due has been. A reader that does not read
//! can keep a turn from ending. An advance waits [`BLOCKED_TIME_MAX`] for the first that takes nothing, and for none
//! after it; for readers that are merely slow it waits [`SLOW_TIME_MAX`] in all.
//!
//! `turns` decides all that without a task or a socket; what is here gives it to those who wait.

mod advance;
mod patience;
#[cfg(test)]
mod tests;
mod turns;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};

pub use self::advance::{Advance, Advanced, Due, EndOfTime, LISTED_MAX};
use self::patience::LOOK_PERIOD;
pub use self::patience::{BLOCKED_TIME_MAX, SLOW_TIME_MAX};
pub use self::turns::Timer;
use self::turns::{Key, Turns};
use super::turn::Referee;
use super::{Clock, Party, Sleep, Turn, TurnSleep, Who};

/// A clock that moves only when told.
pub struct ManualClock {
    turns: Arc<Shared>,
    /// Advances are made one after the other, in the order in which they were asked for.
    advancing: Arc<tokio::sync::Mutex<()>>,
}

/// A guard: no time passes until the guard is dropped.
pub struct Rest(#[expect(dead_code, reason = "it is kept, and dropped")] tokio::sync::OwnedMutexGuard<()>);

impl ManualClock {
    /// A clock that stands at its epoch.
    #[must_use]
    pub fn start() -> Self {
        Self { turns: Arc::default(), advancing: Arc::default() }
    }

    /// Lets time pass, and wakes everybody whose deadline comes, also those who go to sleep on the way. Returns when
    /// all turns have ended. If the caller does not wait for the answer, time stops where it is.
    ///
    /// # Errors
    ///
    /// If time would pass [`TIME_MAX`](onbeat_wire::TIME_MAX); it then stays where it is.
    pub async fn advance(&self, advance: Advance) -> Result<Advanced, EndOfTime> {
        let _alone = self.advancing.lock().await;
        let woken = self.turns.lock().begin(advance)?;
        wake(woken);
        let _stops = Stops(&self.turns);
        loop {
            tokio::select! {
                biased;
                advanced = poll_fn(|cx| self.turns.lock().poll_end(cx)) => return Ok(advanced),
                () = a_while() => {
                    let woken = self.turns.lock().look();
                    wake(woken);
                }
            }
        }
    }

    /// Waits until no time passes, in the order in which this and advances were asked for.
    pub async fn rest(&self) -> Rest {
        Rest(Arc::clone(&self.advancing).lock_owned().await)
    }

    /// How many sleepers there are, and the first [`LISTED_MAX`] of them, in the order of waking.
    #[must_use]
    pub fn timers(&self) -> (usize, Vec<Timer>) {
        self.turns.lock().timers()
    }

    /// Returns how many turns are waited for.
    #[cfg(test)]
    pub(crate) fn awaited(&self) -> usize {
        self.turns.lock().awaited()
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is the one place that waits")]
async fn a_while() {
    tokio::time::sleep(LOOK_PERIOD).await;
}

/// Stops an advance that nobody waits for any more.
struct Stops<'a>(&'a Shared);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.lock().stop();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.turns.lock().now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let who = Who { connection: 0, request: 0, path: "".into(), party: Arc::default() };
        let turn = self.turn_at(deadline, &who);
        Box::pin(async { drop(turn.await) })
    }

    fn turn_at(&self, deadline: Instant, who: &Who) -> TurnSleep {
        let (key, over) = self.turns.lock().sleep(deadline, who);
        Box::pin(ManualSleep { turns: Arc::clone(&self.turns), key, over })
    }

    fn turn(&self, party: &Arc<Party>) -> Option<Turn> {
        let number = self.turns.lock().take(party);
        number.map(|number| Turn::new(Arc::clone(&self.turns) as Arc<dyn Referee>, number))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// The turns, as the clock and its sleepers share them.
#[derive(Default)]
struct Shared(Mutex<Turns>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.0.lock()
    }
}

impl Referee for Shared {
    fn given_back(&self, number: u64, writes: u32) {
        let woken = self.lock().give_back(number, writes);
        wake(woken);
    }
}

/// Nobody is woken under the lock.
fn wake(woken: Vec<Waker>) {
    woken.into_iter().for_each(Waker::wake);
}

/// Ready, with its turn, when the clock has woken it.
struct ManualSleep {
    turns: Arc<Shared>,
    key: Key,
    /// The turn has been taken, or there is none.
    over: bool,
}

impl Future for ManualSleep {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        if self.over {
            return Poll::Ready(Turn::unawaited());
        }
        if !self.turns.lock().is_woken(self.key, cx.waker()) {
            return Poll::Pending;
        }
        self.over = true;
        Poll::Ready(Turn::new(Arc::clone(&self.turns) as Arc<dyn Referee>, self.key.1))
    }
}

impl Drop for ManualSleep {
    /// Gives the turn back that it had or would have had.
    fn drop(&mut self) {
        if !self.over {
            let woken = self.turns.lock().forget(self.key);
            wake(woken);
        }
    }
}
