//! The only source of time in the workspace.
//!
//! A [`Clock`] tells the time, and when to wake. All code that waits, and all code that writes a time, asks a clock, so
//! that a test decides how time passes: as on the wall (*real*), N times as fast (*scaled*), only while all tasks sleep
//! (*paused*, tokio's test time), or only by an advance (*manual*).

#[cfg(feature = "served")]
mod calendar;
#[cfg(feature = "served")]
mod manual;
mod turn;

use std::fmt;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use onbeat_wire::Instant;

#[cfg(feature = "served")]
pub use self::calendar::{MANUAL_EPOCH, epoch_today};
#[cfg(feature = "served")]
pub use self::manual::{
    Advance, Advanced, BLOCKED_TIME_MAX, Due, EndOfTime, LISTED_MAX, ManualClock, Rest, SLOW_TIME_MAX, Timer,
};
pub use self::turn::{SocketState, Turn, TurnEnd, Waiter};

/// A wait: ready once the deadline has come, never earlier.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A wait that ends with a [`Turn`]: a manual clock waits until the turn is dropped.
pub type TurnSleep = Pin<Box<dyn Future<Output = Turn> + Send>>;

/// Tells the time, and when to wake.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the time now, which never runs backwards.
    fn now(&self) -> Instant;

    /// Waits until `deadline`. On a paused or a manual clock sleepers wake in the order of their deadlines.
    fn sleep_until(&self, deadline: Instant) -> Sleep;

    /// Waits until `deadline` for a response. Returns a turn: a manual clock waits until the turn ends.
    fn turn_at(&self, deadline: Instant, _waiter: &Arc<Waiter>) -> TurnSleep {
        let sleep = self.sleep_until(deadline);
        Box::pin(async {
            sleep.await;
            Turn::unawaited()
        })
    }

    /// Returns a turn at once, for a connection with bytes to write before time may pass; `None` if the clock does not
    /// wait for the connection.
    fn turn(&self, _socket: &Arc<SocketState>) -> Option<Turn> {
        None
    }
}

/// How time passes in a served world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As on the wall.
    Real,
    /// This many times as fast as on the wall.
    Scaled(NonZeroU32),
    /// Only by an advance.
    Manual,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed = text.strip_prefix("scaled:").and_then(|speed| speed.parse().ok());
        match (text, speed) {
            ("real", _) => Ok(Self::Real),
            ("manual", _) => Ok(Self::Manual),
            (_, Some(speed)) => Ok(Self::Scaled(speed)),
            _ => Err(format!("expected real, manual, or scaled:N with a whole number N from 1 to {}", u32::MAX)),
        }
    }
}

impl Kind {
    /// Returns the name of the kind, without the speed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Scaled(_) => "scaled",
            Self::Manual => "manual",
        }
    }
}

/// Waits in the machine's time, whatever the time in the world.
pub async fn machine_pause(duration: Duration) {
    let clock = TokioClock::start();
    clock.sleep_until(clock.now() + duration).await;
}

/// tokio's clock: *real* on an ordinary runtime, *paused* on one started with `start_paused(true)`, and *scaled* with a
/// `speed` above one.
///
/// tokio wakes on whole milliseconds of tokio's own time, never early. A paused run stays on the millisecond grid, and
/// therefore is exact, as long as each deadline is a whole number of milliseconds after the start.
#[derive(Debug)]
pub struct TokioClock {
    start: tokio::time::Instant,
    speed: NonZeroU32,
}

impl TokioClock {
    /// Starts a clock at zero that runs as fast as tokio's time.
    #[must_use]
    pub fn start() -> Self {
        Self::scaled(NonZeroU32::MIN)
    }

    /// Starts a clock at zero that runs `speed` times as fast as tokio's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock is the one place that asks for the time")]
    pub fn scaled(speed: NonZeroU32) -> Self {
        Self { start: tokio::time::Instant::now(), speed }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        // Multiplies the full reading, so that a fast clock also shows times between tokio's milliseconds.
        Instant::EPOCH + (self.start.elapsed().saturating_mul(self.speed.get()))
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is the one place that waits")]
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        // Rounds up to a nanosecond, since a sleeper may be late but never early.
        let nanos = deadline.since_epoch().as_nanos().div_ceil(u128::from(self.speed.get()));
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        match self.start.checked_add(after) {
            Some(at) => Box::pin(tokio::time::sleep_until(at)),
            // Waits without end for a deadline later than tokio can express.
            None => Box::pin(std::future::pending()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_real_manual_or_scaled() {
        assert_eq!("real".parse(), Ok(Kind::Real));
        assert_eq!("manual".parse(), Ok(Kind::Manual));
        assert_eq!("scaled:100".parse(), Ok(Kind::Scaled(NonZeroU32::new(100).expect("not zero"))));
        for wrong in ["", "scaled", "scaled:", "scaled:0", "scaled:-1", "scaled:1.5", "fast", "manual:1"] {
            assert!(wrong.parse::<Kind>().is_err(), "{wrong}");
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::EPOCH + Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_wakes_exactly_at_the_deadline() {
        let clock = TokioClock::start();
        for ms in [50, 100, 101, 30_000, 3_600_000] {
            clock.sleep_until(at(ms)).await;
            assert_eq!(clock.now(), at(ms));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_in_the_past_is_ready_at_once() {
        let clock = TokioClock::start();
        clock.sleep_until(at(70)).await;
        clock.sleep_until(at(20)).await;
        assert_eq!(clock.now(), at(70));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_runs_n_times_as_fast() {
        let plain = TokioClock::start();
        let scaled = TokioClock::scaled(NonZeroU32::new(100).expect("100 is not zero"));
        scaled.sleep_until(at(75_000)).await;
        assert_eq!(scaled.now(), at(75_000));
        assert_eq!(plain.now(), at(750));
    }

    #[tokio::test(start_paused = true)]
    async fn a_scaled_clock_is_never_early() {
        let clock = TokioClock::scaled(NonZeroU32::new(7).expect("7 is not zero"));
        for ms in 1..100 {
            clock.sleep_until(at(ms)).await;
            assert!(clock.now() >= at(ms), "woke at {:?} for {ms} ms", clock.now());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_very_fast_clock_is_never_early_either() {
        // A nanosecond of the machine is 3 ms here, and the deadline lies a third of one behind a whole millisecond.
        let clock = TokioClock::scaled(NonZeroU32::new(3_000_000).expect("not zero"));
        clock.sleep_until(at(3_000_001)).await;
        assert!(clock.now() >= at(3_000_001), "woke at {:?}", clock.now());
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "no sleeper wakes between two milliseconds of the machine")]
    async fn a_scaled_clock_tells_the_times_between_the_milliseconds_of_the_machine() {
        let clock = TokioClock::scaled(NonZeroU32::new(1000).expect("not zero"));
        tokio::time::advance(Duration::from_micros(1234)).await;
        assert_eq!(clock.now(), at(1234));
    }
}
