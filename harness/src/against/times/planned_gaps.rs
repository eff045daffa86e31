//! Planned gaps: gaps that differ by the plan of the server, and not by chance, since the same gaps are long again.

use super::TimedLine;

/// Fewer gaps can be long in the same order by chance.
const GAPS_MIN: usize = 10;
/// The least rank correlation (Spearman's) of planned gaps.
const CORRELATION_MIN: f64 = 0.75;

/// Returns whether the gaps between lines are long and short where the recorded gaps are.
pub(super) fn are_planned(lines: &[TimedLine]) -> bool {
    let pairs = lines.windows(2).skip(1).filter(|pair| pair[1].write != pair[0].write);
    let gaps: Vec<[u64; 2]> = pairs
        .map(|pair| {
            let (before, line) = (pair[0], pair[1]);
            let gap = |before_ms: u64, line_ms: u64| line_ms.saturating_sub(before_ms);
            [gap(before.due.last_ms, line.due.last_ms), gap(before.came.last_ms, line.came.last_ms)]
        })
        .collect();
    gaps.len() >= GAPS_MIN && correlation(&gaps).is_some_and(|correlation| correlation >= CORRELATION_MIN)
}

/// Returns the rank correlation of pairs of gaps; nothing if all gaps of one side are equal.
fn correlation(gaps: &[[u64; 2]]) -> Option<f64> {
    let [due, came] = [0, 1].map(|side| ranks(&gaps.iter().map(|gap| gap[side]).collect::<Vec<_>>()));
    let products = |one: &[f64], other: &[f64]| -> f64 { one.iter().zip(other).map(|(one, other)| one * other).sum() };
    let spread = (products(&due, &due) * products(&came, &came)).sqrt();
    (spread > 0.0).then(|| products(&due, &came) / spread)
}

/// Returns the rank of each gap, as the distance from the middle rank. Equal gaps share the mean of their ranks.
#[expect(clippy::cast_precision_loss, reason = "a recording has fewer lines than a float has whole numbers")]
fn ranks(gaps: &[u64]) -> Vec<f64> {
    let mut sorted = gaps.to_vec();
    sorted.sort_unstable();
    let rank = |gap: &u64| {
        let below = sorted.partition_point(|other| other < gap);
        let up_to = sorted.partition_point(|other| other <= gap);
        (below + up_to) as f64 - sorted.len() as f64
    };
    gaps.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::super::timed_lines;
    use super::*;

    /// The gaps of a server, and the same gaps in another order.
    const GAPS: [u64; 12] = [20, 71, 43, 55, 28, 80, 34, 62, 47, 25, 75, 39];
    const OTHERS: [u64; 12] = [43, 28, 75, 20, 62, 39, 71, 25, 34, 80, 47, 55];

    fn times(gaps: &[u64]) -> Vec<u64> {
        let sum = |at: &mut u64, gap: &u64| {
            *at += gap;
            Some(*at)
        };
        gaps.iter().scan(0, sum).collect()
    }

    fn are_planned_after(came: &[u64]) -> bool {
        are_planned(&timed_lines(&times(&GAPS[..came.len()]), &times(came)))
    }

    #[test]
    fn gaps_that_are_long_again_are_planned_however_fast_and_with_some_jitter() {
        assert!(are_planned_after(&GAPS));
        assert!(are_planned_after(&GAPS.map(|gap| gap / 2)));
        let mut jittery = GAPS.map(|gap| gap + gap % 7);
        jittery[3] += 300;
        assert!(are_planned_after(&jittery));
    }

    #[test]
    fn gaps_of_another_order_are_not_planned_and_few_or_equal_gaps_say_nothing() {
        assert!(!are_planned_after(&OTHERS));
        assert!(!are_planned_after(&OTHERS.map(|gap| gap / 2)));
        assert!(!are_planned_after(&GAPS[..9]));
        assert!(!are_planned_after(&[50; 12]));
    }

    #[test]
    fn equal_gaps_share_a_rank() {
        assert_eq!(ranks(&[5, 9, 5, 1]), [0.0, 3.0, 0.0, -3.0]);
    }
}
