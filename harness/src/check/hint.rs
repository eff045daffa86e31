//! The likeliest cause of many failures at once, so that nobody has to find it from each of them.
//!
//! A hint is given only if every stream that was watched fits it.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::pulse::Pulse;
use crate::judge::Hint;

/// One cause, from which all that fails may follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// Many writes come at once, long after they were due.
    HeldBack,
    /// Only writes that wait for no time come.
    ClockStandsStill,
    /// Times are off by one factor.
    OtherSpeed {
        /// How many times as fast as was asked for the server's clock runs.
        factor: f64,
        /// What `--scale` is to be, if that is possible.
        scale: Option<NonZeroU32>,
    },
    /// All that fails is about single connections.
    OnlyConnections,
}

/// A stream whose writes are due over less time than this says nothing about time.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// What has not come so long after its time does not come.
const SILENCE_MIN: Duration = Duration::from_secs(5);
/// A stream is held back if its writes come in so many times fewer bursts than they are due in.
const FEWER_BURSTS: usize = 6;
/// A clock runs at another speed if the streams take less than 0.8, or more than 1.25, of their time.
const FACTOR_MIN: f64 = 1.25;
/// So far may two streams be apart that are off by the same factor: timers add up their lateness, and a busy machine holds
/// up what lasts only for milliseconds. A single stream's gaps may be as far from their median as [`UNEVEN_MAX`].
const FACTOR_SPREAD: f64 = 1.5;
const UNEVEN_MAX: f64 = 2.5;
/// A faster server's times are too short to be measured.
const FACTOR_MAX: f64 = 5000.0;
/// On a busy machine shorter gaps tell little.
const MEASURABLE_MIN: Duration = Duration::from_millis(50);
/// So many writes show a speed.
const WRITES_MIN: usize = 3;

impl Cause {
    /// Returns what the pulses of all watched streams have in common, if they were watched at this scale.
    pub(super) fn of_times(pulses: &[Pulse], scale: NonZeroU32) -> Option<Self> {
        let timed: Vec<&Pulse> = pulses.iter().filter(|pulse| pulse.due.iter().any(|due| !due.is_zero())).collect();
        if timed.len() < 2 {
            return None;
        }
        if are_held_back(&timed) {
            return Some(Self::HeldBack);
        }
        if stand_still(&timed) {
            return Some(Self::ClockStandsStill);
        }
        let factor = factor(&timed)?;
        Some(Self::OtherSpeed { factor, scale: scale_of(factor * f64::from(scale.get())) })
    }
}

/// Whether at least one stream comes in a few bursts, none of them early, and nothing at all of any other has come.
fn are_held_back(pulses: &[&Pulse]) -> bool {
    let clumped = |pulse: &&&Pulse| {
        let spans = pulse.due.last().is_some_and(|last| *last >= SPAN_MIN);
        spans && !pulse.is_early() && pulse.bursts() > 0 && pulse.bursts() * FEWER_BURSTS <= pulse.bursts_due()
    };
    let silent = |pulse: &&Pulse| pulse.came.is_empty() && !pulse.ended && pulse.watched >= SILENCE_MIN;
    pulses.iter().any(|pulse| clumped(&pulse)) && pulses.iter().all(|pulse| clumped(&pulse) || silent(pulse))
}

/// Whether each stream has sent what is due at once, and nothing of what is due later, and goes on.
fn stand_still(pulses: &[&Pulse]) -> bool {
    let stands = |pulse: &&Pulse| {
        let next = pulse.due.iter().find(|due| !due.is_zero()).copied().unwrap_or_default();
        let waited = pulse.watched.saturating_sub(next) >= SILENCE_MIN;
        !pulse.ended && pulse.came.len() == pulse.due_at_once() && waited
    };
    pulses.iter().all(stands) && pulses.iter().any(|pulse| !pulse.came.is_empty())
}

