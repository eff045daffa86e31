//! One exchange, held against its recording: head, body, times and end.

mod beats;
mod body;
mod end;
mod moved_times;
mod order;
mod run_together;
mod same_values;
mod sequences;
mod series_count;
mod shifts;
mod wrong;

use std::time::Duration;

use onbeat_wire::printable::{printable, visible};
use onbeat_wire::recording::Framing;
use onbeat_wire::{How, whole_ms};

use self::moved_times::MovedTimes;
use super::align::Aligned;
use super::beat::BeatMistake;
use super::body::Measure;
use super::contract::{ContractExchange, RecordingContract};
use super::exact_times::inexact_times;
use super::facts::{HeadFact, SeenResponse};
use super::head::{TO_PROXY, header_findings, status_finding};
use super::sequences::Sequences;
use super::times::{TimeRules, TimedLine, WrongTime, wrong_times};
use super::unit::Unit;
use crate::judge::{Aspect, Case, Evidence, Finding, Skipped, Stalls, fields};

/// The number of characters shown of a body in the place of another one.
const BODY_CHARS_MAX: usize = 200;
/// How exchanges are compared.
#[derive(Clone, Copy, Debug)]
pub struct CompareRules {
    /// How closely bodies are compared.
    pub measure: Measure,
    /// Whether a proxy between the check and the server may change headers and ends of connections.
    pub behind_proxy: bool,
    /// How times are judged.
    pub times: TimeRules,
    /// Whether the server is an application in a lab, where a recording with exact times is held to the millisecond.
    pub in_lab: bool,
}

impl CompareRules {
    /// Returns the rules for a recording, and whether each time has to be exact.
    fn of(self, contract: &RecordingContract) -> (Self, bool) {
        let is_exact = self.in_lab && contract.has_exact_times;
        let tolerance = if is_exact { Duration::ZERO } else { self.times.tolerance };
        (Self { times: TimeRules { tolerance, ..self.times }, ..self }, is_exact)
    }
}

/// What is wrong that a proxy may have changed, from less to more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProxyChange {
    /// Nothing.
    None,
    /// The division into chunks alone.
    Chunks,
    /// A header is missing that a proxy takes out, or a reset came as a cut.
    MoreThanChunks,
}

/// The result of a comparison.
pub(super) struct Comparison<'c> {
    pub(super) evidence: Evidence<'c>,
    /// The seen lines, each with the time when due and now, both on the clock of the check.
    pub(super) came: Vec<TimedLine>,
    /// The lines that came too early, and whether other times are wrong.
    pub(super) early_lines: Vec<usize>,
    pub(super) has_other_time_findings: bool,
    /// Whether something is wrong that no proxy changes, apart from times.
    pub(super) has_other_findings: bool,
    /// What is wrong that a proxy may have changed.
    pub(super) proxy_change: ProxyChange,
    pub(super) expected_units: Vec<Unit>,
    pub(super) seen_units: Vec<Unit>,
    pub(super) steps: Vec<Aligned>,
    sequences: Sequences,
    /// For each series, the mistake in the beat.
    beats: Vec<Option<BeatMistake>>,
}

/// Compares an exchange, which was watched until `watched_ms` at most.
pub(super) fn compare<'c>(
    cases: &'c [Case],
    (contract, exchange): (&RecordingContract, &ContractExchange),
    (seen, watched_ms): (&SeenResponse, u64),
    rules: &CompareRules,
    stalls: &Stalls,
) -> Comparison<'c> {
    let comparison = Comparison {
        evidence: Evidence::new(cases),
        came: Vec::new(),
        early_lines: Vec::new(),
        has_other_time_findings: false,
        has_other_findings: false,
        proxy_change: ProxyChange::None,
        expected_units: Vec::new(),
        seen_units: Vec::new(),
        steps: Vec::new(),
        sequences: Sequences::default(),
        beats: Vec::new(),
    };
    let (rules, is_exact) = rules.of(contract);
    let moved = MovedTimes::default();
    let mut trial = ExchangeTrial { contract, exchange, seen, watched_ms, rules, is_exact, moved, result: comparison };
    let goes_on = match &exchange.response.head {
        Some(head) => {
            let goes_on = trial.head(head);
            if goes_on {
                trial.body(head);
            }
            goes_on
        }
        None => trial.no_head(),
    };
    if goes_on {
        trial.end();
        // Judges times last, when head, body and end have added all timed lines.
        trial.times(stalls);
    }
    trial.result.evidence.took(Duration::from_millis(seen.facts.length_ms()));
    trial.result
}

