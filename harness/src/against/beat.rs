//! The beat of a timer: a unit that is left out or sent twice moves no other unit, and another period moves all.

/// Fewer gaps show no period.
const GAPS_MIN: usize = 4;
/// The most units on each side of a gap that are compared. The unit that is least late shows the beat.
const UNITS_BESIDE: usize = 5;
/// Shorter periods are within the jitter of a busy machine.
const PERIOD_MS_MIN: u64 = 40;

/// A mistake in a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BeatMistake {
    /// The units have another period.
    OtherPeriod {
        /// The period.
        period_ms: u64,
    },
    /// A unit is left out.
    Lost {
        /// When the unit was due.
        due_ms: u64,
    },
    /// A unit came twice.
    Twice {
        /// The index of the second unit.
        at: usize,
    },
}

/// Returns whether each gap between these times is about as long as the period.
pub(super) fn is_steady(times: &[u64], period_ms: u64) -> bool {
    let is_steady = |gap_ms: u64| gap_ms.abs_diff(period_ms) <= period_ms / 4;
    times.windows(2).all(|pair| pair[1].checked_sub(pair[0]).is_some_and(is_steady))
}

/// Returns whether a single beat is lost before a unit: the gap is about two periods long, and the gaps beside are one.
pub(super) fn is_hole(times: &[u64], at: usize, period_ms: u64) -> bool {
    let is_about = |at: usize, wanted_ms: u64| {
        let gap_ms = times[at].saturating_sub(times[at - 1]);
        4 * gap_ms.abs_diff(wanted_ms) <= period_ms
    };
    let is_usual = |at: usize| at == 0 || at >= times.len() || is_about(at, period_ms);
    period_ms >= PERIOD_MS_MIN && is_about(at, 2 * period_ms) && is_usual(at - 1) && is_usual(at + 1)
}

/// Returns the first mistake in the times of units with this period.
pub(super) fn beat_mistake(times: &[u64], period_ms: u64) -> Option<BeatMistake> {
    if period_ms < PERIOD_MS_MIN {
        return None;
    }
    let mut gaps: Vec<u64> = times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    gaps.sort_unstable();
    let median_ms = gaps.get(gaps.len() / 2).copied()?;
    // Takes a slower timer for slow only far beyond what a busy machine does.
    if gaps.len() >= GAPS_MIN && (5 * median_ms < 4 * period_ms || 5 * median_ms > 7 * period_ms) {
        return Some(BeatMistake::OtherPeriod { period_ms: median_ms });
    }
    (1..times.len()).find_map(|at| mistake_at(times, at, period_ms))
}

/// Returns the mistake in the gap before a unit.
#[expect(clippy::cast_possible_wrap, reason = "a recording lasts a century at most")]
fn mistake_at(times: &[u64], at: usize, period_ms: u64) -> Option<BeatMistake> {
    // Returns how late a unit is, if each unit came a period after the one before.
    let late_ms = |n: usize| times[n] as i64 - n as i64 * period_ms as i64;
    let least = |range: std::ops::Range<usize>| range.map(late_ms).min();
    let before = least(at.saturating_sub(UNITS_BESIDE)..at)?;
    let after = least(at..times.len().min(at + UNITS_BESIDE))?;
    let (gap_ms, period) = (times[at].saturating_sub(times[at - 1]), period_ms as i64);
    let is_about = |moved: i64, by: i64| 4 * (moved - by).abs() <= period;
    // Knows that the beat goes on only from a further unit.
    let goes_on = at + 1 < times.len();
    if goes_on && is_about(after - before, period) && 2 * gap_ms >= 3 * period_ms {
        return Some(BeatMistake::Lost { due_ms: times[at - 1] + period_ms });
    }
    (is_about(after - before, -period) && 4 * gap_ms <= period_ms).then_some(BeatMistake::Twice { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(period_ms: u64, count: u64) -> Vec<u64> {
        (1..=count).map(|n| n * period_ms + n % 4).collect()
    }

    #[test]
    fn a_unit_that_is_left_out_or_comes_twice_is_found_at_its_time() {
        for at in 1..17 {
            let mut times = every(100, 20);
            let due_ms = times.remove(at);
            let Some(BeatMistake::Lost { due_ms: told }) = beat_mistake(&times, 100) else { panic!("{times:?}") };
            assert!(told.abs_diff(due_ms) <= 5, "{told}, {due_ms}");
            times.insert(at, due_ms);
            times.insert(at, due_ms);
            let twice = beat_mistake(&times, 100);
            assert_eq!(twice, Some(BeatMistake::Twice { at: at + 1 }), "{times:?}");
        }
    }

    #[test]
    fn another_period_is_found_once() {
        assert_eq!(beat_mistake(&every(70, 20), 100), Some(BeatMistake::OtherPeriod { period_ms: 71 }));
        assert_eq!(beat_mistake(&every(150, 20), 100), Some(BeatMistake::OtherPeriod { period_ms: 151 }));
        assert_eq!(beat_mistake(&every(110, 20), 100), None);
    }

    #[test]
    fn units_that_are_late_and_then_make_up_for_it_are_right() {
        for late in 1..4_u64 {
            // Holds up as many units until the end of the stall.
            let mut times = every(100, 20);
            let stalled = 8..8 + usize::try_from(late).expect("few");
            let end_ms = times[stalled.end - 1] + 90;
            times[stalled].fill(end_ms);
            assert_eq!(beat_mistake(&times, 100), None, "{times:?}");
        }
        assert_eq!(beat_mistake(&every(100, 20), 100), None);
        assert_eq!(beat_mistake(&[100], 100), None);
        assert_eq!(beat_mistake(&[], 100), None);
    }

    #[test]
    fn a_recording_is_steady_if_no_gap_is_far_from_the_period() {
        assert!(is_steady(&every(100, 20), 100) && is_steady(&[], 100));
        assert!(!is_steady(&[100, 200, 350], 100));
    }
}
