//! Series: units that a timer of the server sends beside the rest of the stream, such as heartbeats.
//!
//! Two timers of a server meet now and then, and either may be first: between a unit of a series and the rest of the stream
//! no order holds but that of time. How many units of a series come depends on how long the stream lasts.

use std::collections::BTreeMap;

use super::align::may;
use super::facts::WriteFact;
use super::unit::{Shape, Unit};

/// Fewer units show no pace.
const UNITS_MIN: usize = 3;
/// A steady gap differs from the median by at most a tenth and some milliseconds; one gap in so many may differ by more.
const SAME_GAP_PARTS: u64 = 10;
const SAME_GAP_MS: u64 = 20;
const ODD_GAPS: usize = 4;
/// Units of one instant are due within this time.
pub(super) const INSTANT_MS: u64 = 25;

/// The units of a recording that belong to series.
#[derive(Debug, Default)]
pub(super) struct AllSeries {
    pub(super) series: Vec<Series>,
    /// For each unit of the recording, and for each unit that came, the series.
    of_unit: Vec<Option<usize>>,
    of_seen: Vec<Option<usize>>,
    /// For each unit, whether the unit is a comment between other units, in a write of its own.
    is_comment: Vec<bool>,
    shapes: Vec<Shape>,
}

/// Units of one shape that come at a steady pace, beside other units.
#[derive(Debug)]
pub(super) struct Series {
    /// The units, by index.
    pub(super) units: Vec<usize>,
    pub(super) period_ms: u64,
    /// Whether the recording shows that a timer of its own sends the units: the time since other units differs.
    has_own_timer: bool,
}

/// How sure it is that no order holds between two units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitOrder {
    /// The server has to send one behind the other.
    Fixed,
    /// No order holds between units of one instant.
    FreeAtOnce,
    /// No order holds but that of time.
    Free,
}

impl AllSeries {
    /// Finds the series among the units of a recording.
    pub(super) fn find(writes: &[WriteFact], units: &[Unit]) -> Self {
        let shapes: Vec<Shape> = units.iter().map(Unit::shape).collect();
        let mut by_shape: BTreeMap<&Shape, Vec<usize>> = BTreeMap::new();
        // Leaves out optional units, which may come at any time anyway.
        for (at, _) in units.iter().enumerate().filter(|(_, unit)| !may(writes, unit)) {
            by_shape.entry(&shapes[at]).or_default().push(at);
        }
        let series: Vec<Series> =
            by_shape.into_values().filter_map(|members| Series::of(units, &shapes, members)).collect();
        let mut of_unit = vec![None; units.len()];
        for (number, one) in series.iter().enumerate() {
            one.units.iter().for_each(|unit| of_unit[*unit] = Some(number));
        }
        // Passes over a comment at the beginning, which announces the stream, and comes first.
        let is_comment = (0..units.len()).map(|at| at > 0 && shapes[at].is_comment && has_own_write(units, at));
        Self { is_comment: is_comment.collect(), series, of_unit, of_seen: Vec::new(), shapes }
    }

    /// Returns the number of the series of a unit.
    pub(super) fn of_unit(&self, unit: usize) -> Option<usize> {
        self.of_unit.get(unit).copied().flatten()
    }

    /// Notes which series the units belong to that came: by their kind, or since a unit is the same as the first of a series
    /// but for values that may vary.
    pub(super) fn assign(&mut self, seen: &[Unit], is_same: impl Fn(usize, usize) -> bool) {
        let of = |(g, unit): (usize, &Unit)| {
            let shape = unit.shape();
            let by_shape = self.series.iter().position(|series| self.shapes[series.units[0]] == shape);
            by_shape.or_else(|| self.series.iter().position(|series| is_same(series.units[0], g)))
        };
        self.of_seen = seen.iter().enumerate().map(of).collect();
    }

    /// Returns the number of the series of a unit that came.
    pub(super) fn of_seen(&self, seen: usize) -> Option<usize> {
        self.of_seen.get(seen).copied().flatten()
    }

    /// Returns the series of a unit.
    pub(super) fn series_of(&self, unit: usize) -> Option<&Series> {
        self.of_unit(unit).map(|number| &self.series[number])
    }

    /// Returns whether two units are of different kinds.
    pub(super) fn has_other_shape(&self, one: usize, other: usize) -> bool {
        self.shapes.get(one) != self.shapes.get(other)
    }

    /// Returns which order holds between two units.
    pub(super) fn order(&self, one: usize, other: usize) -> UnitOrder {
        // Keeps the order of units of a single shape, such as the counts of a stream.
        if self.shapes[one] == self.shapes[other] {
            return UnitOrder::Fixed;
        }
        let any = |is: &dyn Fn(usize) -> bool| is(one) || is(other);
        if any(&|unit| self.is_comment[unit] || self.series_of(unit).is_some_and(|series| series.has_own_timer)) {
            UnitOrder::Free
        } else if any(&|unit| self.of_unit(unit).is_some()) {
            UnitOrder::FreeAtOnce
        } else {
            UnitOrder::Fixed
        }
    }
}

impl Series {
    /// Returns the units of one shape as a series, if they are one.
    fn of(units: &[Unit], shapes: &[Shape], members: Vec<usize>) -> Option<Self> {
        let at_ms = |unit: usize| units[unit].times.last_ms;
        let is_comment = shapes[members[0]].is_comment;
        // Refuses units in a row, which are the stream itself, except comments, which come while a stream pauses.
        let is_beside = || is_comment || members.windows(2).all(|pair| pair[0] + 1 < pair[1]);
        if members.len() < UNITS_MIN || !is_beside() || !members.iter().all(|unit| has_own_write(units, *unit)) {
            return None;
        }
        let mut gaps: Vec<u64> = members.windows(2).map(|pair| at_ms(pair[1]) - at_ms(pair[0])).collect();
        gaps.sort_unstable();
        let period_ms = gaps[gaps.len() / 2];
        let bound_ms = period_ms / SAME_GAP_PARTS + SAME_GAP_MS;
        let odd = gaps.iter().filter(|gap| gap.abs_diff(period_ms) > bound_ms).count();
        // Takes no burst for a series: gaps so short are no period.
        if period_ms <= SAME_GAP_MS || odd * ODD_GAPS > gaps.len() {
            return None;
        }
        // Looks at the distance from the unit before: a steady distance shows that the stream itself may send the units.
        let since = |unit: &usize| at_ms(*unit) - unit.checked_sub(1).map_or(0, at_ms);
        let (least, most) = (members.iter().map(since).min()?, members.iter().map(since).max()?);
        let has_own_timer = is_comment || most - least > INSTANT_MS;
        Some(Self { units: members, period_ms, has_own_timer })
    }
}

/// Returns whether no write with bytes of a unit has bytes of another unit.
fn has_own_write(units: &[Unit], at: usize) -> bool {
    let (first, last) = units[at].writes;
    let is_free_before = at.checked_sub(1).is_none_or(|before| units[before].writes.1 < first);
    is_free_before && units.get(at + 1).is_none_or(|next| last < next.writes.0)
}
