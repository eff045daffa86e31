//! The results of a check: evidence, drawings, hints, and the lines of the next recordings.

#[cfg(feature = "live")]
mod doubts;

use super::accept::{AcceptedLine, NextRecording, accepted_exchange, next_recording};
use super::cases::by_recording;
use super::compare::{CompareRules, Comparison, compare};
use super::contract::RecordingContract;
use super::facts::SeenResponse;
use super::hint::hint;
use super::schedule::PlannedExchange;
use super::timeline::timeline;
use crate::judge::{Case, Evidence, Hint, Measured, Report, Selection, Stalls, Timeline};
use crate::record::RecordedLine;

/// One exchange that was played.
pub(super) struct PlayedExchange {
    pub(super) planned: PlannedExchange,
    pub(super) seen: SeenResponse,
    pub(super) lines: Vec<RecordedLine>,
    pub(super) watched_ms: u64,
}

/// A round that was played, and the evidence of all plays together.
pub(super) struct PlayedRound<'c> {
    cases: &'c [Case],
    exchanges: Vec<PlayedExchange>,
    comparisons: Vec<Comparison<'c>>,
    rules: CompareRules,
}

impl<'c> PlayedRound<'c> {
    /// Compares the exchanges of a round with the recordings.
    pub(super) fn new(
        contracts: &[RecordingContract],
        exchanges: Vec<PlayedExchange>,
        cases: &'c [Case],
        rules: &CompareRules,
        stalls: &Stalls,
    ) -> Self {
        // Gives each comparison the cases of one recording: a folder may have thousands of each.
        let of_recordings = by_recording(cases, contracts);
        let compared = exchanges.iter().map(|one| {
            let cases = of_recordings[one.planned.contract];
            compare(cases, one.planned.of(contracts), (&one.seen, one.watched_ms), rules, stalls)
        });
        let comparisons = compared.collect();
        Self { cases, exchanges, comparisons, rules: *rules }
    }

    /// Returns the evidence on all exchanges.
    pub(super) fn evidence(&self) -> Evidence<'c> {
        let mut evidence = Evidence::new(self.cases);
        for comparison in &self.comparisons {
            evidence.add(comparison.evidence.clone());
        }
        evidence
    }
}

/// What is known so far.
pub(super) struct CheckResults<'c> {
    evidence: Evidence<'c>,
    timelines: Vec<Timeline>,
    /// The hint of each exchange with findings.
    hints: Vec<Option<Hint>>,
    /// For each exchange of each recording, the lines of the next recording, if the exchange came to its end.
    accepted: Vec<Vec<Option<Vec<AcceptedLine>>>>,
    pub(super) rounds_done: usize,
}

impl<'c> CheckResults<'c> {
    /// Returns no results for these recordings.
    pub(super) fn new(cases: &'c [Case], contracts: &[RecordingContract]) -> Self {
        Self {
            evidence: Evidence::new(cases),
            timelines: Vec::new(),
            hints: Vec::new(),
            accepted: contracts.iter().map(|contract| vec![None; contract.exchanges.len()]).collect(),
            rounds_done: 0,
        }
    }

    /// Adds a round.
    pub(super) fn add(&mut self, contracts: &[RecordingContract], played: &PlayedRound<'c>) {
        for (one, comparison) in played.exchanges.iter().zip(&played.comparisons) {
            let (contract, exchange) = one.planned.of(contracts);
            if !comparison.evidence.is_clean() {
                let hint = hint(exchange, &one.seen, comparison, played.rules.in_lab);
                self.hints.push(hint.map(|hint| Hint { text: format!("{}: {}", contract.name, hint.text), ..hint }));
            }
            self.timelines.push(timeline(contract, one.planned.exchange, comparison, played.rules.times.scale));
            let facts = &one.seen.facts;
            if one.seen.trouble.is_none() && facts.head.is_some() && facts.end.is_some() {
                let lines = accepted_exchange((contract, exchange), &one.lines, comparison);
                self.accepted[one.planned.contract][one.planned.exchange] = Some(lines);
            }
        }
        self.evidence.add(played.evidence());
        self.rounds_done += 1;
    }

    /// Returns the report on a server, and the lines of the next recordings: nothing for a recording with an exchange that did
    /// not come to its end. Trouble keeps the check from a result.
    pub(super) fn report(
        self,
        contracts: &[RecordingContract],
        target: String,
        selected: &Selection,
        trouble: Option<String>,
    ) -> (Report, Vec<Option<NextRecording>>) {
        let verdicts = self.evidence.verdicts(|id| selected.has(id), trouble.as_deref());
        let hint = common_hint(&self.hints);
        let by = Measured::Recordings;
        let next = contracts.iter().zip(self.accepted).map(|(contract, exchanges)| {
            // Collects to `None` if any exchange did not come to its end.
            let exchanges: Option<Vec<Vec<AcceptedLine>>> = exchanges.into_iter().collect();
            exchanges.map(|exchanges| next_recording(contract, exchanges))
        });
        let next = next.collect();
        (Report { target, verdicts, timelines: self.timelines, trouble, hint, by }, next)
    }
}

/// Returns the hint of the first exchange, if each exchange with findings has a hint. Returns else the first hint that explains
/// a whole exchange, such as a proxy that buffers: the same proxy can do other things to other exchanges.
fn common_hint(hints: &[Option<Hint>]) -> Option<Hint> {
    let known = || hints.iter().flatten();
    let all_have_hints = hints.iter().all(Option::is_some);
    let explains_all = all_have_hints && known().all(|hint| hint.explains_all);
    let first = if all_have_hints { known().next() } else { known().find(|hint| hint.explains_all) };
    first.map(|first| Hint { text: first.text.clone(), explains_all })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str, explains_all: bool) -> Hint {
        Hint { text: text.to_owned(), explains_all }
    }

    #[test]
    fn a_hint_is_told_if_all_exchanges_have_one_or_if_the_hint_explains_all_of_its_exchange() {
        let told = |hints: &[Option<Hint>]| common_hint(hints).map(|hint| (hint.text, hint.explains_all));
        let is = |text: &str, explains_all| Some((text.to_owned(), explains_all));
        assert_eq!(told(&[]), None);
        let (chunks, buffered) = (Some(hint("chunks", false)), Some(hint("buffered", true)));
        assert_eq!(told(&[buffered.clone(), Some(hint("buffered too", true))]), is("buffered", true));
        assert_eq!(told(&[chunks.clone(), buffered.clone()]), is("chunks", false));
        assert_eq!(told(&[None, chunks.clone()]), None);
        assert_eq!(told(&[None, chunks, buffered]), is("buffered", false));
    }
}
