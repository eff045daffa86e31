//! Expected failures: the ids of cases that are known to fail, one a line, so that a server can be held to the rest.
//!
//! Blank lines, and what follows a `#`, are for people.

use std::collections::BTreeSet;

use super::verdict::{Outcome, Report};

/// The cases that are known to fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    ids: BTreeSet<String>,
}

/// How a report is not what was expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprises {
    /// Cases that fail and are not listed.
    pub unlisted: Vec<String>,
    /// Cases that are listed and hold: the list is stale.
    pub stale: Vec<String>,
}

/// A line that names no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {id:?} is no case: fixtures/cases.json has their ids")]
pub struct UnknownCase {
    line: usize,
    id: String,
}

impl Expectations {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If a line names a case that the report does not know.
    pub fn read(text: &str, report: &Report) -> Result<Self, UnknownCase> {
        let mut ids = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            let id = line.split('#').next().unwrap_or_default().trim();
            if id.is_empty() {
                continue;
            }
            if !report.verdicts.iter().any(|verdict| verdict.id == id) {
                return Err(UnknownCase { line: number + 1, id: id.into() });
            }
            ids.insert(id.to_owned());
        }
        Ok(Self { ids })
    }

    /// The list of what fails in a report, for a file.
    #[must_use]
    pub fn write(report: &Report) -> String {
        let head = "# Cases that are known to fail, one a line. `onbeat check --expect-failures` holds a server to the rest.\n";
        let failed = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail);
        let lines = failed.map(|verdict| format!("\n# {}\n{}\n", verdict.clause, verdict.id));
        head.to_owned() + &lines.collect::<String>()
    }

    /// Whether a case is listed.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// How the report differs from the list; a case that was skipped neither fails nor holds.
    #[must_use]
    pub fn surprises(&self, report: &Report) -> Surprises {
        let ids = |outcomes: &[Outcome], listed: bool| {
            let verdicts = report.verdicts.iter();
            let chosen =
                verdicts.filter(|verdict| outcomes.contains(&verdict.outcome) && self.has(&verdict.id) == listed);
            chosen.map(|verdict| verdict.id.clone()).collect()
        };
        Surprises { unlisted: ids(&[Outcome::Fail], false), stale: ids(&[Outcome::Pass, Outcome::Observed], true) }
    }
}

impl Surprises {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unlisted.is_empty() && self.stale.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Tier, Verdict};

    fn report(verdicts: &[(&str, Outcome)]) -> Report {
        let verdict = |(id, outcome): &(&str, Outcome)| Verdict {
            id: (*id).into(),
            tier: Tier::Required,
            outcome: *outcome,
            clause: format!("the clause of {id}"),
            reason: None,
            found: 0,
            findings: Vec::new(),
            late_ms: None,
        };
        let verdicts = verdicts.iter().map(verdict).collect();
        Report { target: "a test".into(), verdicts, timelines: Vec::new(), trouble: None }
    }

    #[test]
    fn a_list_that_was_written_fits_and_then_goes_stale() {
        let bad = report(&[("a.x", Outcome::Fail), ("a.y", Outcome::Pass), ("a.z", Outcome::Fail)]);
        let written = Expectations::write(&bad);
        let list = Expectations::read(&written, &bad).expect("known ids");
        assert!(list.surprises(&bad).is_empty(), "{written}");
        let better = report(&[("a.x", Outcome::Pass), ("a.y", Outcome::Fail), ("a.z", Outcome::Skipped)]);
        let surprises = list.surprises(&better);
        assert_eq!((surprises.unlisted, surprises.stale), (vec!["a.y".into()], vec!["a.x".into()]));
    }

    #[test]
    fn a_misspelled_id_is_an_error() {
        let error = Expectations::read("# why\n\na.x # because\na.w\n", &report(&[("a.x", Outcome::Fail)]));
        assert_eq!(
            error.expect_err("a.w").to_string(),
            "line 4: \"a.w\" is no case: fixtures/cases.json has their ids"
        );
    }
}
