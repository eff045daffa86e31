//! The verdicts: the outcome of each case, and of the whole, by the evidence.

use std::time::Duration;

use serde::Serialize;

use super::evidence::Record;
use super::{Case, Evidence, Finding, Skipped, Tier, Timeline};

/// The result of a judgement.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the judged server.
    pub target: String,
    /// One verdict for each case of the contract, in order.
    pub verdicts: Vec<Verdict>,
    /// The streams, as they should have been and as they were.
    pub timelines: Vec<Timeline>,
    /// Why the server could not be judged, or not to the end.
    pub trouble: Option<String>,
    /// The likeliest cause of all failures.
    pub hint: Option<Hint>,
    /// The contract that the server was judged by.
    pub by: Measured,
}

/// The contract that a server is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// The fixtures: the built-in contract.
    Fixtures,
    /// Recordings of the server itself; each line is a case.
    Recordings,
}

impl Measured {
    /// Returns where their ids are found, behind a pattern that matches none.
    pub(super) fn place_of_ids(self) -> &'static str {
        match self {
            Self::Fixtures => "fixtures/cases.json has their ids",
            Self::Recordings => self.list_of_ids(),
        }
    }

    /// Returns where all ids of cases are listed.
    pub(crate) fn list_of_ids(self) -> &'static str {
        match self {
            Self::Fixtures => "fixtures/cases.json has all ids",
            Self::Recordings => "an id is the name of a recording and the number of a line, like chat.jsonl:4",
        }
    }

    /// Returns the contract in words.
    #[cfg(feature = "cli")]
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Fixtures => "the contract",
            Self::Recordings => "its recordings",
        }
    }
}

/// The likeliest cause of many failures at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The cause, and what to do next.
    pub text: String,
    /// Whether all failures may follow from the cause.
    pub explains_all: bool,
}

/// The result for one case.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The id of the case.
    pub id: String,
    /// Whether a failure means that the server does not conform.
    pub tier: Tier,
    /// The outcome.
    #[serde(rename = "verdict")]
    pub outcome: Outcome,
    /// The clause of the contract.
    pub clause: String,
    /// Why the case could not be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many findings stand against the case.
    #[serde(skip_serializing_if = "is_zero")]
    pub found: usize,
    /// The first findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How late the writes of the case were, if the case speaks of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<Jitter>,
    /// How long the clients that saw the case were connected.
    #[serde(skip)]
    pub took: Option<Duration>,
}

/// The outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The case holds.
    Pass,
    /// The case does not hold.
    Fail,
    /// The case does not hold, as the list of known failures says.
    KnownFailure,
    /// The case holds, against the list of known failures.
    Stale,
    /// The case does not hold, and need not.
    Observed,
    /// The case was not judged, for the reason of the verdict.
    Skipped,
}

/// How late writes were, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Jitter {
    /// The median.
    pub p50: f64,
    /// Ninety-nine of a hundred writes were no later.
    pub p99: f64,
    /// The latest.
    pub max: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Report {
    /// Returns whether no case fails but known failures, and at least one case was judged.
    #[must_use]
    pub fn conforms(&self) -> bool {
        self.trouble.is_none() && self.count(Outcome::Fail) == 0 && self.count(Outcome::Stale) == 0 && !self.is_empty()
    }

    /// Returns the result in a few words, which begin with "conforms" if and only if the server conforms.
    #[must_use]
    pub fn headline(&self) -> String {
        let known = self.count(Outcome::KnownFailure);
        // Names the worst first.
        match () {
            () if self.trouble.is_some() => "could not be judged".into(),
            () if self.is_empty() => "nothing was judged".into(),
            () if self.count(Outcome::Fail) > 0 => "does not conform".into(),
            () if self.count(Outcome::Stale) > 0 => "does not fit the list of known failures".into(),
            () if known == 1 => "conforms but for 1 known failure".into(),
            () if known > 1 => format!("conforms but for {known} known failures"),
            () => "conforms".into(),
        }
    }

    /// Returns every text in which a server may have repeated a part of a request.
    pub(crate) fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let findings = self.verdicts.iter_mut().flat_map(|verdict| &mut verdict.findings);
        let found = findings.flat_map(|finding| [&mut finding.expected, &mut finding.actual, &mut finding.why]);
        let drawn = self.timelines.iter_mut().flat_map(|timeline| &mut timeline.actual).map(|mark| &mut mark.text);
        found.chain(drawn).chain(&mut self.trouble)
    }

    /// Returns the verdicts on each part of the contract. Parts come in the order of the first cases.
    pub(super) fn parts(&self) -> Vec<(&str, Vec<&Verdict>)> {
        let mut parts: Vec<(&str, Vec<&Verdict>)> = Vec::new();
        for verdict in &self.verdicts {
            let (name, _) = verdict.part_and_name();
            match parts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, verdicts)) => verdicts.push(verdict),
                None => parts.push((name, vec![verdict])),
            }
        }
        parts
    }

    /// Returns how many required cases hold.
    pub(super) fn held(&self) -> usize {
        let holds = |verdict: &&Verdict| verdict.outcome == Outcome::Pass && verdict.tier == Tier::Required;
        self.verdicts.iter().filter(holds).count()
    }

    /// Returns whether no case was judged.
    pub(super) fn is_empty(&self) -> bool {
        self.count(Outcome::Skipped) == self.verdicts.len()
    }

    /// Returns how many cases have the outcome.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.outcome == outcome).count()
    }
}

