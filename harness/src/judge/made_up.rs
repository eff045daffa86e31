//! Reports made up for tests.

use super::{Outcome, Report, Tier, Verdict};

/// Returns a verdict without findings.
pub(crate) fn verdict(id: &str, outcome: Outcome) -> Verdict {
    let reason = (outcome == Outcome::Skipped).then(|| "left out".into());
    let (tier, clause) = (Tier::Required, "a clause".into());
    Verdict { id: id.into(), tier, outcome, clause, reason, found: 0, findings: vec![], late_ms: None, took: None }
}

/// Returns a report of these verdicts alone.
pub(crate) fn report(verdicts: &[(&str, Outcome)]) -> Report {
    let verdicts = verdicts.iter().map(|(id, outcome)| verdict(id, *outcome)).collect();
    Report { target: "a test".into(), verdicts, timelines: Vec::new(), trouble: None, hint: None }
}
