//! The speed of a server's clock, from the gaps between writes: how many times as fast as expected.

use std::cmp::Reverse;
use std::num::NonZeroU32;
use std::time::Duration;

use super::Pulse;
use crate::check::live::SCALE_MAX;

/// A clock runs at another speed if the streams take less than 0.8, or more than 1.25, of the expected time.
const FACTOR_MIN: f64 = 1.25;
/// Two streams that are off by the same factor may be so far apart: timers add up lateness, and a busy machine delays short
/// gaps. The gaps of a single stream may be as far from the median as [`UNEVEN_MAX`].
const FACTOR_SPREAD: f64 = 1.5;
const UNEVEN_MAX: f64 = 2.5;
/// The times of a faster server are too short to be measured.
const FACTOR_MAX: f64 = 5000.0;
/// On a busy machine shorter gaps say little.
const MEASURABLE_MIN: Duration = Duration::from_millis(50);
/// So many writes show a speed.
const WRITES_MIN: usize = 3;
/// So many bursts show timers.
const BURSTS_MIN: usize = 3;
/// No machine, however busy, makes all streams so many times as fast.
const ROUGH_FACTOR_MIN: f64 = 4.0;

/// The speed of a stream.
struct Speed {
    /// The mean gap between what came.
    gap: Duration,
    /// How many times as fast as expected.
    factor: f64,
    /// Whether most gaps fit the factor.
    even: bool,
}

/// Returns how many times as fast as expected all streams are, if all are off by about the same.
pub(super) fn factor(pulses: &[&Pulse]) -> Option<f64> {
    let mut speeds: Vec<Speed> = pulses.iter().filter_map(|pulse| speed(pulse)).collect();
    // Sorts by the gap: the longer the gap, the less the lateness of timers counts.
    speeds.sort_by_key(|speed| Reverse(speed.gap));
    let [best, second, ..] = &speeds[..] else { return None };
    // Demands the same side of all streams: a single wrong period is no other clock.
    let aside = |speed: &Speed| {
        if best.factor > 1.0 { speed.factor >= FACTOR_MIN } else { speed.factor <= 1.0 / FACTOR_MIN }
    };
    let alike = (best.factor / second.factor).max(second.factor / best.factor) <= FACTOR_SPREAD;
    let sure = best.even && (alike || second.gap < MEASURABLE_MIN && best.gap >= MEASURABLE_MIN);
    (sure && best.factor <= FACTOR_MAX && speeds.iter().all(aside)).then_some(best.factor)
}

/// Returns roughly how many times as fast as expected all streams are, where the machine was held up so often that gaps say
/// nothing: by the time from the request to the last write, which a busy machine only makes longer.
pub(super) fn rough_factor(pulses: &[&Pulse]) -> Option<f64> {
    let factor = |pulse: &&Pulse| {
        let count = pulse.came.len().min(pulse.due.len());
        let last = count.checked_sub(1).filter(|_| count >= WRITES_MIN)?;
        Some(pulse.due[last].as_secs_f64() / pulse.came[last].as_secs_f64())
    };
    let factors: Vec<f64> = pulses.iter().filter_map(factor).collect();
    // Demands several bursts, since a server without timers writes all at once.
    let has_timers = pulses.iter().any(|pulse| pulse.bursts() >= BURSTS_MIN);
    let slowest = factors.iter().copied().min_by(f64::total_cmp)?;
    let fastest = factors.iter().copied().max_by(f64::total_cmp)?;
    (has_timers && slowest >= ROUGH_FACTOR_MIN && fastest <= FACTOR_MAX).then_some(fastest)
}

/// Returns the speed of a stream; none if the stream has too few gaps, or gaps that fit no speed.
fn speed(pulse: &Pulse) -> Option<Speed> {
    let count = pulse.came.len().min(pulse.due.len());
    if count < WRITES_MIN {
        return None;
    }
    // Passes over writes that are due together, which have no gap to compare.
    let gaps = |times: &[Duration]| -> Vec<f64> {
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).as_secs_f64()).collect()
    };
    let gaps = gaps(&pulse.due[..count]).into_iter().zip(gaps(&pulse.came[..count]));
    let gaps: Vec<(f64, f64)> = gaps.filter(|(due, _)| *due > 0.0).collect();
    let mut factors: Vec<f64> = gaps.iter().map(|(due, came)| due / came).collect();
    factors.sort_unstable_by(f64::total_cmp);
    // Takes the median, which stays the same even if the machine was held up for a while.
    let median = *factors.get(factors.len() / 2)?;
    let all = |part: fn(&(f64, f64)) -> f64| gaps.iter().map(part).sum::<f64>();
    let whole = all(|(due, _)| *due) / all(|(_, came)| *came);
    let even = (median / whole).max(whole / median) <= UNEVEN_MAX;
    let gap = pulse.came[count - 1].saturating_sub(pulse.came[0]) / u32::try_from(count - 1).ok()?;
    // Ignores bursts and slowing streams, which show no clock of another speed. Only measurable gaps show bursts.
    (even || gap < MEASURABLE_MIN).then_some(Speed { gap, factor: if even { median } else { whole }, even })
}

/// Returns the scale that a server with this speed was most likely started with.
pub(super) fn scale_of(speed: f64) -> Option<NonZeroU32> {
    let decade = 10_f64.powf(speed.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|of| of * decade);
    // Prefers a round scale, with which people start servers.
    let near = round.into_iter().find(|round| (speed / round - 1.0).abs() <= 0.1).unwrap_or(speed);
    let whole = near.round();
    let fits = (whole - near).abs() <= 0.1 * near && (1.0..=f64::from(SCALE_MAX)).contains(&whole);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, positive and small")]
    let scale = NonZeroU32::new(whole as u32);
    scale.filter(|_| fits)
}