/// One exchange being compared.
struct ExchangeTrial<'t, 'c> {
    contract: &'t RecordingContract,
    exchange: &'t ContractExchange,
    seen: &'t SeenResponse,
    watched_ms: u64,
    rules: CompareRules,
    /// Whether each time has to be exact to the millisecond.
    is_exact: bool,
    /// How far the times behind optional units have moved so far.
    moved: MovedTimes,
    result: Comparison<'c>,
}

impl ExchangeTrial<'_, '_> {
    fn place(&self, line: usize) -> String {
        self.contract.case_id(line)
    }

    fn judged(&mut self, lines: impl IntoIterator<Item = usize>) {
        let cases: Vec<String> = lines.into_iter().map(|line| self.place(line)).collect();
        self.result.evidence.judged(&cases);
    }

    fn found(&mut self, line: usize, aspect: Aspect, finding: &Finding) {
        if aspect == Aspect::Framing {
            self.result.proxy_change = self.result.proxy_change.max(ProxyChange::Chunks);
        }
        self.result.has_other_findings |= !matches!(aspect, Aspect::Framing | Aspect::Time);
        self.result.evidence.found(&[self.place(line)], aspect, finding);
    }

    /// Holds a finding against a line that a proxy may have changed.
    fn found_of_proxy(&mut self, line: usize, aspect: Aspect, finding: &Finding) {
        self.result.proxy_change = ProxyChange::MoreThanChunks;
        self.result.evidence.found(&[self.place(line)], aspect, finding);
    }

    /// Doubts a line until the same is found there again.
    fn doubt(&mut self, line: usize, aspect: Aspect, finding: &Finding) {
        self.result.has_other_findings |= aspect != Aspect::Time;
        self.result.has_other_time_findings |= aspect == Aspect::Time;
        self.result.evidence.found_in_doubt(&[self.place(line)], &[aspect], finding);
    }

    fn skip(&mut self, lines: impl IntoIterator<Item = usize>, why: &Skipped) {
        let cases: Vec<String> = lines.into_iter().map(|line| self.place(line)).collect();
        self.result.evidence.skipped(&cases, why);
    }

    /// Judges a response whose head never came; returns whether the end can be judged.
    fn no_head(&mut self) -> bool {
        let Some(end) = self.exchange.response.end else { return false };
        // Judges nothing where the recorded client left too soon: a server may answer sooner than it did.
        if !self.exchange.response.is_broken_off() {
            self.skip([end.line], &Skipped::OtherAnswer("the recorded client left before the answer".into()));
            return false;
        }
        let Some(got) = &self.seen.facts.head else { return true };
        let expected = format!("{} before any answer", end.how);
        let finding = Finding::new(self.place(end.line), expected, format!("status {}", got.head.status), "an answer");
        self.found(end.line, Aspect::End, &finding);
        false
    }

    /// Judges the head; returns whether the rest can be judged.
    fn head(&mut self, expected: &HeadFact) -> bool {
        let place = self.place(expected.line);
        let rest: Vec<usize> = self.exchange.response.writes.iter().map(|write| write.line).collect();
        let rest: Vec<usize> = rest.into_iter().chain(self.exchange.response.end.map(|end| end.line)).collect();
        let Some(got) = &self.seen.facts.head else {
            let why = self.why_no_more();
            let finding = Finding::new(&place, format!("HTTP {}", expected.head.status), why, "no answer");
            self.found(expected.line, Aspect::Status, &finding);
            self.skip(rest, &Skipped::OtherAnswer("no answer came".into()));
            return false;
        };
        self.judged([expected.line]);
        self.result.came.push(TimedLine {
            line: expected.line,
            // Gives the head a number that no write has.
            write: usize::MAX,
            due: expected.times,
            came: got.times,
            series: None,
            is_after_hole: false,
            is_joined_otherwise: false,
        });
        // Shows the body beside a wrong status, since the body often says why.
        let body: Vec<u8> = self.seen.facts.writes.iter().flat_map(|write| &write.bytes[..]).copied().collect();
        let body = printable(&String::from_utf8_lossy(&body), BODY_CHARS_MAX);
        if let Some(finding) = status_finding(&place, &expected.head, &got.head, &body) {
            self.found(expected.line, Aspect::Status, &finding);
            self.skip(rest, &Skipped::OtherAnswer("the answer has another status".into()));
            return false;
        }
        for (name, finding) in header_findings(&place, expected, &got.head, self.rules.behind_proxy) {
            if name == TO_PROXY {
                self.found_of_proxy(expected.line, Aspect::Header, &finding);
            } else {
                self.found(expected.line, Aspect::Header, &finding);
            }
        }
        // Skips the rest of a response in another encoding, whose bytes can't be compared.
        let (wanted, came) = (fields::coding(&expected.head), fields::coding(&got.head));
        if wanted != came {
            let named = |coding: Option<String>| coding.unwrap_or_else(|| "no coding".to_owned());
            let finding = Finding::new(&place, named(wanted), named(came), "the content-encoding of the body");
            self.found(expected.line, Aspect::Header, &finding);
            self.skip(rest, &Skipped::OtherAnswer("the body has another content-encoding".into()));
            return false;
        }
        let (wanted, came) = (self.exchange.response.framing, self.seen.facts.framing);
        if self.rules.measure == Measure::Chunks && wanted == Some(Framing::Chunked) && came != wanted {
            let finding = Finding::new(&place, "a body in chunks", "a body without chunks", "the framing");
            self.found(expected.line, Aspect::Framing, &finding);
        }
        true
    }

