//! Equal units that the cheapest alignment puts off by one. Where the writes of two timers change sides twice, it is cheaper to
//! take each unit in between for the one before than to take both changes for mistakes.

use std::cmp::Ordering;
use std::ops::Range;

use super::ExchangeTrial;
use crate::against::align::Aligned;
use crate::against::unit::UnitKind;

/// How many shifts are looked for at most.
const SHIFTS_MAX: usize = 100;

/// Equal units behind a missing or an extra one, with another division into pairs of an expected and a seen unit.
struct Shift {
    /// The range of the steps.
    steps: Range<usize>,
    /// The steps of the units without the shift.
    new: Vec<Aligned>,
    /// Other units that came on the other side of one of these units.
    changed_sides: Vec<(usize, usize)>,
}

impl ExchangeTrial<'_, '_> {
    /// Returns the steps without shifts, and the units that have changed sides with the units of a shift: their order is in
    /// doubt.
    pub(super) fn without_shifts(&self, mut steps: Vec<Aligned>) -> (Vec<Aligned>, Vec<(usize, usize)>) {
        let mut changed_sides = Vec::new();
        // Looks for no shift among more mistakes than shifts explain: each look compares thousands of units.
        let mistakes = steps.iter().filter(|step| matches!(step, Aligned::Missing(_) | Aligned::Extra(_))).count();
        let shifts_max = if mistakes <= 2 * SHIFTS_MAX { SHIFTS_MAX } else { 0 };
        for _ in 0..shifts_max {
            let Some(shift) = (0..steps.len()).find_map(|at| self.shift_at(&steps, at)) else { break };
            let is_of_shift = |step: &Aligned| {
                let is_one = |new: &Aligned| {
                    step.expected().is_some_and(|e| new.expected() == Some(e))
                        || step.seen().is_some_and(|g| new.seen() == Some(g))
                };
                shift.new.iter().any(is_one)
            };
            // Removes the old steps first: the new steps have the same units.
            let mut places = 0..steps.len();
            steps.retain(|step| !(places.next().is_some_and(|at| shift.steps.contains(&at)) && is_of_shift(step)));
            for step in shift.new {
                insert_by_arrival(&mut steps, step);
            }
            changed_sides.extend(shift.changed_sides);
        }
        changed_sides.sort_unstable();
        changed_sides.dedup();
        (steps, changed_sides)
    }

    /// Returns the shift that begins with the missing or extra unit at this place: its units come nearer to their times without
    /// the shift, and pass only units that are due in the same instant.
    fn shift_at(&self, steps: &[Aligned], at: usize) -> Option<Shift> {
        let kind = self.kind_of_mistake(steps[at])?;
        let is_equal = |step: &&Aligned| match (steps[at], **step) {
            (Aligned::Missing(e), Aligned::Same(_, g) | Aligned::Extra(g))
            | (Aligned::Extra(g), Aligned::Same(e, _) | Aligned::Missing(e)) => self.is_same(e, g),
            _ => false,
        };
        // Ends at the next mistake of the kind, which makes up for the first if the units are equal. The places of other kinds are
        // judged later.
        let is_mistake = |step: &Aligned| {
            matches!(step, Aligned::Wrong(..)) || self.kind_of_mistake(*step).is_some_and(|other| other == kind)
        };
        let next = (at + 1..steps.len()).find(|next| is_mistake(&steps[*next])).unwrap_or(steps.len());
        let end = next + usize::from(steps.get(next).as_ref().is_some_and(is_equal));
        let (equal, others): (Vec<&Aligned>, Vec<&Aligned>) = steps[at + 1..end].iter().partition(is_equal);
        let units = || std::iter::once(&steps[at]).chain(equal.iter().copied());
        let expected: Vec<usize> = units().filter_map(|step| step.expected()).collect();
        let seen: Vec<usize> = units().filter_map(|step| step.seen()).collect();
        let pairs: Vec<(usize, usize)> = expected.iter().copied().zip(seen.iter().copied()).collect();
        let old_pairs: Vec<(usize, usize)> = equal.iter().filter_map(|step| same(step)).collect();
        if self.off_ms(&pairs) >= self.off_ms(&old_pairs) || !pairs.iter().all(|(e, g)| self.is_same(*e, *g)) {
            return None;
        }
        let mut changed_sides = Vec::new();
        for other in others.into_iter().filter_map(same) {
            let mut passed = pairs.iter().filter(|pair| (pair.0 < other.0) != (pair.1 < other.1)).peekable();
            changed_sides.extend(passed.peek().map(|_| other));
            if !passed.all(|pair| self.is_due_with(pair.0, other.0)) {
                return None;
            }
        }
        // Leaves the last unit without a partner, if no other mistake made up for the first.
        let left = match expected.len().cmp(&seen.len()) {
            Ordering::Less => seen.last().copied().map(Aligned::Extra),
            Ordering::Equal => None,
            Ordering::Greater => expected.last().copied().map(Aligned::Missing),
        };
        let new = pairs.iter().map(|(e, g)| Aligned::Same(*e, *g)).chain(left).collect();
        Some(Shift { steps: at..end, new, changed_sides })
    }

    /// Returns the kind of a missing or extra unit; nothing for units behind the end of the recording, of which any number may
    /// come.
    fn kind_of_mistake(&self, step: Aligned) -> Option<UnitKind> {
        let unit = match step {
            Aligned::Missing(e) => &self.result.expected_units[e],
            Aligned::Extra(g) => Some(&self.result.seen_units[g]).filter(|unit| !self.is_beyond(unit))?,
            Aligned::Same(..) | Aligned::Wrong(..) | Aligned::May(..) => return None,
        };
        Some(self.result.sequences.kind(unit))
    }

    /// Returns by how much seen units differ from the times of expected units, all in all.
    fn off_ms(&self, pairs: &[(usize, usize)]) -> u64 {
        pairs.iter().map(|(e, g)| self.due_ms(*e).abs_diff(self.came_ms(*g))).sum()
    }
}

/// Returns the units of a right step.
fn same(step: &Aligned) -> Option<(usize, usize)> {
    if let Aligned::Same(e, g) = *step { Some((e, g)) } else { None }
}

/// Inserts a step in the order of arrival; a missing unit in the order of the recording.
pub(super) fn insert_by_arrival(steps: &mut Vec<Aligned>, step: Aligned) {
    let is_behind = |other: &Aligned| match (step.seen(), step.expected()) {
        (Some(g), _) => other.seen().is_some_and(|other| other > g),
        (None, e) => other.expected() > e,
    };
    let at = steps.iter().position(is_behind).unwrap_or(steps.len());
    steps.insert(at, step);
}
