//! Cases, logs and reports made up for tests.

use bytes::Bytes;
use onbeat_wire::recording::{End, Fact, RawRequest, ResponseHead, Write};
use onbeat_wire::{Head, How, Instant, What};

use super::{Aspect, Case, Measured, Outcome, Report, Scenario, ScenarioLine, Tier, Verdict};
use crate::player::{Action, ClientLog, LogEntry};

/// Returns a required case that looks at the aspects.
pub(super) fn case(id: &str, checks: &[Aspect]) -> Case {
    let (id, checks, clause) = (id.into(), checks.to_vec(), String::new());
    Case { id, tier: Tier::Required, checks, header: None, hop_by_hop: false, clause }
}

/// Returns a head with the status 200 and these fields.
pub(crate) fn head(headers: &[(&str, &str)]) -> Head {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Head { minor_version: 1, status: 200, headers }
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
    Report {
        target: "a test".into(),
        verdicts,
        timelines: Vec::new(),
        trouble: None,
        hint: None,
        by: Measured::Fixtures,
    }
}

/// Returns the log of each client of a conforming server, if all lines, also the lines beyond a cut, come at `when`.
pub(crate) fn logs(scenario: &Scenario, when: impl Fn(&ScenarioLine) -> Instant) -> Vec<(String, ClientLog)> {
    let entry = |line: &ScenarioLine| match line.fact.clone() {
        Fact::RawRequest(RawRequest { text }) => Some(LogEntry::Did(Action::request(text))),
        Fact::Head(ResponseHead { status, headers }) => {
            Some(LogEntry::Saw(What::Head(Head { minor_version: 1, status, headers })))
        }
        Fact::Write(Write { bytes }) => Some(LogEntry::Saw(What::Write(bytes))),
        Fact::End(End { how }) => Some(LogEntry::Saw(What::End(how))),
        _ => None,
    };
    let leaves = |line: &ScenarioLine| matches!(line.fact, Fact::End(End { how: How::Closed }));
    let of_client = |name: &str| {
        let mut lines: Vec<_> = scenario.lines.iter().chain(&scenario.rest).map(|(_, line)| line).collect();
        lines.retain(|line| line.notes.client == name);
        // A client that leaves at the cut may have seen lines beyond the cut.
        lines.sort_by_key(|line| (!scenario.rest.is_empty() && leaves(line), line.t_ms));
        ClientLog { entries: lines.into_iter().filter_map(|line| Some((when(line), entry(line)?))).collect() }
    };
    scenario.clients().into_iter().map(|name| (name.to_owned(), of_client(name))).collect()
}

/// Returns a write that a client saw.
pub(crate) fn write(text: &str) -> LogEntry {
    LogEntry::Saw(What::Write(Bytes::copy_from_slice(text.as_bytes())))
}
