//! The evidence: all findings, case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use onbeat_wire::printable;
use serde::Serialize;

use super::case::{Aspect, Case, Tier};

/// The findings that are kept for a case; further ones are only counted.
const FINDINGS_MAX: usize = 20;

/// Why a case is not decided.
const TOO_BUSY: &str = "not judged: the machine was too busy to tell when writes came";

/// A breach of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The file of the breached line, and the number or the id of the line.
    pub place: String,
    /// When the write came, or should have, in milliseconds since the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_ms: Option<f64>,
    /// The expected text.
    pub expected: String,
    /// The text that came.
    pub actual: String,
    /// The first byte in which both differ, from 0, if both are bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_differing_byte: Option<usize>,
    /// What is wrong, in words.
    pub why: String,
}

impl Finding {
    /// Returns the finding at a time since the request.
    pub(crate) fn after(mut self, time: Duration) -> Self {
        self.t_ms = Some(time.as_secs_f64() * 1000.0);
        self
    }
}

/// Returns the beginning of a text, if the text is very long.
pub(crate) fn clipped(text: String) -> String {
    printable::clipped(text, printable::TEXT_CHARS_MAX)
}

/// All that is known about one case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// How often the case could be judged.
    pub(crate) judged: usize,
    pub(crate) findings: Vec<Finding>,
    /// The number of all findings, kept or not.
    pub(crate) found: usize,
    /// Findings of lateness, which a busy machine explains until they are found again.
    late_findings: Vec<Finding>,
    /// Why the case could not be judged somewhere.
    pub(crate) unjudged: Option<String>,
    /// By how much each time was late.
    pub(crate) late: Vec<Duration>,
    /// How long the clients that saw the case were connected, at most.
    pub(crate) took: Option<Duration>,
}

impl Record {
    fn has_findings(&self) -> bool {
        self.found > 0 || !self.late_findings.is_empty()
    }

    /// Counts lateness among the findings.
    fn settle(&mut self) {
        self.found += self.late_findings.len();
        self.findings.append(&mut self.late_findings);
        self.findings.truncate(FINDINGS_MAX);
    }
}

/// All that is known about every case.
#[derive(Clone, Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) cases: &'a [Case],
    by_id: BTreeMap<&'a str, (&'a Case, Record)>,
}

/// Returns the aspect that counts where no case of a line looks at the aspect itself.
fn stands_in(aspect: Aspect) -> Option<Aspect> {
    use Aspect::{Bytes, Count, Id, LineEnd, Number, Order, Presence, Spelling, Timestamp};
    matches!(aspect, Order | Presence | LineEnd | Id | Timestamp | Number | Spelling | Count).then_some(Bytes)
}

