//! Sequences: which units are aligned with each other.
//!
//! Two timers of a server meet now and then, and either may be first: between a unit of a series and the rest of the stream
//! no order holds but that of time. How many units of a series come depends on how long the stream lasts.

use std::collections::BTreeSet;

use onbeat_wire::recording::VaryPlace;

use super::align::may;
use super::facts::WriteFact;
use super::series::{Series, has_own_write};
use super::unit::{Unit, UnitKind, VaryingType};
use crate::judge::Loosening;

/// Units that are aligned with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// The units of the stream, in their order.
    Stream,
    /// The comments between the units of the stream.
    Comments,
    /// The units of a series, by its number.
    Series(usize),
}

/// The units of a recording, and the units that came, by sequence.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    all_series: Vec<Series>,
    /// For each unit of the recording, and for each unit that came, the number of the series.
    of_unit: Vec<Option<usize>>,
    of_seen: Vec<Option<usize>>,
    /// For each unit of the recording, whether the unit is a comment between other units, in a write of its own.
    is_comment: Vec<bool>,
    /// Whether all comments of the recording are such comments, apart from one at the beginning, and none is optional.
    has_free_comments: bool,
    /// For each unit that came, whether the unit is a comment behind another unit.
    is_seen_comment: Vec<bool>,
    kinds: Vec<UnitKind>,
    varying_type: VaryingType,
}

impl Sequences {
    /// Finds the sequences of a recording.
    pub(super) fn find(writes: &[WriteFact], units: &[Unit]) -> Self {
        let rules = || writes.iter().flat_map(|write| &write.vary);
        let varying_type =
            VaryingType { event: rules().any(is_for_event_type), object: rules().any(is_for_object_type) };
        let kinds: Vec<UnitKind> = units.iter().map(|unit| unit.kind(varying_type)).collect();
        // Leaves out optional units, which may come at any time anyway.
        let all_series = Series::find(units, &kinds, (0..units.len()).filter(|at| !may(writes, &units[*at])));
        let mut of_unit = vec![None; units.len()];
        for (number, series) in all_series.iter().enumerate() {
            series.units.iter().for_each(|unit| of_unit[*unit] = Some(number));
        }
        // Passes over a comment at the beginning, which announces the stream, and comes first.
        let is_behind_another = |at: &usize| *at > 0 && kinds[*at].is_comment;
        // Leaves all comments to the rest of the stream where some of them may come at any time.
        let is_free = |at: usize| !may(writes, &units[at]) && (at == 0 || has_own_write(units, at));
        let has_free_comments = (0..units.len()).filter(|at| kinds[*at].is_comment).all(is_free);
        let is_comment = (0..units.len()).map(|at| is_behind_another(&at) && has_own_write(units, at)).collect();
        let (of_seen, is_seen_comment) = (Vec::new(), Vec::new());
        Self { all_series, of_unit, of_seen, is_comment, has_free_comments, is_seen_comment, kinds, varying_type }
    }

    /// Notes the series of each unit that came. `is_same` tells whether a unit that came is a unit of the recording, values
    /// that may vary apart.
    pub(super) fn assign(&mut self, optional: &[usize], seen: &[Unit], is_same: impl Fn(usize, usize) -> bool) {
        let seen_kinds: BTreeSet<UnitKind> = seen.iter().map(|unit| unit.kind(self.varying_type)).collect();
        let of = |(g, unit): (usize, &Unit)| {
            let kind = unit.kind(self.varying_type);
            let first = |series: &Series| series.units[0];
            let of_kind = self.all_series.iter().position(|series| self.kinds[first(series)] == kind);
            // Takes events of a new kind for a series with a mistake in each event, if none of its own kind came.
            let is_changed = |series: &Series| {
                let of_series = &self.kinds[first(series)];
                !seen_kinds.contains(of_series) && !self.kinds.contains(&kind) && kind.resembles(of_series)
            };
            let of_kind = of_kind.or_else(|| self.all_series.iter().position(is_changed));
            // Looks for a text that may vary, such as a date, where no recorded unit has such a text.
            let is_new = kind.is_comment && !self.kinds.contains(&kind);
            let varies = |series: &Series| self.kinds[first(series)].is_comment && is_same(first(series), g);
            let series = of_kind.or_else(|| self.all_series.iter().position(|series| is_new && varies(series)))?;
            // Leaves an optional unit to the rest of the stream, even beside a series of the same kind.
            let is_optional =
                optional.iter().any(|unit| is_same(*unit, g)) && !is_same(self.all_series[series].units[0], g);
            (!is_optional).then_some(series)
        };
        self.of_seen = seen.iter().enumerate().map(of).collect();
        let is_comment = |(g, unit): (usize, &Unit)| g > 0 && unit.kind(self.varying_type).is_comment;
        self.is_seen_comment = seen.iter().enumerate().map(is_comment).collect();
    }

