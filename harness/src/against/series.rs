//! Series: units of one kind that a timer of the server sends beside the rest of the stream, such as heartbeats.

use std::collections::BTreeMap;

use super::unit::{Unit, UnitKind};

/// Fewer units show no pace.
const UNITS_MIN: usize = 3;
/// A steady gap differs from the median by at most a tenth and some milliseconds; one gap in so many may differ by more.
const SAME_GAP_PARTS: u64 = 10;
const SAME_GAP_MS: u64 = 20;
const ODD_GAPS: usize = 4;
/// Units of one instant are due within this time.
pub(super) const INSTANT_MS: u64 = 25;

/// Units of one kind that come at a steady pace, beside other units.
#[derive(Debug)]
pub(super) struct Series {
    /// The units, by index.
    pub(super) units: Vec<usize>,
    /// The time from unit to unit, or the length of the silence before each unit.
    pub(super) period_ms: u64,
    /// Whether the units come after silence: each other unit of the stream begins the period again.
    pub(super) is_after_silence: bool,
    /// Whether the recording shows that a timer of its own sends the units: the time since other units differs.
    pub(super) has_own_timer: bool,
}

impl Series {
    /// Finds the series among the units with these indices.
    pub(super) fn find(units: &[Unit], kinds: &[UnitKind], among: impl Iterator<Item = usize>) -> Vec<Self> {
        let mut by_kind: BTreeMap<&UnitKind, Vec<usize>> = BTreeMap::new();
        for at in among {
            by_kind.entry(&kinds[at]).or_default().push(at);
        }
        by_kind.into_values().filter_map(|members| Self::of(units, kinds, members)).collect()
    }

    /// Returns the units of one kind as a series, if their pace is steady.
    fn of(units: &[Unit], kinds: &[UnitKind], members: Vec<usize>) -> Option<Self> {
        let at_ms = |unit: usize| units[unit].times.last_ms;
        let is_comment = kinds[members[0]].is_comment;
        // Refuses units of which most come in a row, which are the stream itself, except comments, which come while a stream
        // pauses. Two timers of the same period change sides now and then.
        let in_a_row = members.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        let is_beside = || is_comment || 2 * in_a_row < members.len();
        if members.len() < UNITS_MIN || !is_beside() || !members.iter().all(|unit| has_own_write(units, *unit)) {
            return None;
        }
        let mut gaps: Vec<u64> = members.windows(2).map(|pair| at_ms(pair[1]) - at_ms(pair[0])).collect();
        // Looks at the silence before a unit: a steady silence shows that the stream itself may send the units.
        let silence_before = |unit: usize| at_ms(unit) - unit.checked_sub(1).map_or(0, at_ms);
        let mut silences: Vec<u64> = members.iter().map(|unit| silence_before(*unit)).collect();
        gaps.sort_unstable();
        silences.sort_unstable();
        let longest_ms = (0..units.len()).map(silence_before).max()?;
        let is_after_silence = is_comment && is_after_silence(&silences, &gaps, longest_ms);
        let period_ms = if is_after_silence { silences[silences.len() / 2] } else { gaps[gaps.len() / 2] };
        let odd = gaps.iter().filter(|gap| gap.abs_diff(period_ms) > same_gap_ms(period_ms)).count();
        // Takes no burst for a series: gaps so short are no period.
        if period_ms <= SAME_GAP_MS || !is_after_silence && odd * ODD_GAPS > gaps.len() {
            return None;
        }
        let has_own_timer = is_comment || spread(&silences) > INSTANT_MS;
        Some(Self { units: members, period_ms, is_after_silence, has_own_timer })
    }
}

/// Returns whether units come after silence: all silences before the units are alike, no silence of the stream is longer, and
/// the times from unit to unit differ far more. All lists are sorted.
fn is_after_silence(silences: &[u64], gaps: &[u64], longest_ms: u64) -> bool {
    let usual_ms = silences[silences.len() / 2];
    let bound_ms = same_gap_ms(usual_ms);
    spread(silences) <= bound_ms && longest_ms <= usual_ms + bound_ms && spread(silences) + INSTANT_MS < spread(gaps)
}

/// Returns by how much a gap may differ from the usual gap.
fn same_gap_ms(usual_ms: u64) -> u64 {
    usual_ms / SAME_GAP_PARTS + SAME_GAP_MS
}

/// Returns the difference of the shortest and the longest of sorted gaps.
fn spread(sorted: &[u64]) -> u64 {
    sorted.last().zip(sorted.first()).map_or(0, |(most, least)| most - least)
}

/// Returns whether no write with bytes of a unit has bytes of another unit.
pub(super) fn has_own_write(units: &[Unit], at: usize) -> bool {
    let (first, last) = units[at].writes;
    let is_free_before = at.checked_sub(1).is_none_or(|before| units[before].writes.1 < first);
    is_free_before && units.get(at + 1).is_none_or(|next| last < next.writes.0)
}