/// How fast a stream is.
struct Speed {
    /// The mean gap between what came.
    gap: Duration,
    /// How many times as fast as expected.
    factor: f64,
    /// Whether most gaps say so.
    even: bool,
}

/// Returns how many times as fast as expected all streams are, if all are off by about the same.
fn factor(pulses: &[&Pulse]) -> Option<f64> {
    let mut speeds: Vec<Speed> = pulses.iter().filter_map(|pulse| speed(pulse)).collect();
    // The longer the gaps, the less the lateness of timers counts.
    speeds.sort_by_key(|speed| std::cmp::Reverse(speed.gap));
    let [best, second, ..] = &speeds[..] else { return None };
    let aside = |speed: &Speed| {
        if best.factor > 1.0 { speed.factor >= FACTOR_MIN } else { speed.factor <= 1.0 / FACTOR_MIN }
    };
    let alike = (best.factor / second.factor).max(second.factor / best.factor) <= FACTOR_SPREAD;
    let sure = best.even && (alike || second.gap < MEASURABLE_MIN && best.gap >= MEASURABLE_MIN);
    (sure && best.factor <= FACTOR_MAX && speeds.iter().all(aside)).then_some(best.factor)
}

/// Returns how fast a stream is; nothing if that can't be told.
fn speed(pulse: &Pulse) -> Option<Speed> {
    let count = pulse.came.len().min(pulse.due.len());
    if count < WRITES_MIN {
        return None;
    }
    let gaps = |times: &[Duration]| -> Vec<f64> {
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).as_secs_f64()).collect()
    };
    let gaps = gaps(&pulse.due[..count]).into_iter().zip(gaps(&pulse.came[..count]));
    let gaps: Vec<(f64, f64)> = gaps.filter(|(due, _)| *due > 0.0).collect();
    let mut factors: Vec<f64> = gaps.iter().map(|(due, came)| due / came).collect();
    factors.sort_unstable_by(f64::total_cmp);
    // The median is what it is even if the machine was held up for a while.
    let median = *factors.get(factors.len() / 2)?;
    let all = |part: fn(&(f64, f64)) -> f64| gaps.iter().map(part).sum::<f64>();
    let whole = all(|(due, _)| *due) / all(|(_, came)| *came);
    let even = (median / whole).max(whole / median) <= UNEVEN_MAX;
    let gap = pulse.came[count - 1].saturating_sub(pulse.came[0]) / u32::try_from(count - 1).ok()?;
    // What comes in bursts, or gets slower, is no clock of another speed, but that shows only where gaps can be measured.
    (even || gap < MEASURABLE_MIN).then_some(Speed { gap, factor: if even { median } else { whole }, even })
}

/// Returns the scale that a server with this speed was most likely started with.
fn scale_of(speed: f64) -> Option<NonZeroU32> {
    let decade = 10_f64.powf(speed.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|of| of * decade);
    let near = round.into_iter().find(|round| (speed / round - 1.0).abs() <= 0.1).unwrap_or(speed);
    let whole = near.round();
    let fits = (whole - near).abs() <= 0.1 * near && (1.0..=1e6).contains(&whole);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, positive and small")]
    let scale = NonZeroU32::new(whole as u32);
    scale.filter(|_| fits)
}