    /// Returns the kind of a unit.
    pub(super) fn kind(&self, unit: &Unit) -> UnitKind {
        unit.kind(self.varying_type)
    }

    /// Returns whether no sequences were looked for, so that all units keep their order.
    pub(super) fn is_none(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Returns how many series there are.
    pub(super) fn series_count(&self) -> usize {
        self.all_series.len()
    }

    /// Returns a series by number.
    pub(super) fn series(&self, number: usize) -> &Series {
        &self.all_series[number]
    }

    /// Returns the number of the series of a unit of the recording.
    pub(super) fn of_unit(&self, unit: usize) -> Option<usize> {
        self.of_unit.get(unit).copied().flatten()
    }

    /// Returns the number of the series of a unit that came.
    pub(super) fn of_seen(&self, seen: usize) -> Option<usize> {
        self.of_seen.get(seen).copied().flatten()
    }

    /// Returns the sequence with which a unit of the recording is aligned.
    pub(super) fn sequence_of_unit(&self, unit: usize) -> Sequence {
        self.sequence(self.of_unit(unit), self.is_comment[unit])
    }

    /// Returns the sequence with which a unit that came is aligned.
    pub(super) fn sequence_of_seen(&self, seen: usize) -> Sequence {
        self.sequence(self.of_seen(seen), self.is_seen_comment[seen])
    }

    fn sequence(&self, series: Option<usize>, is_comment: bool) -> Sequence {
        match series {
            Some(number) => Sequence::Series(number),
            None if is_comment && self.has_free_comments => Sequence::Comments,
            None => Sequence::Stream,
        }
    }

    /// Returns the number of the series of a unit that is timed apart from the rest of the stream. Units after silence are timed
    /// with the rest, which the units wait for.
    pub(super) fn timed_apart(&self, unit: usize) -> Option<usize> {
        self.of_unit(unit).filter(|number| !self.all_series[*number].is_after_silence)
    }

    /// Returns whether two units of the recording are of one kind.
    pub(super) fn is_one_kind(&self, one: usize, other: usize) -> bool {
        self.kinds.get(one) == self.kinds.get(other)
    }

    /// Returns whether no order holds between two units of the recording but that of time.
    pub(super) fn is_free(&self, one: usize, other: usize) -> bool {
        let has_own_timer = |unit| self.of_unit(unit).is_some_and(|number| self.all_series[number].has_own_timer);
        let is_free = |unit: usize| self.is_comment[unit] || has_own_timer(unit);
        // Keeps the order of units of one kind, such as the counts of a stream.
        !self.is_one_kind(one, other) && (is_free(one) || is_free(other))
    }
}

/// Returns whether a rule is for the type of events, which then tells no kinds apart.
fn is_for_event_type(rule: &Loosening) -> bool {
    matches!(&rule.place, VaryPlace::Field(name) if name == "event")
}

/// Returns whether a rule is for the value `type` in JSON, which then tells no kinds apart.
fn is_for_object_type(rule: &Loosening) -> bool {
    matches!(&rule.place, VaryPlace::Pointer(pointer) if pointer == "/type")
}
