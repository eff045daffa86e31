//! Hints: the likeliest cause of many failures at once, so that no reader has to find the cause behind each failure.
//!
//! A hint is given only if every stream that was watched fits the hint.

mod pulse;
mod speed;

use std::num::NonZeroU32;
use std::time::Duration;

pub(super) use self::pulse::Pulse;
use crate::judge::{Hint, NO_BUFFERING, NO_FLUSH};

/// A single cause, from which all failures may follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// Many writes come at once, long after each was due.
    HeldBack,
    /// Only writes that wait for no time come.
    ClockStandsStill,
    /// Times are off by a common factor.
    OtherSpeed {
        /// How many times as fast as expected the server's clock runs.
        factor: f64,
        /// The right `--scale`, if there is a right scale.
        scale: Option<NonZeroU32>,
    },
    /// All failures are about single connections.
    OnlyConnections,
}

/// A stream whose writes are due within a shorter time says little about time.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// A write that has not come so long after the write was due does not come.
const SILENCE_MIN: Duration = Duration::from_secs(5);
/// A stream is held back if the writes come in so many times fewer bursts than due.
const FEWER_BURSTS: usize = 6;

impl Cause {
    /// Returns whether waiting for more shows nothing new. A clock that is slow may be the machine's fault; a fast one is
    /// not.
    pub(super) fn makes_waiting_vain(self) -> bool {
        match self {
            Self::HeldBack | Self::ClockStandsStill => true,
            Self::OtherSpeed { factor, .. } => factor > 1.0,
            Self::OnlyConnections => false,
        }
    }

    /// Returns the common cause of the pulses of all streams, watched at this scale.
    pub(super) fn of_times(pulses: &[Pulse], scale: NonZeroU32) -> Option<Self> {
        let timed: Vec<&Pulse> = pulses.iter().filter(|pulse| pulse.due.iter().any(|due| !due.is_zero())).collect();
        // Demands two streams, since a single stream may be wrong by itself.
        if timed.len() < 2 {
            return None;
        }
        if are_held_back(&timed) {
            return Some(Self::HeldBack);
        }
        if stand_still(&timed) {
            return Some(Self::ClockStandsStill);
        }
        if let Some(factor) = speed::factor(&timed) {
            return Some(Self::OtherSpeed { factor, scale: speed::scale_of(factor * f64::from(scale.get())) });
        }
        speed::rough_factor(&timed).map(|factor| Self::OtherSpeed { factor, scale: None })
    }
}

/// Returns whether at least one stream comes in a few bursts, none of them early, and no other stream has sent a write.
fn are_held_back(pulses: &[&Pulse]) -> bool {
    // Demands few bursts: a short stream comes at the end in a single burst, and a long stream may not have come.
    let clumped = |pulse: &&&Pulse| {
        let spans = pulse.due.last().is_some_and(|last| *last >= SPAN_MIN);
        spans && !pulse.is_early() && pulse.bursts() > 0 && pulse.bursts() * FEWER_BURSTS <= pulse.bursts_due()
    };
    let silent = |pulse: &&Pulse| pulse.came.is_empty() && !pulse.ended && pulse.watched >= SILENCE_MIN;
    pulses.iter().any(|pulse| clumped(&pulse)) && pulses.iter().all(|pulse| clumped(&pulse) || silent(pulse))
}

/// Returns whether each stream has sent all that is due at once, has sent no later write, and goes on.
fn stand_still(pulses: &[&Pulse]) -> bool {
    // Counts the silence from the first write that time should have brought.
    let stands = |pulse: &&Pulse| {
        let next = pulse.due.iter().find(|due| !due.is_zero()).copied().unwrap_or_default();
        let waited = pulse.watched.saturating_sub(next) >= SILENCE_MIN;
        !pulse.ended && pulse.came.len() == pulse.due_at_once() && waited
    };
    pulses.iter().all(stands) && pulses.iter().any(|pulse| !pulse.came.is_empty())
}

impl From<Cause> for Hint {
    fn from(cause: Cause) -> Self {
        let text = match cause {
            Cause::HeldBack => format!(
                "The streams are held back: nothing arrives for long, and then many writes at once. Most likely a proxy \
                 between the check and the server buffers them. Have it pass on each write at once {NO_BUFFERING}, or check \
                 the server itself. {NO_FLUSH}"
            ),
            Cause::ClockStandsStill => {
                "The server's clock stands still: what is due at once arrives, and then nothing. Most likely the server \
                 runs with a manual clock, or with the fake timers of a test. Start it with a clock that runs (onbeat \
                 serve: without `--clock manual`), and check again."
                    .into()
            }
            Cause::OtherSpeed { factor, scale } => other_speed(factor, scale),
            Cause::OnlyConnections => {
                "All that fails is about single connections: how bytes are put into chunks, how a connection ends, or which \
                 requests are taken on. A proxy changes such things: if there is one between the check and the server, \
                 check with `--behind-proxy`."
                    .into()
            }
        };
        Self { text, explains_all: cause != Cause::OnlyConnections }
    }
}