impl From<Cause> for Hint {
    fn from(cause: Cause) -> Self {
        Self { text: cause.to_string(), explains_all: cause != Cause::OnlyConnections }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldBack => f.write_str(
                "The streams are held back: nothing arrives for long, and then many writes at once. Most likely a proxy \
                 between the check and the server buffers them. Have it pass on each write at once (nginx: \
                 `proxy_buffering off`, or `X-Accel-Buffering: no` in the response), or check the server itself. If there \
                 is no proxy, the server does not flush its writes, as with a middleware that compresses.",
            ),
            Self::ClockStandsStill => f.write_str(
                "The server's clock stands still: what is due at once arrives, and then nothing. Most likely the server \
                 runs with a manual clock, or with the fake timers of a test. Start it with a clock that runs (onbeat \
                 serve: without `--clock manual`), and check again.",
            ),
            Self::OtherSpeed { factor, scale } => {
                let times = if *factor >= 1.0 {
                    format!("{} times as fast", rounded(*factor))
                } else {
                    format!("{} times as slow", rounded(1.0 / factor))
                };
                write!(f, "The server's clock runs at another speed: all streams are about {times} as expected. ")?;
                match scale {
                    Some(scale) if scale.get() == 1 => f.write_str("Most likely it runs in real time: check without `--scale`."),
                    Some(scale) => {
                        write!(f, "Most likely it is scaled: check with `--scale {scale}`, or what it was started with.")
                    }
                    None => f.write_str("Have it run in real time, or a whole number of times as fast, and say so with `--scale`."),
                }
            }
            Self::OnlyConnections => f.write_str(
                "All that fails is about single connections: how bytes are put into chunks, how a connection ends, or which \
                 requests are taken on. A proxy changes such things: if there is one between the check and the server, \
                 check with `--behind-proxy`.",
            ),
        }
    }
}

/// Two digits are enough for a person.
fn rounded(factor: f64) -> String {
    if factor >= 9.95 { format!("{factor:.0}") } else { format!("{factor:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A stream with a write every `gap` ms, the first after `first`, watched for as long as it takes and two seconds.
    fn due(first: u64, gap: u64, writes: u64) -> Vec<Duration> {
        (0..writes).map(|n| ms(first + n * gap)).collect()
    }

    fn pulse(due: Vec<Duration>, came: impl Fn(Duration) -> Duration) -> Pulse {
        let came: Vec<Duration> = due.iter().map(|due| came(*due)).collect();
        let watched = came.iter().chain(&due).max().copied().unwrap_or_default() + ms(250);
        Pulse { due, came, answered: true, ended: true, watched }
    }

    /// The four streams that end, each write coming when `came` says.
    fn streams(came: impl Fn(Duration) -> Duration + Copy) -> Vec<Pulse> {
        [due(0, 50, 82), due(0, 1000, 21), due(1000, 1000, 31), due(1500, 1500, 50)].map(|due| pulse(due, came)).into()
    }

    /// A stream that was given up before its end: only so many writes came.
    fn given_up(due: Vec<Duration>, came: usize) -> Pulse {
        let came = due[..came].to_vec();
        Pulse { due, came, answered: true, ended: false, watched: ms(12_000) }
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
            Pulse { due, came, answered: true, ended: true, watched: ms(80_000) }
        };
        let silent = |due| Pulse { answered: false, ..given_up(due, 0) };
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
        let nothing = pulses().map(|pulse| Pulse { came: Vec::new(), answered: false, ..pulse });
        assert_eq!(hint(&nothing, 1), None);
        // One stream alone says nothing about the clock.
        assert_eq!(hint(&pulses()[..1], 1), None);
    }

    /// The scale that is proposed to a check at one scale of a server at another.
    fn proposed(server: u32, check: u32) -> Option<u32> {
        let at_scale = streams(|due| due);
        let pulses: Vec<Pulse> = at_scale
            .into_iter()
            .map(|Pulse { due, came, answered, ended, watched }| {
                let due = due.iter().map(|due| *due / check).collect();
                // A timer is a millisecond late, and adds that up.
                let late = |(n, at): (u32, &Duration)| *at / server + Duration::from_micros(200) * n;
                let came = (0..).zip(&came).map(late).collect();
                Pulse { due, came, answered, ended, watched }
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
    fn a_clock_that_no_scale_fits_is_told_all_the_same() {
        let half = hint(&streams(|due| due * 2), 1);
        let Some(Cause::OtherSpeed { factor, scale: None }) = half else { panic!("{half:?}") };
        assert!((factor - 0.5).abs() < 0.01, "{factor}");
        assert!(half.expect("a hint").to_string().contains("about 2.0 times as slow as expected"));
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
