//! What has been found, case by case.

use std::collections::BTreeMap;
use std::time::Duration;

use onbeat_wire::printable;
use serde::Serialize;

use crate::fixtures::format::{Aspect, Case, Tier};

/// More findings of one case than this are only counted.
const FINDINGS_MAX: usize = 20;

/// Something that is not as the contract has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The fixture against which it stands, and the line or the id in it.
    pub place: String,
    /// When it came, or should have, in milliseconds since the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_ms: Option<f64>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// The first byte in which they differ, from 0, if both are bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_differing_byte: Option<usize>,
    /// What is wrong, in words.
    pub why: String,
}

/// The beginning of a text, if it is very long.
pub(super) fn clipped(text: String) -> String {
    printable::clipped(text, printable::TEXT_CHARS_MAX)
}

/// What is known about one case.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// How often it could be judged.
    pub(super) judged: usize,
    pub(super) findings: Vec<Finding>,
    /// All of them, also those that are only counted.
    pub(super) found: usize,
    /// Why it could not be judged somewhere.
    pub(super) unjudged: Option<String>,
    /// By how much each time was late.
    pub(super) late: Vec<Duration>,
    /// How long the clients that saw it were connected, at most.
    pub(super) took: Option<Duration>,
}

/// What is known about every case.
#[derive(Clone, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) cases: &'a [Case],
    by_id: BTreeMap<&'a str, (&'a Case, Record)>,
}

/// What stands against these cases if no case of the line looks at the aspect itself.
fn stands_in(aspect: Aspect) -> Option<Aspect> {
    use Aspect::{Bytes, Count, Id, LineEnd, Number, Order, Presence, Spelling, Timestamp};
    matches!(aspect, Order | Presence | LineEnd | Id | Timestamp | Number | Spelling | Count).then_some(Bytes)
}

impl<'a> Evidence<'a> {
    pub(super) fn new(cases: &'a [Case]) -> Self {
        Self { cases, by_id: cases.iter().map(|case| (case.id.as_str(), (case, Record::default()))).collect() }
    }

    /// What is known about a case.
    pub(super) fn record(&self, id: &str) -> Record {
        self.by_id.get(id).map(|(_, record)| record.clone()).unwrap_or_default()
    }

    /// Whether anything stands against a required case.
    pub(super) fn is_clean(&self) -> bool {
        self.failing().is_empty()
    }

    /// The required cases against which anything stands.
    pub(super) fn failing(&self) -> Vec<String> {
        let failing = self.by_id.iter().filter(|(_, (case, record))| case.tier != Tier::Observe && record.found > 0);
        failing.map(|(id, _)| (*id).to_owned()).collect()
    }

    /// These cases have been looked at.
    pub(super) fn judged(&mut self, cases: &[String]) {
        for case in cases {
            if let Some((_, record)) = self.by_id.get_mut(case.as_str()) {
                record.judged += 1;
            }
        }
    }

    /// Those of these cases that look at one of the aspects have been looked at.
    pub(super) fn judged_for(&mut self, cases: &[String], aspects: &[Aspect]) {
        for case in cases {
            if let Some((case, record)) = self.by_id.get_mut(case.as_str())
                && case.checks.iter().any(|aspect| aspects.contains(aspect))
            {
                record.judged += 1;
            }
        }
    }

    /// These cases have been looked at, but for those that look at nothing but this aspect.
    pub(super) fn judged_but_for(&mut self, cases: &[String], aspect: Aspect, why: &str) {
        for case in cases {
            match self.by_id.get_mut(case.as_str()) {
                Some((known, record)) if known.checks == [aspect] => {
                    record.unjudged.get_or_insert_with(|| why.to_owned());
                }
                Some((_, record)) => record.judged += 1,
                None => {}
            }
        }
    }

    /// These cases could not be looked at.
    pub(super) fn unjudged(&mut self, cases: &[String], why: &str) {
        for case in cases {
            if let Some((_, record)) = self.by_id.get_mut(case.as_str()) {
                record.unjudged.get_or_insert_with(|| why.to_owned());
            }
        }
    }

    /// Something stands against those of these cases that look at the aspect.
    pub(super) fn found(&mut self, cases: &[String], aspect: Aspect, finding: &Finding) {
        let looks_at = |case: &Case| case.checks.contains(&aspect);
        if !self.accuse(cases, looks_at, finding)
            && let Some(aspect) = stands_in(aspect)
        {
            self.accuse(cases, |case| case.checks.contains(&aspect), finding);
        }
    }

    /// Something stands against those of these cases that look at the header, or at headers in general.
    pub(super) fn found_in_header(&mut self, cases: &[String], name: &str, finding: &Finding) {
        let looks_at = |case: &Case| case.checks.contains(&Aspect::Header) && case.header.as_deref() == Some(name);
        if !self.accuse(cases, looks_at, finding) {
            let in_general = |case: &Case| case.checks.contains(&Aspect::Header) && case.header.is_none();
            self.accuse(cases, in_general, finding);
        }
    }

    /// A time of these cases was late by so much.
    pub(super) fn late(&mut self, cases: &[String], by: Duration) {
        for case in cases {
            if let Some((case, record)) = self.by_id.get_mut(case.as_str())
                && case.checks.iter().any(|aspect| matches!(aspect, Aspect::Time | Aspect::Period))
            {
                record.late.push(by);
            }
        }
    }

    fn accuse(&mut self, cases: &[String], looks_at: impl Fn(&Case) -> bool, finding: &Finding) -> bool {
        let mut any = false;
        for case in cases {
            if let Some((case, record)) = self.by_id.get_mut(case.as_str())
                && looks_at(case)
            {
                any = true;
                record.judged = record.judged.max(1);
                record.found += 1;
                if record.findings.len() < FINDINGS_MAX {
                    record.findings.push(finding.clone());
                }
            }
        }
        any
    }

    /// Notes how long the clients were connected that saw all this.
    pub(super) fn took(&mut self, time: Duration) {
        for (_, record) in self.by_id.values_mut().filter(|(_, record)| record.judged > 0) {
            record.took = Some(time);
        }
    }

    /// Takes in what was found elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        for (id, (_, more)) in other.by_id {
            if let Some((_, record)) = self.by_id.get_mut(id) {
                record.judged += more.judged;
                record.found += more.found;
                record.findings.extend(more.findings);
                record.findings.truncate(FINDINGS_MAX);
                record.late.extend(more.late);
                record.took = record.took.max(more.took);
                record.unjudged = record.unjudged.take().or(more.unjudged);
            }
        }
    }
}
