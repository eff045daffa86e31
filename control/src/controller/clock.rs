//! The clock: read, and advanced.

use std::sync::Arc;

use onbeat_clock::{Advance, Advanced, Kind, ManualClock, Waiter};
use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::{Controller, OperationError};

/// The most time that may pass in one advance, in milliseconds: a week. The bound limits the work of one operation.
pub const ADVANCE_MS_MAX: u64 = 7 * 86_400_000;

/// The clock of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClockReport {
    /// The time in milliseconds since the epoch of the world.
    pub now_ms: u64,
    /// The wall-clock time.
    pub now: Timestamp,
    /// The wall-clock time at 0 ms.
    pub epoch: Timestamp,
    /// `manual`, `real` or `scaled`.
    pub kind: &'static str,
    /// How many times as fast as the machine's time; nothing for a manual clock.
    pub speed: Option<u32>,
    /// The waits of responses, for a manual clock.
    pub timers: Option<TimersReport>,
}

/// The waits for a manual clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimersReport {
    /// How many there are.
    pub count: usize,
    /// When the first falls due, in milliseconds.
    pub next_ms: Option<u64>,
    /// The first thousand, in the order of falling due.
    pub pending: Vec<TimerReport>,
}

/// A response that waits for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimerReport {
    /// The ordinal of the connection.
    pub connection: u64,
    /// The ordinal of the request on the connection.
    pub request: u32,
    /// The path of the request.
    pub path: String,
    /// When the wait ends, in milliseconds.
    pub due_ms: u64,
}

/// An advance that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AdvanceReport {
    /// The time in milliseconds.
    pub now_ms: u64,
    /// The wall-clock time.
    pub now: Timestamp,
    /// How much time has passed, in milliseconds.
    pub advanced_ms: u64,
    /// The first thousand waits that fell due, in the order of waking.
    pub due: Vec<DueReport>,
    /// How many waits fell due in all.
    pub due_count: u64,
    /// How many writes were due.
    pub writes: u64,
    /// How many connections have not taken all due writes, since their clients do not read.
    pub held_up: usize,
}

/// A wait that fell due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DueReport {
    /// The ordinal of the connection.
    pub connection: u64,
    /// The ordinal of the request on the connection.
    pub request: u32,
    /// The path of the request.
    pub path: String,
    /// When the wait fell due, in milliseconds.
    pub due_ms: u64,
    /// How many writes were due.
    pub writes: u32,
    /// Whether the client does not read, and has not taken all of the writes.
    pub held_up: bool,
}

impl Controller {
    /// Returns the clock of the world of the moment.
    #[must_use]
    pub fn clock(&self) -> ClockReport {
        let (kind, instance) = (self.settings.clock, self.instance());
        let (now, world) = (instance.world.clock().now(), &instance.world);
        let speed = match kind {
            Kind::Real => Some(1),
            Kind::Scaled(speed) => Some(speed.get()),
            Kind::Manual => None,
        };
        ClockReport {
            now_ms: now.as_millis(),
            now: world.timestamp(now),
            epoch: world.timestamp(Instant::EPOCH),
            kind: kind.name(),
            speed,
            timers: instance.manual.as_deref().map(timers),
        }
    }

    /// Lets time pass on a manual clock. Returns when all that fell due has been handed to the sockets, but waits only a
    /// bounded time for clients that do not read. A caller that leaves does not stop the advance.
    ///
    /// # Errors
    ///
    /// If the advance is longer than [`ADVANCE_MS_MAX`] or would pass the end of time, the clock is not manual, or the server
    /// was reset meanwhile.
    pub async fn advance(&self, advance: Advance) -> Result<AdvanceReport, OperationError> {
        if let Advance::By(by) = advance
            && (by.as_millis() > u128::from(ADVANCE_MS_MAX) || by.subsec_nanos() % 1_000_000 != 0)
        {
            return Err(OperationError::WrongTime(by));
        }
        // Keeps the instance for the whole advance, in which a reset may open another world.
        let instance = self.instance();
        let clock = Arc::clone(instance.manual.as_ref().ok_or(OperationError::NotManual)?);
        // Advances in a task of its own, which goes on to the end even if the caller leaves.
        let advanced = tokio::spawn(async move { clock.advance(advance).await }).await;
        let advanced = advanced.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        // Refuses the answer of an old world, whose times mean nothing in the new world.
        if !self.is_current(&instance) {
            return Err(OperationError::ResetInAdvance);
        }
        let Advanced { from, to, due, due_count, writes, held_up } = advanced.map_err(|error| {
            let now_ms = instance.world.clock().now().as_millis();
            OperationError::EndOfTime { error, now_ms }
        })?;
        let due = due.into_iter().map(|due| {
            let Waiter { connection, request, ref path, .. } = *due.waiter;
            let (path, due_ms) = (path.to_string(), due.at.as_millis());
            DueReport { connection, request, path, due_ms, writes: due.writes, held_up: due.held_up }
        });
        Ok(AdvanceReport {
            now_ms: to.as_millis(),
            now: instance.world.timestamp(to),
            advanced_ms: to.as_millis() - from.as_millis(),
            due: due.collect(),
            due_count,
            writes,
            held_up,
        })
    }
}

fn timers(clock: &ManualClock) -> TimersReport {
    let (count, timers) = clock.timers();
    let next_ms = timers.first().map(|timer| timer.at.as_millis());
    let pending = timers.into_iter().map(|timer| {
        let Waiter { connection, request, ref path, .. } = *timer.waiter;
        TimerReport { connection, request, path: path.to_string(), due_ms: timer.at.as_millis() }
    });
    TimersReport { count, next_ms, pending: pending.collect() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onbeat_clock::Clock as _;
    use tokio_test::task;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_timers_are_counted_and_the_first_thousand_are_listed() {
        let clock = ManualClock::start();
        let sleepers = (0..1001).map(|connection| {
            let waiter = Waiter { connection, request: 7, path: "/feed".into(), socket: Arc::default() };
            let due = Instant::EPOCH + Duration::from_millis(2000 - connection);
            let mut sleeper = task::spawn(clock.turn_at(due, &Arc::new(waiter)));
            assert!(sleeper.poll().is_pending());
            sleeper
        });
        let _sleepers: Vec<_> = sleepers.collect();
        let report = timers(&clock);
        assert_eq!((report.count, report.pending.len(), report.next_ms), (1001, 1000, Some(1000)));
        let first = TimerReport { connection: 1000, request: 7, path: "/feed".to_owned(), due_ms: 1000 };
        assert_eq!(report.pending[0], first);
    }
}
