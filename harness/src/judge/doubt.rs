//! Doubt: a busy machine may explain what was seen, so that the same has to be watched again.
//!
//! A machine that is busy holds up a few writes, and other writes the next time; two timers that meet fire in either order.
//! Therefore such a finding counts only if found at the same place again. Where many writes are late, the machine is no
//! excuse.

use std::collections::BTreeSet;

use super::evidence::FindingInDoubt;
use super::{Evidence, Skipped};

/// The same is watched again so often at most.
pub(crate) const REPEATS_MAX: usize = 2;
/// The same is watched again so often at most where only the order of writes of one instant is in doubt, which is chance.
pub(crate) const ORDER_REPEATS_MAX: usize = 5;
/// A busy machine holds up at most so many writes of a scenario, or such a part of the writes.
const LATE_FEW: usize = 4;
const LATE_PART_MAX: usize = 4;

impl Evidence<'_> {
    /// Returns whether to watch a scenario of so many writes again: a case is undecided, or findings at a few places
    /// are in doubt.
    pub(crate) fn is_in_doubt(&self, writes: usize) -> bool {
        let few = 1..=(writes / LATE_PART_MAX).max(LATE_FEW);
        self.is_undecided() || few.contains(&self.places_in_doubt())
    }

    /// Settles the doubts by the evidence of another watch. Takes over the whole of the other evidence if a case was
    /// undecided; keeps else, of the findings in doubt, those that were found at the same places again.
    pub(crate) fn settle_doubts(&mut self, again: Self) {
        if self.is_undecided() {
            *self = again;
            return;
        }
        for (id, (_, record)) in &mut self.by_id {
            let Some((_, second)) = again.by_id.get(id) else { continue };
            let is_found_again = |one: &FindingInDoubt| {
                second.findings_in_doubt.iter().any(|other| other.finding.place == one.finding.place)
            };
            record.findings_in_doubt.retain(is_found_again);
        }
    }

    /// Takes over what another watch found beyond doubt, at each case without such findings. A late write can hide a mistake,
    /// such as one unit too many, which is then found in the other watch alone.
    pub(crate) fn take_over_certain(&mut self, again: &Self) {
        for (id, (_, record)) in self.by_id.iter_mut().filter(|(_, (_, record))| record.found == 0) {
            let Some((_, second)) = again.by_id.get(id) else { continue };
            (record.found, record.findings) = (second.found, second.findings.clone());
            record.judged = record.judged.max(second.judged);
        }
    }

    /// Returns whether a finding is in doubt, or a case can't be decided.
    pub(crate) fn has_doubts(&self) -> bool {
        self.is_undecided() || self.places_in_doubt() > 0
    }

    /// Returns whether a required case has a finding beyond doubt.
    pub(crate) fn has_certain(&self) -> bool {
        self.required().any(|(_, record)| record.found > 0)
    }

    /// Returns whether a case can't be decided, since the machine was too busy.
    fn is_undecided(&self) -> bool {
        self.by_id.values().any(|(_, record)| record.skipped == Some(Skipped::MachineTooBusy))
    }

    /// Returns the number of places with a finding in doubt against a required case.
    fn places_in_doubt(&self) -> usize {
        let in_doubt = self.required().flat_map(|(_, record)| &record.findings_in_doubt);
        in_doubt.map(|one| one.finding.place.as_str()).collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::made_up::case;
    use crate::judge::{Aspect, Case, Finding};

    fn late<'a>(cases: &'a [Case], places: &[&str]) -> Evidence<'a> {
        let mut evidence = Evidence::new(cases);
        for place in places {
            let aspects = [Aspect::Time, Aspect::Period];
            evidence.found_in_doubt(&["a.period".into()], &aspects, &Finding::new(*place, "", "", ""));
        }
        evidence
    }

    #[test]
    fn lateness_counts_where_it_is_found_again_and_nothing_else_needs_to_be() {
        let cases = [case("a.period", &[Aspect::Period]), case("a.value", &[Aspect::Bytes])];
        let mut evidence = late(&cases, &["a:1", "a:2", "a:2", "a:3"]);
        evidence.found(&["a.value".into()], Aspect::Bytes, &Finding::new("a:1", "", "", ""));
        assert_eq!((evidence.places_in_doubt(), evidence.record("a.period").found), (3, 4));
        evidence.settle_doubts(late(&cases, &["a:2", "a:4"]));
        assert_eq!((evidence.places_in_doubt(), evidence.record("a.period").found), (1, 2));
        assert!(evidence.is_in_doubt(8));
        evidence.settle_doubts(late(&cases, &["a:4"]));
        assert_eq!((evidence.places_in_doubt(), evidence.record("a.period").found), (0, 0));
        assert_eq!((evidence.failing(), evidence.is_in_doubt(8)), (vec!["a.value".to_owned()], false));
    }

    #[test]
    fn a_few_late_writes_are_in_doubt_and_many_are_not() {
        let cases = [case("a.period", &[Aspect::Period])];
        let in_doubt = |late_writes: usize, writes| {
            let places: Vec<String> = (0..late_writes).map(|number| format!("a:{number}")).collect();
            late(&cases, &places.iter().map(String::as_str).collect::<Vec<_>>()).is_in_doubt(writes)
        };
        assert!(in_doubt(1, 1) && in_doubt(4, 8) && in_doubt(20, 80));
        assert!(!in_doubt(0, 8) && !in_doubt(5, 8) && !in_doubt(21, 80));
    }

    #[test]
    fn a_mistake_that_lateness_hid_counts_when_another_watch_shows_the_mistake() {
        let cases = [case("a.period", &[Aspect::Period]), case("a.value", &[Aspect::Bytes])];
        let mut evidence = late(&cases, &["a:1"]);
        let mut again = late(&cases, &[]);
        again.found(&["a.value".into()], Aspect::Bytes, &Finding::new("a:2", "", "", "one too many"));
        evidence.take_over_certain(&again);
        evidence.settle_doubts(again);
        assert_eq!((evidence.failing(), evidence.record("a.value").found), (vec!["a.value".to_owned()], 1));
    }

    #[test]
    fn the_next_watch_decides_where_a_busy_machine_left_a_case_undecided() {
        let cases = [case("a.period", &[Aspect::Period])];
        let mut evidence = late(&cases, &[]);
        evidence.undecided("a.period");
        assert!(evidence.is_in_doubt(80));
        evidence.settle_doubts(late(&cases, &["a:1"]));
        assert_eq!((evidence.record("a.period").found, evidence.record("a.period").skipped), (1, None));
    }
}
