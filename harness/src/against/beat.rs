//! The beat of a timer: a unit that is left out or sent twice moves no other unit, and another period moves all.

/// Fewer gaps show no period.
const GAPS_MIN: usize = 4;
/// The most units on each side of a gap that are compared. The unit that is least late shows the beat.
const UNITS_BESIDE: usize = 5;
/// Fewer units before another one don't show when the other one was due.
const UNITS_MIN: usize = 3;
/// Shorter periods are within the jitter of a busy machine.
const PERIOD_MS_MIN: u64 = 40;

/// A mistake in a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BeatMistake {
    /// The units come at a faster pace.
    Faster {
        /// The mean gap.
        gap_ms: u64,
    },
    /// A unit is left out.
    Lost {
        /// When the unit was due.
        due_ms: u64,
    },
    /// A unit came twice.
    Twice {
        /// The index of the second one.
        at: usize,
        /// When the unit was due.
        due_ms: u64,
        /// Whether so many units came before that chance explains nothing.
        is_certain: bool,
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

/// Returns the first mistake in the times of units with this period. A lost unit is looked for only where a unit a period late is
/// beyond the tolerance, or nearly so.
pub(super) fn beat_mistake(times: &[u64], period_ms: u64, tolerance_ms: u64) -> Option<BeatMistake> {
    let (first, last) = times.first().zip(times.last())?;
    if period_ms < PERIOD_MS_MIN || times.len() <= GAPS_MIN {
        return None;
    }
    let gaps = u64::try_from(times.len() - 1).unwrap_or(u64::MAX);
    // Takes the mean gap: a busy machine makes many gaps shorter, and others longer by as much.
    if 5 * (last - first) < 4 * period_ms * gaps {
        return Some(BeatMistake::Faster { gap_ms: (last - first) / gaps });
    }
    // Looks for a single mistake only where the others keep the pace: all in all the units take one and a half periods
    // more or less at most.
    if (last - first).abs_diff(gaps * period_ms) * 2 > 3 * period_ms {
        return None;
    }
    let finds_lost = 5 * period_ms >= 4 * tolerance_ms;
    (1..times.len()).find_map(|at| mistake_at(times, at, period_ms, finds_lost))
}

/// Returns the mistake in the gap before a unit.
#[expect(clippy::cast_possible_wrap, reason = "a recording lasts a century at most")]
fn mistake_at(times: &[u64], at: usize, period_ms: u64, finds_lost: bool) -> Option<BeatMistake> {
    let period = period_ms as i64;
    // Returns how late a unit is, if each unit comes a period after the one before.
    let late_ms = |n: usize| times[n] as i64 - n as i64 * period;
    let least = |range: std::ops::Range<usize>| range.map(late_ms).min();
    let behind = at..times.len().min(at + UNITS_BESIDE);
    let (before, after) = (least(at.saturating_sub(UNITS_BESIDE)..at)?, least(behind)?);
    let gap_ms = times[at].saturating_sub(times[at - 1]);
    let is_about = |moved: i64, by: i64| 4 * (moved - by).abs() <= period;
    // Counts from the unit that was least late, so that the time is the same each time.
    let due_ms = |n: usize| u64::try_from(before + n as i64 * period).unwrap_or_default();
    // Looks for single mistakes alone: a buffer on the way passes on many units at once, and then none.
    let is_apart = |at: usize| times[at].saturating_sub(times[at - 1]) * 2 >= period_ms;
    let is_alone =
        |before: usize, behind: usize| (before == 0 || is_apart(before)) && (behind >= times.len() || is_apart(behind));
    // Knows that the beat goes on only from a further unit.
    let goes_on = at + 1 < times.len();
    if finds_lost
        && goes_on
        && is_alone(at - 1, at + 1)
        && is_about(after - before, period)
        && 2 * gap_ms >= 3 * period_ms
    {
        return Some(BeatMistake::Lost { due_ms: due_ms(at) });
    }
    let is_twice = at >= UNITS_MIN && is_about(after - before, -period) && 4 * gap_ms <= period_ms;
    let is_twice = is_twice && is_alone(at - 1, at + 1);
    is_twice.then(|| BeatMistake::Twice { at, due_ms: due_ms(at - 1), is_certain: at >= UNITS_BESIDE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(period_ms: u64, count: u64) -> Vec<u64> {
        (1..=count).map(|n| n * period_ms + n % 4).collect()
    }

    #[test]
    fn a_unit_that_is_left_out_or_comes_twice_is_found_at_its_time() {
        for at in 2..17 {
            let mut times = every(100, 20);
            let due_ms = times.remove(at);
            let Some(BeatMistake::Lost { due_ms: told }) = beat_mistake(&times, 100, 100) else { panic!("{times:?}") };
            assert!(told.abs_diff(due_ms) <= 5, "{told}, {due_ms}");
            // Leaves a lost unit within the tolerance alone.
            assert_eq!(beat_mistake(&times, 100, 250), None);
            times.insert(at, due_ms);
            times.insert(at, due_ms);
            let twice = beat_mistake(&times, 100, 250);
            let Some(BeatMistake::Twice { at: told_at, due_ms: told, is_certain }) = twice else { panic!("{times:?}") };
            assert_eq!((told_at, is_certain), (at + 1, at >= 4));
            assert!(told.abs_diff(due_ms) <= 5, "{told}, {due_ms}");
        }
    }

    #[test]
    fn a_faster_pace_is_found_once_and_a_slower_one_is_left_to_the_times() {
        assert_eq!(beat_mistake(&every(70, 20), 100, 250), Some(BeatMistake::Faster { gap_ms: 69 }));
        for count in 3..20 {
            assert_eq!(beat_mistake(&every(150, count), 100, 100), None, "{count}");
        }
        assert_eq!(beat_mistake(&every(90, 20), 100, 250), None);
        // Units that a busy machine passes on in groups come no faster.
        for size in 2..12 {
            let groups: Vec<u64> = (1..=48_u64).map(|n| 100 * size * n.div_ceil(size)).collect();
            assert_eq!(beat_mistake(&groups, 100, 100), None, "{size}");
        }
    }

    #[test]
    fn units_that_are_late_and_then_make_up_for_it_are_right() {
        for late in 1..4_u64 {
            // Holds up as many units until the end of the stall.
            let mut times = every(100, 20);
            let stalled = 8..8 + usize::try_from(late).expect("few");
            let end_ms = times[stalled.end - 1] + 90;
            times[stalled].fill(end_ms);
            assert_eq!(beat_mistake(&times, 100, 100), None, "{times:?}");
        }
        assert_eq!(beat_mistake(&every(100, 20), 100, 100), None);
        assert_eq!(beat_mistake(&[100], 100, 100), None);
        assert_eq!(beat_mistake(&[], 100, 100), None);
    }

    #[test]
    fn a_recording_is_steady_if_no_gap_is_far_from_the_period() {
        assert!(is_steady(&every(100, 20), 100) && is_steady(&[], 100));
        assert!(!is_steady(&[100, 200, 350], 100));
    }
}
