//! The evidence: all findings, case by case.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Aspect, Case, Finding, Skipped, Tier};

/// The number of findings that are kept for a case; further findings are only counted.
const FINDINGS_MAX: usize = 20;

/// A finding in doubt.
#[derive(Clone, Debug)]
pub(super) struct FindingInDoubt {
    pub(super) finding: Finding,
    /// Whether the order is in doubt, and not a time or a unit.
    pub(super) is_order: bool,
}

/// The evidence on one case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// How often the case could be judged.
    pub(crate) judged: usize,
    pub(crate) findings: Vec<Finding>,
    /// The number of all findings, kept or not.
    pub(crate) found: usize,
    /// Findings that a busy machine, or timers that meet, explain until the same is found again.
    pub(super) findings_in_doubt: Vec<FindingInDoubt>,
    /// Why the case could not be judged somewhere.
    pub(crate) skipped: Option<Skipped>,
    /// By how much each write was late.
    pub(crate) late: Vec<Duration>,
    /// The longest time for which a client that saw the case was connected.
    pub(crate) took: Option<Duration>,
}

impl Record {
    fn has_findings(&self) -> bool {
        self.found > 0 || !self.findings_in_doubt.is_empty()
    }

    /// Counts the findings in doubt among the findings.
    fn settle(&mut self) {
        self.found += self.findings_in_doubt.len();
        self.findings.extend(self.findings_in_doubt.drain(..).map(|in_doubt| in_doubt.finding));
        self.findings.truncate(FINDINGS_MAX);
    }
}

/// The evidence on every case.
#[derive(Clone, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) cases: &'a [Case],
    pub(super) by_id: BTreeMap<&'a str, (&'a Case, Record)>,
}