impl Verdict {
    /// Returns the part of the contract to which the case belongs, and the name of the case in the part.
    pub(super) fn part_and_name(&self) -> (&str, &str) {
        // Splits the id of a recording's line at the file, and other ids at the part of the contract.
        self.id.rsplit_once(':').or_else(|| self.id.split_once('.')).unwrap_or((&self.id, ""))
    }
}

impl Evidence<'_> {
    /// Returns the verdicts on all cases. Trouble keeps the whole check from a result.
    pub(crate) fn verdicts(&self, is_selected: impl Fn(&str) -> bool, trouble: Option<&str>) -> Vec<Verdict> {
        let verdict = |case: &Case| self.verdict(case, is_selected(&case.id), trouble.is_some());
        self.cases.iter().map(verdict).collect()
    }

    fn verdict(&self, case: &Case, is_selected: bool, in_trouble: bool) -> Verdict {
        let record = if is_selected { self.record(&case.id) } else { Record::default() };
        let Record { judged, findings, found, skipped, late, took, .. } = record;
        let outcome = match (found, judged, case.tier) {
            (1.., _, Tier::Required) => Outcome::Fail,
            (1.., _, Tier::Observe) => Outcome::Observed,
            (0, 1.., _) => Outcome::Pass,
            (0, 0, _) => Outcome::Skipped,
        };
        // Prefers the selection to any other reason. A case without a reason was never due.
        let skipped = match (is_selected, skipped) {
            (false, _) => Skipped::LeftOut,
            (true, Some(why)) => why,
            (true, None) if in_trouble => Skipped::CheckFailed,
            (true, None) => Skipped::NoTime,
        };
        let reason = (outcome == Outcome::Skipped).then(|| skipped.to_string());
        let (id, tier, clause) = (case.id.clone(), case.tier, case.clause.clone());
        Verdict { id, tier, outcome, clause, reason, found, findings, late_ms: jitter(late), took }
    }
}

fn jitter(mut late: Vec<Duration>) -> Option<Jitter> {
    late.sort_unstable();
    let rank = |percent: usize| {
        // Takes the nearest rank: so many percent of all times are no later.
        let at = (late.len() * percent).div_ceil(100).max(1) - 1;
        late.get(at).map(|late| (late.as_secs_f64() * 100_000.0).round() / 100.0)
    };
    Some(Jitter { p50: rank(50)?, p99: rank(99)?, max: rank(100)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::made_up;

    #[test]
    fn the_headline_begins_with_conforms_if_the_server_does() {
        use Outcome::{Fail, KnownFailure, Observed, Pass, Skipped, Stale};
        let report = |outcomes: &[Outcome]| {
            made_up::report(&outcomes.iter().map(|outcome| ("a.x", *outcome)).collect::<Vec<_>>())
        };
        for (outcomes, headline) in [
            (&[Pass, Observed, Skipped][..], "conforms"),
            (&[Pass, KnownFailure], "conforms but for 1 known failure"),
            (&[KnownFailure, KnownFailure], "conforms but for 2 known failures"),
            (&[Pass, KnownFailure, Fail, Stale], "does not conform"),
            (&[Pass, KnownFailure, Stale], "does not fit the list of known failures"),
            (&[Skipped, Skipped], "nothing was judged"),
        ] {
            let report = report(outcomes);
            assert_eq!(report.headline(), headline, "{outcomes:?}");
            assert_eq!(report.conforms(), headline.starts_with("conforms"), "{outcomes:?}");
        }
        let trouble = Report { trouble: Some("no answer".into()), ..report(&[Pass]) };
        assert_eq!((trouble.conforms(), &trouble.headline()[..]), (false, "could not be judged"));
    }

    #[test]
    fn a_part_is_told_once() {
        let report = made_up::report(&["ticks.a", "json.b", "ticks.c"].map(|id| (id, Outcome::Pass)));
        let told: Vec<_> = report.parts().iter().map(|(name, verdicts)| (*name, verdicts.len())).collect();
        assert_eq!(told, [("ticks", 2), ("json", 1)]);
    }

    #[test]
    fn jitter_is_by_rank() {
        let late: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(jitter(late), Some(Jitter { p50: 100.0, p99: 198.0, max: 200.0 }));
        assert_eq!(jitter(vec![Duration::from_micros(1234)]), Some(Jitter { p50: 1.23, p99: 1.23, max: 1.23 }));
        assert_eq!(jitter(vec![]), None);
    }
}
