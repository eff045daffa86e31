//! Exact times: in virtual time nothing is late, so that each millisecond counts.

use super::times::{TimedLine, WrongTime, kinds_of_gaps, median_off, nearest_off, other_pace, untimely};

/// Returns the lines that came at another millisecond than in the recording. The head comes first.
///
/// One mistake is found once: where all lines behind a late line are late by as much, the first is found; where gaps of one
/// kind are too long or too short, their pace is found.
pub(super) fn inexact_times(lines: &[TimedLine]) -> Vec<WrongTime> {
    let mut wrong = Vec::new();
    let mut explained = vec![false; lines.len()];
    for gaps in kinds_of_gaps(lines) {
        let nearest = nearest_off(&gaps);
        if nearest != 0 {
            let median = median_off(&gaps);
            // Explains the gaps off by the median; a gap off by another time is wrong by itself.
            gaps.iter().filter(|gap| gap.off_ms() == median).for_each(|gap| explained[gap.at] = true);
            wrong.push(other_pace(lines, &gaps, nearest));
        }
    }
    let mut off_before = 0;
    for (line, is_explained) in lines.iter().zip(explained) {
        let off = off_ms(line);
        // Accepts a line that makes up for lateness: between the recorded time and the lateness of the line before.
        let by = off - off.clamp(off_before.min(0), off_before.max(0));
        // Passes over a line behind missing lines, which are findings already.
        if by != 0 && !is_explained && !line.is_after_hole {
            let how = if by > 0 { "late" } else { "early" };
            let due_ms = line.came.last_ms.saturating_add_signed(-by);
            wrong.push(untimely(*line, due_ms, how, by.unsigned_abs()));
        }
        off_before = off;
    }
    wrong.sort_by_key(|wrong| wrong.line);
    wrong
}

/// Returns by how much a line is late; early if negative.
#[expect(clippy::cast_possible_wrap, reason = "a recording lasts a century at most")]
fn off_ms(line: &TimedLine) -> i64 {
    line.came.last_ms as i64 - line.due.last_ms as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::against::times::timed_lines;

    /// Returns the wrong lines where lines are due and come at these times.
    fn wrong(due: &[u64], came: &[u64]) -> Vec<(usize, String)> {
        inexact_times(&timed_lines(due, came)).into_iter().map(|wrong| (wrong.line, wrong.why)).collect()
    }

    fn one(line: usize, why: &str) -> Vec<(usize, String)> {
        vec![(line, why.to_owned())]
    }

    #[test]
    fn a_millisecond_is_found_once() {
        let due = [300, 900, 1800, 3300];
        assert_eq!(wrong(&due, &due), []);
        assert_eq!(wrong(&due, &[300, 901, 1801, 3301]), one(3, "1 ms too late"));
        assert_eq!(wrong(&due, &[300, 901, 1800, 3300]), one(3, "1 ms too late"));
        assert_eq!(wrong(&due, &[299, 900, 1800, 3300]), one(2, "1 ms too early"));
        assert_eq!(wrong(&due, &[300, 905, 1802, 3300]), one(3, "5 ms too late"));
        let twice = [(3, "5 ms too late".to_owned()), (4, "1 ms too early".to_owned())];
        assert_eq!(wrong(&due, &[300, 905, 1799, 3300]), twice);
    }

    #[test]
    fn another_pace_is_found_once_to_the_millisecond() {
        let every = |ms: u64| (1..=10).map(|n| n * ms).collect::<Vec<_>>();
        assert_eq!(wrong(&every(1000), &every(1001)), one(2, "the pace is too slow"));
        assert_eq!(wrong(&every(1000), &every(999)), one(2, "the pace is too fast"));
        let mut came = every(1001);
        came.iter_mut().skip(6).for_each(|ms| *ms += 7);
        let found = wrong(&every(1000), &came);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 8]);
    }
}