    /// Judges the times of the seen lines.
    fn times(&mut self, stalls: &Stalls) {
        for line in &mut self.result.came {
            *line = line.scaled(self.rules.times.scale);
        }
        let mut wrong = if self.is_exact {
            inexact_times(&self.result.came)
        } else {
            let judged = |lines: Vec<TimedLine>| wrong_times(&lines, self.seen.began, self.rules.times, stalls);
            self.timed_sequences().into_iter().flat_map(judged).collect()
        };
        // Keeps one finding of the head, which begins every sequence.
        wrong.sort_by_key(|wrong| wrong.line);
        wrong.dedup();
        let (early, other): (Vec<&WrongTime>, Vec<&WrongTime>) = wrong.iter().partition(|wrong| wrong.is_early);
        self.result.early_lines = early.iter().map(|wrong| wrong.line).collect();
        self.result.has_other_time_findings |= !other.is_empty();
        for wrong in wrong {
            let place = self.place(wrong.line);
            let finding = Finding::new(&place, wrong.expected, wrong.actual, wrong.why);
            let finding = finding.after(Duration::from_millis(wrong.came_ms));
            // Doubts a wrong time, which a busy machine may explain, until the same line is wrong again.
            self.result.evidence.found_in_doubt(&[place], &[Aspect::Time], &finding);
        }
    }

    /// Returns the lines of the stream and of each series without a mistake in its beat, each behind the head. A timer of its own
    /// is neither late nor early because of the rest of the stream.
    fn timed_sequences(&self) -> Vec<Vec<TimedLine>> {
        let Some((head, rest)) = self.result.came.split_first() else { return Vec::new() };
        let series = (0..self.result.sequences.series_count()).map(Some);
        let sequences = [None].into_iter().chain(series.filter(|series| !self.has_wrong_beat(*series)));
        let of = |sequence| rest.iter().filter(move |line| line.series == sequence);
        sequences.map(|sequence| [head].into_iter().chain(of(sequence)).copied().collect()).collect()
    }

    /// Returns the tolerance in milliseconds.
    fn tolerance_ms(&self) -> u64 {
        whole_ms(self.rules.times.tolerance)
    }

    fn why_no_more(&self) -> String {
        if let Some(trouble) = &self.seen.trouble {
            return trouble.clone();
        }
        match self.seen.facts.end.map(|end| (end.how, end.at_ms)) {
            Some((How::Complete, ms)) => format!("the response ended after {ms} ms"),
            Some((How::Cut, ms)) => format!("the server closed the connection after {ms} ms"),
            Some((How::Reset, ms)) => format!("the connection was reset after {ms} ms"),
            Some((How::Closed, _)) | None => format!("nothing more came within {} ms", self.watched_ms),
        }
    }
}

/// Returns the text of the unit before a unit, or else behind: the events of a stream often begin alike.
fn beside(units: &[Unit], at: usize) -> String {
    let other = units.get(at.checked_sub(1).unwrap_or(at + 1));
    other.map(|unit| visible(&unit.bytes)).unwrap_or_default()
}