/// Returns the aspect that counts where no case of a line looks at the aspect itself.
fn stands_in(aspect: Aspect) -> Option<Aspect> {
    use Aspect::{Bytes, Count, Id, LineEnd, Number, Order, Presence, Spelling, Timestamp};
    matches!(aspect, Order | Presence | LineEnd | Id | Timestamp | Number | Spelling | Count).then_some(Bytes)
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(cases: &'a [Case]) -> Self {
        Self { cases, by_id: cases.iter().map(|case| (case.id.as_str(), (case, Record::default()))).collect() }
    }

    /// Returns the evidence on a case, with the findings in doubt.
    pub(crate) fn record(&self, id: &str) -> Record {
        let mut record = self.by_id.get(id).map(|(_, record)| record.clone()).unwrap_or_default();
        // Counts the findings in doubt, since all doubts are settled by now.
        record.settle();
        record
    }

    /// Returns the evidence on each required case.
    pub(super) fn required(&self) -> impl Iterator<Item = (&str, &Record)> {
        let required = self.by_id.iter().filter(|(_, (case, _))| case.tier == Tier::Required);
        required.map(|(id, (_, record))| (*id, record))
    }

    /// Returns whether no required case has a finding.
    pub(crate) fn is_clean(&self) -> bool {
        self.failing().is_empty()
    }

    /// Returns the required cases with findings.
    pub(crate) fn failing(&self) -> Vec<String> {
        self.required().filter(|(_, record)| record.has_findings()).map(|(id, _)| id.to_owned()).collect()
    }

    /// Returns whether all that is found of required cases is an order in doubt.
    pub(crate) fn doubts_order_alone(&self) -> bool {
        let is_order_alone =
            |record: &Record| record.found == 0 && record.findings_in_doubt.iter().all(|one| one.is_order);
        !self.is_clean() && self.required().all(|(_, record)| is_order_alone(record))
    }

    /// Notes that the cases have been judged.
    pub(crate) fn judged(&mut self, cases: &[String]) {
        self.each(cases, |_, record| record.judged += 1);
    }

    /// Notes that the cases that look at one of the aspects have been judged.
    pub(crate) fn judged_for(&mut self, cases: &[String], aspects: &[Aspect]) {
        self.each(cases, |case, record| record.judged += usize::from(case.looks_at(aspects)));
    }

    /// Notes that the cases have been judged, except cases that look at the aspect alone.
    pub(crate) fn judged_but_for(&mut self, cases: &[String], aspect: Aspect, why: &Skipped) {
        self.each(cases, |case, record| {
            // Judges a case with further aspects by the other aspects.
            if case.checks == [aspect] {
                record.skipped.get_or_insert_with(|| why.clone());
            } else {
                record.judged += 1;
            }
        });
    }

    /// Notes why the cases could not be judged.
    pub(crate) fn skipped(&mut self, cases: &[String], why: &Skipped) {
        self.each(cases, |_, record| _ = record.skipped.get_or_insert_with(|| why.clone()));
    }

    /// Notes that a case can't be decided, since the machine was too busy.
    pub(crate) fn undecided(&mut self, case: &str) {
        if let Some((_, record)) = self.by_id.get_mut(case) {
            (record.judged, record.skipped) = (0, Some(Skipped::MachineTooBusy));
        }
    }

    /// Holds a finding against the cases that look at the aspect, or else at the aspect in its place.
    pub(crate) fn found(&mut self, cases: &[String], aspect: Aspect, finding: &Finding) {
        // Prefers a special case to the general case, so that a bug fails the clause that names the bug.
        if !self.accuse(cases, |case| case.checks.contains(&aspect), finding)
            && let Some(aspect) = stands_in(aspect)
        {
            self.accuse(cases, |case| case.checks.contains(&aspect), finding);
        }
    }

    /// Holds a finding in doubt against the cases that look at one of the aspects.
    pub(crate) fn found_in_doubt(&mut self, cases: &[String], aspects: &[Aspect], finding: &Finding) {
        self.each(cases, |case, record| {
            if case.looks_at(aspects) {
                // Counts the case as judged, since a case with a finding is never skipped.
                record.judged = record.judged.max(1);
                let is_order = aspects.contains(&Aspect::Order);
                record.findings_in_doubt.push(FindingInDoubt { finding: finding.clone(), is_order });
            }
        });
    }

    /// Holds a finding against the cases that look at the header, or else at headers in general.
    pub(crate) fn found_in_header(&mut self, cases: &[String], name: &str, finding: &Finding) {
        let at_header = |case: &Case, header| case.checks.contains(&Aspect::Header) && case.header.as_deref() == header;
        if !self.accuse(cases, |case| at_header(case, Some(name)), finding) {
            self.accuse(cases, |case| at_header(case, None), finding);
        }
    }

    /// Notes by how much a write of the cases was late.
    pub(crate) fn late(&mut self, cases: &[String], by: Duration) {
        self.each(cases, |case, record| {
            if case.looks_at(&[Aspect::Time, Aspect::Period]) {
                record.late.push(by);
            }
        });
    }

    /// Holds a finding against the cases that are meant, and returns whether any case is meant.
    fn accuse(&mut self, cases: &[String], is_meant: impl Fn(&Case) -> bool, finding: &Finding) -> bool {
        let mut any = false;
        self.each(cases, |case, record| {
            if is_meant(case) {
                any = true;
                record.judged = record.judged.max(1);
                record.found += 1;
                // Bounds the findings, since a server that breaks every line must not fill the report.
                if record.findings.len() < FINDINGS_MAX {
                    record.findings.push(finding.clone());
                }
            }
        });
        any
    }

    fn each(&mut self, cases: &[String], mut note: impl FnMut(&Case, &mut Record)) {
        for id in cases {
            if let Some((case, record)) = self.by_id.get_mut(id.as_str()) {
                note(case, record);
            }
        }
    }

    /// Notes how long the clients were connected.
    pub(crate) fn took(&mut self, time: Duration) {
        // Leaves out cases that no line checks.
        for (_, record) in self.by_id.values_mut().filter(|(_, record)| record.judged > 0) {
            record.took = Some(time);
        }
    }

    /// Adds other evidence.
    pub(crate) fn add(&mut self, other: Self) {
        for (id, (_, more)) in other.by_id {
            if let Some((_, record)) = self.by_id.get_mut(id) {
                record.judged += more.judged;
                record.found += more.found;
                record.findings.extend(more.findings);
                record.findings.truncate(FINDINGS_MAX);
                record.findings_in_doubt.extend(more.findings_in_doubt);
                record.late.extend(more.late);
                record.took = record.took.max(more.took);
                record.skipped = record.skipped.take().or(more.skipped);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::made_up::case;

    #[test]
    fn an_order_in_doubt_is_alone_if_nothing_else_is_found() {
        let cases = [case("a.period", &[Aspect::Period]), case("a.value", &[Aspect::Bytes, Aspect::Order])];
        let finding = Finding::new("a:1", "", "", "out of order");
        let mut order = Evidence::new(&cases);
        assert!(!order.doubts_order_alone());
        order.found_in_doubt(&["a.value".into()], &[Aspect::Order], &finding);
        assert!(order.doubts_order_alone());
        let (mut with_late, mut with_certain) = (order.clone(), order);
        with_late.found_in_doubt(&["a.period".into()], &[Aspect::Period], &finding);
        with_certain.found(&["a.value".into()], Aspect::Bytes, &finding);
        assert!(!with_late.doubts_order_alone() && !with_certain.doubts_order_alone());
    }
}
