//! Lost beats: a steady stream that leaves out a beat now and then keeps its usual gap, and is late all in all.

use onbeat_wire::whole_ms;

use super::{END, TimeRules, TimedLine, WrongTime};
use crate::against::beat::{is_hole, is_steady};

/// Fewer gaps show no beat.
const GAPS_MIN: usize = 8;

/// Returns the first line behind a lost beat, if so many beats are lost that the last lines are late beyond the tolerance. The head
/// comes first.
pub(super) fn lost_beats(lines: &[TimedLine], rules: TimeRules) -> Option<WrongTime> {
    let lines: Vec<TimedLine> = lines.iter().skip(1).filter(|line| line.write != END).copied().collect();
    let [due, came]: [Vec<u64>; 2] = [|line: &TimedLine| line.due.last_ms, |line: &TimedLine| line.came.last_ms]
        .map(|time| lines.iter().map(time).collect());
    let mut gaps: Vec<u64> = due.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    gaps.sort_unstable();
    let period_ms = gaps.get(gaps.len() / 2).copied()?;
    let says_nothing = |line: &TimedLine| line.is_after_hole || line.is_joined_otherwise;
    if gaps.len() < GAPS_MIN || lines.iter().any(says_nothing) || !is_steady(&due, period_ms) {
        return None;
    }
    let holes: Vec<usize> = (1..came.len()).filter(|at| is_hole(&came, *at, period_ms)).collect();
    let line = lines[*holes.first()?];
    let lost_ms = period_ms * u64::try_from(holes.len()).unwrap_or(u64::MAX);
    (lost_ms > whole_ms(rules.tolerance)).then(|| WrongTime {
        line: line.line,
        is_early: false,
        came_ms: line.came.last_ms,
        expected: format!("{period_ms} ms since the line before, as all lines of the recording"),
        actual: format!("about {} ms, here and before {} more lines", 2 * period_ms, holes.len() - 1),
        why: "the pace is too slow".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::timed_lines;
    use super::*;

    fn lost(due: &[u64], came: &[u64]) -> Option<usize> {
        let rules = TimeRules { tolerance: Duration::from_millis(250), scale: 1 };
        lost_beats(&timed_lines(due, came), rules).map(|wrong| wrong.line)
    }

    /// Returns the times of a beat of 100 ms that leaves out each beat with a number that `is_lost`.
    fn beat(count: u64, is_lost: impl Fn(u64) -> bool) -> Vec<u64> {
        (1..).filter(|n| !is_lost(*n)).map(|n| 100 * n + n % 5).take(usize::try_from(count).expect("few")).collect()
    }

    #[test]
    fn many_lost_beats_are_a_slow_pace_and_a_few_are_within_the_tolerance() {
        let due = beat(30, |_| false);
        assert_eq!(lost(&due, &due), None);
        assert_eq!(lost(&due, &beat(30, |n| n % 5 == 0)), Some(6));
        assert_eq!(lost(&due, &beat(30, |n| n % 12 == 0)), None);
        // Knows no beat where the recording has none.
        assert_eq!(lost(&beat(30, |n| n == 7), &beat(30, |n| n % 5 == 0)), None);
        // Takes late lines that the next ones make up for as right.
        let late: Vec<u64> = (0..).zip(&due).map(|(n, ms)| ms + if n % 5 == 0 { 90 } else { 0 }).collect();
        assert_eq!(lost(&due, &late), None);
    }
}