fn other_speed(factor: f64, scale: Option<NonZeroU32>) -> String {
    let (times, way) = if factor >= 1.0 { (factor, "fast") } else { (1.0 / factor, "slow") };
    let times = rounded(times);
    let next = match scale {
        Some(NonZeroU32::MIN) => "Most likely it runs in real time: check without `--scale`.".to_owned(),
        Some(scale) => format!("Most likely it is scaled: check with `--scale {scale}`, or what it was started with."),
        None => "Have it run in real time, or a whole number of times as fast, and say so with `--scale`.".to_owned(),
    };
    format!(
        "The server's clock runs at another speed: all streams are about {times} times as {way} as expected. {next}"
    )
}

/// Returns a factor with at least two digits, which are enough for a person.
fn rounded(factor: f64) -> String {
    if factor >= 9.95 { format!("{factor:.0}") } else { format!("{factor:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Returns when writes are due every `gap` ms, from `first` on.
    fn due(first: u64, gap: u64, writes: u64) -> Vec<Duration> {
        (0..writes).map(|n| ms(first + n * gap)).collect()
    }

    fn pulse(due: Vec<Duration>, came: impl Fn(Duration) -> Duration) -> Pulse {
        let came: Vec<Duration> = due.iter().map(|due| came(*due)).collect();
        let watched = came.iter().chain(&due).max().copied().unwrap_or_default() + ms(250);
        Pulse { due, came, ended: true, watched }
    }

    /// The four streams that end, each write coming when `came` says.
    fn streams(came: impl Fn(Duration) -> Duration + Copy) -> Vec<Pulse> {
        [due(0, 50, 82), due(0, 1000, 21), due(1000, 1000, 31), due(1500, 1500, 50)].map(|due| pulse(due, came)).into()
    }

    /// A stream that was given up before its end: only so many writes came.
    fn given_up(due: Vec<Duration>, came: usize) -> Pulse {
        let came = due[..came].to_vec();
        Pulse { due, came, ended: false, watched: ms(12_000) }
    }

    fn hint(pulses: &[Pulse], scale: u32) -> Option<Cause> {
        Cause::of_times(pulses, NonZeroU32::new(scale).expect("not zero"))
    }

    #[test]
    fn a_server_in_time_gets_no_hint() {
        assert_eq!(hint(&streams(|due| due), 1), None);
        // Timers that are late each time, and a machine that was held up for a while.
        assert_eq!(hint(&streams(|due| due + due / 12), 1), None);
        assert_eq!(hint(&streams(|due| due.max(ms(3000))), 1), None);
    }

    #[test]
    fn a_proxy_that_buffers_is_told() {
        let buffered = |due: Vec<Duration>, every: usize| {
            let at = |n: usize| due[((n / every + 1) * every - 1).min(due.len() - 1)];
            let came = (0..due.len()).map(at).collect();
            Pulse { due, came, ended: true, watched: ms(80_000) }
        };
        let silent = |due| Pulse { ..given_up(due, 0) };
        // A short stream comes at its end; a long one is given up before.
        let pulses = [buffered(due(0, 50, 82), 82), silent(due(0, 1000, 21)), silent(due(1000, 1000, 31))];
        assert_eq!(hint(&pulses, 1), Some(Cause::HeldBack));
        // Two buffers full.
        let pulses = [buffered(due(0, 50, 82), 41), buffered(due(1000, 1000, 31), 16)];
        assert_eq!(hint(&pulses, 1), Some(Cause::HeldBack));
        // One stream alone that is not flushed is a bug of that stream.
        let mut pulses = streams(|due| due);
        pulses[0] = buffered(due(0, 50, 82), 82);
        assert_eq!(hint(&pulses, 1), None);
    }

    #[test]
    fn a_clock_that_stands_still_is_told() {
        let pulses = || {
            [
                given_up(due(0, 50, 82), 1),
                given_up(due(0, 1000, 21), 1),
                given_up(due(1000, 1000, 31), 0),
                given_up(due(1500, 1500, 50), 0),
            ]
        };
        assert_eq!(hint(&pulses(), 1), Some(Cause::ClockStandsStill));
        assert_eq!(hint(&pulses(), 100), Some(Cause::ClockStandsStill));
        // A server that ends its streams, or of which one stream goes on, has a clock.
        let mut ended = pulses();
        ended[0].ended = true;
        assert_eq!(hint(&ended, 1), None);
        let mut goes_on = pulses();
        goes_on[1] = given_up(due(0, 1000, 21), 8);
        assert_eq!(hint(&goes_on, 1), None);
        // Nothing at all came: that may be anything.
        let nothing = pulses().map(|pulse| Pulse { came: Vec::new(), ..pulse });
        assert_eq!(hint(&nothing, 1), None);
        // One stream alone says nothing about the clock.
        assert_eq!(hint(&pulses()[..1], 1), None);
    }

    /// The scale that is proposed to a check at one scale of a server at another.
    fn proposed(server: u32, check: u32) -> Option<u32> {
        let at_scale = streams(|due| due);
        let pulses: Vec<Pulse> = at_scale
            .into_iter()
            .map(|Pulse { due, came, ended, watched }| {
                let due = due.iter().map(|due| *due / check).collect();
                // A timer is a millisecond late, and adds that up.
                let late = |(n, at): (u32, &Duration)| *at / server + Duration::from_micros(200) * n;
                let came = (0..).zip(&came).map(late).collect();
                Pulse { due, came, ended, watched }
            })
            .collect();
        match hint(&pulses, check) {
            Some(Cause::OtherSpeed { scale, .. }) => scale.map(NonZeroU32::get),
            _ => None,
        }
    }

    #[test]
    fn a_clock_of_another_speed_is_told_with_its_scale() {
        for (server, check) in [(100, 1), (1, 100), (2, 1), (1, 2), (10, 100), (100, 10), (20, 1), (60, 1), (3, 2)] {
            assert_eq!(proposed(server, check), Some(server), "{server}, checked at {check}");
        }
        for scale in [1, 2, 10, 100] {
            assert_eq!(proposed(scale, scale), None, "{scale}");
        }
        // A check takes no greater scale than 1000.
        for server in (1000..3000).step_by(100) {
            assert!(proposed(server, 1).is_none_or(|scale| scale <= 1000), "{server}");
        }
    }

    #[test]
    fn the_heartbeats_tell_a_fast_clock_even_if_the_machine_was_held_up_at_the_start() {
        let heartbeats = pulse(due(0, 30_000, 3), |due| due / 100);
        let held_up = |due: Duration| (due / 100).max(ms(400));
        let mut pulses = streams(held_up);
        assert_eq!(hint(&pulses, 1), None);
        pulses.push(heartbeats);
        assert!(matches!(hint(&pulses, 1), Some(Cause::OtherSpeed { scale, .. }) if scale == NonZeroU32::new(100)));
        // A server whose heartbeats alone are in time has no other clock, but no timers.
        *pulses.last_mut().expect("one") = pulse(due(0, 30_000, 3), |due| due);
        assert_eq!(hint(&pulses, 1), None);
    }

    #[test]
    fn a_fast_clock_is_told_even_if_the_machine_was_held_up_all_the_time() {
        // A busy machine runs the server, or the checker, for an instant in so many milliseconds.
        let in_turns =
            |due: Duration| ms(60) + ms(u64::try_from((due / 100).as_millis()).expect("short").next_multiple_of(45));
        let Some(Cause::OtherSpeed { factor, scale: None }) = hint(&streams(in_turns), 1) else { panic!("no hint") };
        assert!((10.0..=100.0).contains(&factor), "{factor}");
        // A server without timers writes all at once, however late that is.
        assert_eq!(hint(&streams(|due| due / 100_000 + ms(60)), 1), None);
    }

    #[test]
    fn a_clock_that_no_scale_fits_is_told_all_the_same() {
        let half = hint(&streams(|due| due * 2), 1);
        let Some(Cause::OtherSpeed { factor, scale: None }) = half else { panic!("{half:?}") };
        assert!((factor - 0.5).abs() < 0.01, "{factor}");
        assert!(Hint::from(half.expect("a hint")).text.contains("about 2.0 times as slow as expected"));
        let half_more = hint(&streams(|due| due * 2 / 3), 1);
        assert!(matches!(half_more, Some(Cause::OtherSpeed { scale: None, .. })), "{half_more:?}");
    }

    #[test]
    fn a_wrong_period_of_one_stream_is_no_other_clock() {
        let mut pulses = streams(|due| due);
        pulses[1] = pulse(due(0, 1000, 21), |due| due * 2);
        assert_eq!(hint(&pulses, 1), None);
        // Two wrong periods, by different factors.
        assert_eq!(hint(&[pulse(due(0, 1000, 21), |due| due * 2), pulse(due(0, 1000, 31), |due| due * 4)], 1), None);
        // A server that has no timers at all.
        let at_once = streams(|due| due / 100_000);
        assert_eq!(hint(&at_once, 1), None);
    }
}
