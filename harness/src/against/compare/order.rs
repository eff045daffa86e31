//! The order of units: the units that came in another place than in the recording, and whether each may.

use std::time::Duration;

use onbeat_wire::printable::visible;

use super::{ExchangeTrial, beside};
use crate::against::align::Aligned;
use crate::against::series::INSTANT_MS;
use crate::judge::{Aspect, Finding};

/// Where the product of missing and extra units is larger, no unit is looked for in another place.
const MOVES_MAX: usize = 10_000;

impl ExchangeTrial<'_, '_> {
    /// Returns the moved units: expected and seen, by index.
    pub(super) fn moves(&self, steps: &[Aligned]) -> Vec<(usize, usize)> {
        let missing = steps.iter().filter_map(|step| if let Aligned::Missing(e) = step { Some(*e) } else { None });
        let extra = steps.iter().filter_map(|step| if let Aligned::Extra(g) = step { Some(*g) } else { None });
        let (missing, mut extra): (Vec<usize>, Vec<usize>) = (missing.collect(), extra.collect());
        if missing.len() * extra.len() > MOVES_MAX {
            return Vec::new();
        }
        let moved = missing.into_iter().filter_map(|e| {
            // Tells equal units apart by the times, such as heartbeats.
            let same = extra.iter().enumerate().filter(|(_, g)| self.is_same(e, **g));
            let (at, _) = same.min_by_key(|(_, g)| self.due_ms(e).abs_diff(self.came_ms(**g)))?;
            Some((e, extra.remove(at)))
        });
        moved.collect()
    }

    /// Puts a moved unit back into its place where no order holds between the unit and the units that it passed.
    pub(super) fn put_back(&self, mut steps: Vec<Aligned>) -> Vec<Aligned> {
        for (e, g) in self.moves(&steps) {
            let (Some(missing), Some(extra)) = places(&steps, e, g) else { continue };
            if passed(&steps[missing.min(extra)..missing.max(extra)]).all(|other| self.may_pass((e, g), other)) {
                // Replaces before removing, since the removal may move the place of the missing unit.
                steps[missing] = Aligned::Same(e, g);
                steps.remove(extra);
            }
        }
        steps
    }

    /// Returns whether a unit that came may pass another unit. Each is a pair of the expected and the seen unit.
    fn may_pass(&self, unit: (usize, usize), other: (usize, usize)) -> bool {
        let (first, then) = (unit.min(other), unit.max(other));
        // Adds the lateness of the first unit, by which a unit due later may come first.
        let late_ms = self.came_ms(first.1).saturating_sub(self.due_ms(first.0));
        let slack_ms = self.rules.times.steady_slack_ms() + late_ms;
        self.result.sequences.is_free(unit.0, other.0) && self.due_ms(then.0) <= self.due_ms(first.0) + slack_ms
    }

    /// Judges a moved unit. Two timers that meet come in either order, so that the order of one instant is in doubt until the
    /// order is the same each time.
    pub(super) fn moved(&mut self, e: usize, g: usize, steps: &[Aligned]) {
        let is_one_kind = |other: usize| self.result.sequences.is_one_kind(e, other);
        let (missing, extra) = places(steps, e, g);
        let is_in_doubt = missing.zip(extra).is_some_and(|(missing, extra)| {
            let mut passed = passed(&steps[missing.min(extra)..missing.max(extra)]);
            passed.all(|(other, _)| self.is_due_with(e, other) && !is_one_kind(other))
        });
        self.note_moved(e, g, is_in_doubt);
    }

    /// Notes that a unit came in another place.
    pub(super) fn note_moved(&mut self, e: usize, g: usize, is_in_doubt: bool) {
        let mut before = self.result.steps.iter().filter_map(|step| match step {
            Aligned::Same(e, before) | Aligned::Wrong(e, before) if *before < g => Some(*e),
            _ => None,
        });
        let after = before.next_back().map_or_else(
            || "before all other lines".to_owned(),
            |e| format!("after line {}", self.lines(e).last().copied().unwrap_or_default()),
        );
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let (line, at_ms) = (self.exchange.response.writes[unit.writes.1].line, got.times.last_ms);
        let finding = Finding::new(self.place(line), visible(&unit.bytes), format!("it came {after}"), "out of order");
        let finding =
            finding.after(Duration::from_millis(at_ms)).expected_beside(&beside(&self.result.expected_units, e));
        if is_in_doubt {
            self.doubt(line, Aspect::Order, &finding);
        } else {
            self.found(line, Aspect::Order, &finding);
        }
    }

    /// Judges the order of a series that the stream itself may send, against the rest of the stream. Units of one instant
    /// have no order.
    pub(super) fn order_of_series(&mut self) {
        let came: Vec<(usize, usize)> = passed(&self.result.steps).collect();
        let mut found = Vec::new();
        for (e, g) in came.iter().filter(|(e, _)| self.result.sequences.of_unit(*e).is_some()) {
            // Compares the recorded order of two units with the order in which the units came.
            let passes = |(other, came): &(usize, usize)| {
                let has_order = !self.is_due_with(*e, *other) && !self.result.sequences.is_free(*e, *other);
                // Finds the passed unit merely late, if the unit that is due later came no sooner than due.
                let later = (*e, *g).max((*other, *came));
                let is_early = self.came_ms(later.1) + INSTANT_MS / 2 < self.due_ms(later.0);
                (other < e) != (came < g) && has_order && is_early
            };
            if came.iter().any(passes) {
                found.push((*e, *g));
            }
        }
        for (e, g) in found {
            self.note_moved(e, g, true);
        }
    }

    /// Returns whether two expected units are due in one instant.
    pub(super) fn is_due_with(&self, one: usize, other: usize) -> bool {
        self.due_ms(one).abs_diff(self.due_ms(other)) <= INSTANT_MS
    }

    pub(super) fn due_ms(&self, e: usize) -> u64 {
        self.result.expected_units[e].times.last_ms / u64::from(self.rules.times.scale)
    }

    pub(super) fn came_ms(&self, g: usize) -> u64 {
        self.result.seen_units[g].times.last_ms
    }
}

/// Returns where a unit is missing, and where it is extra.
fn places(steps: &[Aligned], e: usize, g: usize) -> (Option<usize>, Option<usize>) {
    let place = |wanted: Aligned| steps.iter().position(|step| *step == wanted);
    (place(Aligned::Missing(e)), place(Aligned::Extra(g)))
}

/// Returns the units among the steps that came.
fn passed(steps: &[Aligned]) -> impl Iterator<Item = (usize, usize)> {
    steps.iter().filter_map(|step| match *step {
        Aligned::Same(e, g) | Aligned::Wrong(e, g) => Some((e, g)),
        Aligned::Missing(_) | Aligned::Extra(_) | Aligned::May(..) => None,
    })
}