fn looks_at(case: &Case, aspects: &[Aspect]) -> bool {
    case.checks.iter().any(|aspect| aspects.contains(aspect))
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(cases: &'a [Case]) -> Self {
        Self { cases, by_id: cases.iter().map(|case| (case.id.as_str(), (case, Record::default()))).collect() }
    }

    /// Returns what is known about a case, lateness included.
    pub(crate) fn record(&self, id: &str) -> Record {
        let mut record = self.by_id.get(id).map(|(_, record)| record.clone()).unwrap_or_default();
        record.settle();
        record
    }

    /// Returns the number of places at which a required case was found late.
    pub(crate) fn late_places(&self) -> usize {
        let required = self.by_id.values().filter(|(case, _)| case.tier != Tier::Observe);
        let late = required.flat_map(|(_, record)| &record.late_findings);
        late.map(|finding| finding.place.as_str()).collect::<BTreeSet<_>>().len()
    }

    /// Keeps, of the lateness found, only what was found at the same places in `again`, where the same was judged anew.
    pub(crate) fn confirm_lateness(&mut self, again: &Self) {
        for (id, (_, record)) in &mut self.by_id {
            let Some((_, second)) = again.by_id.get(id) else { continue };
            let is_found_again =
                |finding: &Finding| second.late_findings.iter().any(|other| other.place == finding.place);
            record.late_findings.retain(is_found_again);
        }
    }

    /// Returns whether no required case has a finding.
    pub(crate) fn is_clean(&self) -> bool {
        self.failing().is_empty()
    }

    /// Returns the required cases with findings.
    pub(crate) fn failing(&self) -> Vec<String> {
        let failing =
            self.by_id.iter().filter(|(_, (case, record))| case.tier != Tier::Observe && record.has_findings());
        failing.map(|(id, _)| (*id).to_owned()).collect()
    }

    /// Notes that the cases have been judged.
    pub(crate) fn judged(&mut self, cases: &[String]) {
        self.each(cases, |_, record| record.judged += 1);
    }

    /// Notes that the cases that look at one of the aspects have been judged.
    pub(crate) fn judged_for(&mut self, cases: &[String], aspects: &[Aspect]) {
        self.each(cases, |case, record| record.judged += usize::from(looks_at(case, aspects)));
    }

    /// Notes that the cases have been judged, except cases that look at the aspect alone.
    pub(crate) fn judged_but_for(&mut self, cases: &[String], aspect: Aspect, why: &str) {
        self.each(cases, |case, record| {
            if case.checks == [aspect] {
                record.unjudged.get_or_insert_with(|| why.to_owned());
            } else {
                record.judged += 1;
            }
        });
    }

    /// Notes why the cases could not be judged.
    pub(crate) fn unjudged(&mut self, cases: &[String], why: &str) {
        self.each(cases, |_, record| _ = record.unjudged.get_or_insert_with(|| why.to_owned()));
    }

    /// Notes that a case can't be decided, since the machine was too busy.
    pub(crate) fn undecided(&mut self, case: &str) {
        if let Some((_, record)) = self.by_id.get_mut(case) {
            (record.judged, record.unjudged) = (0, Some(TOO_BUSY.into()));
        }
    }

    /// Returns whether a case can't be decided, since the machine was too busy.
    pub(crate) fn is_undecided(&self) -> bool {
        self.by_id.values().any(|(_, record)| record.unjudged.as_deref() == Some(TOO_BUSY))
    }

    /// Holds a finding against the cases that look at the aspect, or else at the aspect in its place.
    pub(crate) fn found(&mut self, cases: &[String], aspect: Aspect, finding: &Finding) {
        if !self.accuse(cases, |case| case.checks.contains(&aspect), finding)
            && let Some(aspect) = stands_in(aspect)
        {
            self.accuse(cases, |case| case.checks.contains(&aspect), finding);
        }
    }

    /// Holds a finding of lateness against those of these cases that look at one of the aspects.
    pub(crate) fn found_late(&mut self, cases: &[String], aspects: &[Aspect], finding: &Finding) {
        self.each(cases, |case, record| {
            if looks_at(case, aspects) {
                record.judged = record.judged.max(1);
                record.late_findings.push(finding.clone());
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
            if looks_at(case, &[Aspect::Time, Aspect::Period]) {
                record.late.push(by);
            }
        });
    }

    /// Holds a finding against the cases that are meant; returns whether there are any.
    fn accuse(&mut self, cases: &[String], is_meant: impl Fn(&Case) -> bool, finding: &Finding) -> bool {
        let mut any = false;
        self.each(cases, |case, record| {
            if is_meant(case) {
                any = true;
                record.judged = record.judged.max(1);
                record.found += 1;
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
                record.late_findings.extend(more.late_findings);
                record.late.extend(more.late);
                record.took = record.took.max(more.took);
                record.unjudged = record.unjudged.take().or(more.unjudged);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(place: &str) -> Finding {
        let (place, text) = (place.to_owned(), String::new);
        Finding { place, t_ms: None, expected: text(), actual: text(), first_differing_byte: None, why: text() }
    }

    fn late<'a>(cases: &'a [Case], places: &[&str]) -> Evidence<'a> {
        let mut evidence = Evidence::new(cases);
        for place in places {
            evidence.found_late(&["a.period".into()], &[Aspect::Time, Aspect::Period], &finding(place));
        }
        evidence
    }

    #[test]
    fn lateness_counts_where_it_is_found_again_and_nothing_else_needs_to_be() {
        let case = |id: &str, aspect| {
            let (id, clause) = (id.to_owned(), String::new());
            Case { id, tier: Tier::Required, checks: vec![aspect], header: None, hop_by_hop: false, clause }
        };
        let cases = [case("a.period", Aspect::Period), case("a.value", Aspect::Bytes)];
        let mut evidence = late(&cases, &["a:1", "a:2", "a:2", "a:3"]);
        evidence.found(&["a.value".into()], Aspect::Bytes, &finding("a:1"));
        assert_eq!((evidence.late_places(), evidence.record("a.period").found), (3, 4));
        evidence.confirm_lateness(&late(&cases, &["a:2", "a:4"]));
        assert_eq!((evidence.late_places(), evidence.record("a.period").found), (1, 2));
        evidence.confirm_lateness(&late(&cases, &["a:4"]));
        assert_eq!((evidence.late_places(), evidence.record("a.period").found), (0, 0));
        assert_eq!(evidence.failing(), ["a.value"]);
    }
}
