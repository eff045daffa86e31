//! Cases and reports made up for tests.

use super::{Aspect, Case, Outcome, Report, Tier, Verdict};

/// Returns a required case that looks at the aspects.
pub(super) fn case(id: &str, checks: &[Aspect]) -> Case {
    let (id, checks, clause) = (id.into(), checks.to_vec(), String::new());
    Case { id, tier: Tier::Required, checks, header: None, hop_by_hop: false, clause }
}

/// Returns a verdict without findings.
pub(super) fn verdict(id: &str, outcome: Outcome) -> Verdict {
    let reason = (outcome == Outcome::Skipped).then(|| "left out".into());
    let (tier, clause) = (Tier::Required, "a clause".into());
    Verdict { id: id.into(), tier, outcome, clause, reason, found: 0, findings: vec![], late_ms: None, took: None }
}

/// Returns a report of these verdicts.
pub(super) fn report(verdicts: &[(&str, Outcome)]) -> Report {
    let verdicts = verdicts.iter().map(|(id, outcome)| verdict(id, *outcome)).collect();
    Report { target: "a test".into(), verdicts, timelines: Vec::new(), trouble: None, hint: None }
}
