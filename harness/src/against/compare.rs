//! One exchange, held against its recording: head, body, times and end.

use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::{printable, visible};
use onbeat_wire::recording::Framing;

use super::align::{Aligned, align, may, vary};
use super::body::{BodyKind, Measure};
use super::contract::{ContractExchange, RecordingContract};
use super::facts::{Arrival, EndFact, HeadFact, SeenResponse};
use super::head::{header_findings, status_finding};
use super::pieces::pieces;
use super::times::{TimeRules, TimedLine, wrong_times};
use super::unit::{Unit, units};
use crate::judge::{Aspect, Case, Evidence, Finding, Skipped, Stalls, fields};

/// The number of characters shown of a body in the place of another one.
const BODY_CHARS_MAX: usize = 200;
/// Where more units are missing and extra, none of them is looked for in another place.
const MOVES_MAX: usize = 10_000;

/// How exchanges are compared.
#[derive(Clone, Copy, Debug)]
pub struct CompareRules {
    /// How closely bodies are compared.
    pub measure: Measure,
    /// Whether a proxy between the check and the server may change headers and ends of connections.
    pub behind_proxy: bool,
    /// How times are judged.
    pub times: TimeRules,
}

/// One exchange, compared with its recording.
pub(super) struct Comparison<'c> {
    pub(super) evidence: Evidence<'c>,
    /// The lines that came, each with the time in the recording and now.
    pub(super) came: Vec<TimedLine>,
    /// Whether something other than times and chunks is wrong.
    pub(super) has_other_findings: bool,
    pub(super) has_chunk_findings: bool,
    pub(super) expected_units: Vec<Unit>,
    pub(super) seen_units: Vec<Unit>,
    pub(super) steps: Vec<Aligned>,
}

/// Compares an exchange that was watched until `watched_ms` at most.
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
        has_other_findings: false,
        has_chunk_findings: false,
        expected_units: Vec::new(),
        seen_units: Vec::new(),
        steps: Vec::new(),
    };
    let mut trial = ExchangeTrial { contract, exchange, seen, watched_ms, rules, result: comparison };
    if let Some(head) = &exchange.response.head
        && trial.head(head)
    {
        trial.body(head);
        trial.end();
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
    rules: &'t CompareRules,
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
        self.result.has_chunk_findings |= aspect == Aspect::Framing;
        self.result.has_other_findings |= !matches!(aspect, Aspect::Framing | Aspect::Time);
        self.result.evidence.found(&[self.place(line)], aspect, finding);
    }

    fn skip(&mut self, lines: impl IntoIterator<Item = usize>, why: &Skipped) {
        let cases: Vec<String> = lines.into_iter().map(|line| self.place(line)).collect();
        self.result.evidence.skipped(&cases, why);
    }

    /// Judges the head; returns whether the rest can be judged.
    fn head(&mut self, expected: &HeadFact) -> bool {
        let place = self.place(expected.line);
        let rest: Vec<usize> = self.exchange.response.writes.iter().map(|write| write.line).collect();
        let rest = || rest.iter().copied().chain(self.exchange.response.end.map(|end| end.line)).collect::<Vec<_>>();
        let rest = rest();
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
            write: usize::MAX,
            due: expected.times,
            came: got.times,
            is_after_hole: false,
        });
        let body: Vec<u8> = self.seen.facts.writes.iter().flat_map(|write| &write.bytes[..]).copied().collect();
        let body = printable(&String::from_utf8_lossy(&body), BODY_CHARS_MAX);
        if let Some(finding) = status_finding(&place, &expected.head, &got.head, &body) {
            self.found(expected.line, Aspect::Status, &finding);
            self.skip(rest, &Skipped::OtherAnswer("the answer has another status".into()));
            return false;
        }
        for finding in header_findings(&place, expected, &got.head, self.rules.behind_proxy) {
            self.found(expected.line, Aspect::Header, &finding);
        }
        let (wanted, came) = (fields::coding(&expected.head), fields::coding(&got.head));
        if wanted != came {
            let named = |coding: Option<String>| coding.map_or_else(|| "no coding".to_owned(), |coding| coding);
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

    /// Judges the body, unit by unit.
    fn body(&mut self, head: &HeadFact) {
        let (exchange, seen, measure) = (self.exchange, self.seen, self.rules.measure);
        let writes = &exchange.response.writes;
        let kind = BodyKind::of(&head.head, writes);
        let expected = units(writes, kind, measure);
        let got = match kind {
            BodyKind::Pieces => pieces(writes, &expected, &seen.facts.writes, measure),
            _ => units(&seen.facts.writes, kind, measure),
        };
        self.result.steps = align(writes, &expected, &got);
        (self.result.expected_units, self.result.seen_units) = (expected, got);
        self.steps(kind);
        // What no unit came of is judged with no line.
        let without_unit: Vec<usize> = (0..writes.len())
            .filter(|at| !self.result.expected_units.iter().any(|unit| (unit.writes.0..=unit.writes.1).contains(at)))
            .map(|at| writes[at].line)
            .collect();
        self.skip(without_unit, &Skipped::OtherAnswer("an application gets nothing of it".into()));
        let optional = writes.iter().filter(|write| write.may).map(|write| write.line).collect::<Vec<_>>();
        self.skip(optional, &Skipped::OtherAnswer("it may come, and did not".into()));
    }

    fn steps(&mut self, kind: BodyKind) {
        let steps = self.result.steps.clone();
        let is_anchor = |step: &Aligned| matches!(step, Aligned::Same(..) | Aligned::Wrong(..));
        let last_anchor = steps.iter().rposition(is_anchor);
        let (mut missing, mut extra) = self.out_of_order(&steps);
        let mut is_after_hole = false;
        let mut before: Option<usize> = None;
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Aligned::Same(e, g) | Aligned::Wrong(e, g) => {
                    self.hole(&mut missing, &mut extra, before, false);
                    self.came(e, g, std::mem::take(&mut is_after_hole));
                    if matches!(step, Aligned::Wrong(..)) {
                        self.wrong(e, g, false);
                    } else {
                        self.chunks(e, g, kind, steps.get(at + 1));
                    }
                    before = Some(e);
                }
                Aligned::May(e, _) => {
                    let lines = self.lines(e);
                    self.judged(lines);
                }
                Aligned::Missing(e) => {
                    is_after_hole = true;
                    if let Some(slot) = missing.iter_mut().find(|slot| slot.0 == e) {
                        slot.1 = true;
                    }
                }
                Aligned::Extra(g) => {
                    if let Some(slot) = extra.iter_mut().find(|slot| slot.0 == g) {
                        slot.1 = true;
                    }
                }
            }
            // The rest of the response lies behind the last unit that came.
            if at + 1 == steps.len() {
                let is_trailing = last_anchor.is_none_or(|last| last < at) || !is_anchor(step);
                self.hole(&mut missing, &mut extra, before, is_trailing);
            }
        }
    }

    /// Finds missing units that came in another place. Returns the other missing and extra units, each with whether it has
    /// been reached.
    fn out_of_order(&mut self, steps: &[Aligned]) -> (Vec<(usize, bool)>, Vec<(usize, bool)>) {
        let missing = steps.iter().filter_map(|step| if let Aligned::Missing(e) = step { Some(*e) } else { None });
        let extra = steps.iter().filter_map(|step| if let Aligned::Extra(g) = step { Some(*g) } else { None });
        let (mut missing, mut extra): (Vec<usize>, Vec<usize>) = (missing.collect(), extra.collect());
        if missing.len() * extra.len() <= MOVES_MAX {
            for e in missing.clone() {
                let Some(at) = extra.iter().position(|g| self.is_same(e, *g)) else { continue };
                let g = extra.remove(at);
                missing.retain(|other| *other != e);
                self.moved(e, g, steps);
            }
        }
        (missing.into_iter().map(|e| (e, false)).collect(), extra.into_iter().map(|g| (g, false)).collect())
    }

    fn is_same(&self, e: usize, g: usize) -> bool {
        let unit = &self.result.expected_units[e];
        unit.difference(&self.result.seen_units[g], &vary(&self.exchange.response.writes, unit)).is_none()
    }

    fn moved(&mut self, e: usize, g: usize, steps: &[Aligned]) {
        let before = steps.iter().filter_map(|step| match step {
            Aligned::Same(e, before) | Aligned::Wrong(e, before) if *before < g => Some(*e),
            _ => None,
        });
        let after = before.last().map_or_else(
            || "before all other lines".to_owned(),
            |e| format!("after line {}", self.lines(e).last().copied().unwrap_or_default()),
        );
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let (line, at_ms) = (self.exchange.response.writes[unit.writes.1].line, got.times.last_ms);
        let finding = Finding::new(self.place(line), visible(&unit.bytes), format!("it came {after}"), "out of order");
        self.found(line, Aspect::Order, &finding.after(Duration::from_millis(at_ms)));
    }

    /// Judges the missing and extra units between two units that came.
    fn hole(
        &mut self,
        missing: &mut Vec<(usize, bool)>,
        extra: &mut Vec<(usize, bool)>,
        before: Option<usize>,
        is_trailing: bool,
    ) {
        let reached = |slots: &mut Vec<(usize, bool)>| -> Vec<usize> {
            let reached = slots.iter().filter(|slot| slot.1).map(|slot| slot.0).collect();
            slots.retain(|slot| !slot.1);
            reached
        };
        let (lost, more) = (reached(missing), reached(extra));
        let more: Vec<usize> = more.into_iter().filter(|g| !(is_trailing && self.is_beyond(*g))).collect();
        // What came in the place of a missing unit is most likely that unit.
        let pairs = lost.len().min(more.len());
        for (e, g) in lost.iter().zip(&more) {
            self.wrong(*e, *g, true);
        }
        for g in &more[pairs..] {
            self.extra(*g, before);
        }
        for (number, e) in lost[pairs..].iter().enumerate() {
            self.missing(*e, is_trailing, number > 0 || pairs > 0 || self.is_broken_off());
        }
    }

    /// Returns whether a unit came after the end of a recording, or when it was no longer due.
    fn is_beyond(&self, g: usize) -> bool {
        let scale = u64::from(self.rules.times.scale);
        let end = self.exchange.response.end.filter(|end| end.how != How::Closed);
        let recorded_ms = self.exchange.response.length_ms() / scale;
        let tolerance = u64::try_from(self.rules.times.tolerance.as_millis()).unwrap_or(u64::MAX);
        end.is_none() && self.result.seen_units[g].times.last_ms + tolerance >= recorded_ms
    }

    /// Returns whether the response broke off within a unit, which has been told.
    fn is_broken_off(&self) -> bool {
        let last = self.result.seen_units.len().wrapping_sub(1);
        let breaks = self.seen.facts.end.is_some_and(|end| matches!(end.how, How::Cut | How::Reset));
        breaks && self.result.steps.iter().any(|step| matches!(step, Aligned::Wrong(_, g) if *g == last))
    }

    fn lines(&self, e: usize) -> Vec<usize> {
        let (first, last) = self.result.expected_units[e].writes;
        self.exchange.response.writes[first..=last].iter().map(|write| write.line).collect()
    }

    fn came(&mut self, e: usize, g: usize, is_after_hole: bool) {
        let lines = self.lines(e);
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let line = lines.last().copied().unwrap_or_default();
        let timed = TimedLine { line, write: unit.writes.1, due: unit.times, came: got.times, is_after_hole };
        self.result.came.push(timed);
        self.judged(lines);
    }

    fn wrong(&mut self, e: usize, g: usize, is_other: bool) {
        let writes = &self.exchange.response.writes;
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let why = unit.difference(got, &vary(writes, unit)).unwrap_or_default();
        let why = if is_other && why.is_empty() { "something else came".to_owned() } else { why };
        let line = writes[unit.differing_write(got)].line;
        let finding = Finding::new(self.place(line), visible(&unit.bytes), visible(&got.bytes), why)
            .differing(&unit.bytes, &got.bytes)
            .after(Duration::from_millis(got.times.last_ms));
        self.found(line, Aspect::Bytes, &finding);
    }

    fn extra(&mut self, g: usize, before: Option<usize>) {
        let is_repeat = |e: &usize| self.is_same(*e, g);
        let repeated = before.filter(is_repeat).or_else(|| (0..self.result.expected_units.len()).find(is_repeat));
        let near = repeated.or(before).map(|e| self.lines(e).last().copied().unwrap_or_default());
        let head = self.exchange.response.head.as_ref().map_or(1, |head| head.line);
        let (line, got) = (near.unwrap_or(head), &self.result.seen_units[g]);
        let why = if repeated.is_some() { "one too many: it came again" } else { "one too many, behind this line" };
        let finding = Finding::new(self.place(line), "no further write here", visible(&got.bytes), why);
        let finding = finding.after(Duration::from_millis(got.times.last_ms));
        self.found(line, Aspect::Presence, &finding);
    }

    fn missing(&mut self, e: usize, is_trailing: bool, is_told: bool) {
        let lines = self.lines(e);
        let unit = &self.result.expected_units[e];
        let due_ms = unit.times.last_ms / u64::from(self.rules.times.scale);
        let tolerance = u64::try_from(self.rules.times.tolerance.as_millis()).unwrap_or(u64::MAX);
        let has_left = self.seen.facts.end.is_some_and(|end| end.how == How::Closed);
        if has_left && due_ms + tolerance > self.watched_ms {
            return self.skip(lines, &Skipped::NoTime);
        }
        // A response that ends too early lacks all that follows: the first line tells.
        if is_trailing && is_told {
            return self.skip(lines, &Skipped::OtherAnswer(format!("not judged: {}", self.why_no_more())));
        }
        let line = lines.last().copied().unwrap_or_default();
        let actual = if is_trailing { self.why_no_more() } else { "the lines before and behind it came".to_owned() };
        let finding = Finding::new(self.place(line), visible(&unit.bytes), actual, "missing");
        self.found(line, Aspect::Presence, &finding);
    }

    /// Judges whether the chunks end where the recorded chunks end.
    fn chunks(&mut self, e: usize, g: usize, kind: BodyKind, next: Option<&Aligned>) {
        let is_chunked = |framing| framing == Some(Framing::Chunked);
        let are_chunks = is_chunked(self.exchange.response.framing) && is_chunked(self.seen.facts.framing);
        if self.rules.measure != Measure::Chunks || !are_chunks {
            return;
        }
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let is_exact = unit.bytes == got.bytes;
        if kind == BodyKind::Whole && !is_exact {
            return;
        }
        let writes = &self.exchange.response.writes;
        let is_required = |e: usize| self.result.expected_units.get(e).is_none_or(|unit| !may(writes, unit));
        // What may come may share a chunk with its neighbours.
        let is_next = matches!(next, None | Some(Aligned::Same(..))) && is_required(e + 1);
        let parts = |unit: &Unit| unit.cuts.len() + 1;
        let line = writes[unit.writes.1].line;
        let in_chunks = |unit: &Unit| match parts(unit) {
            1 => "in one chunk".to_owned(),
            parts => format!("in {parts} chunks, which end at byte {:?}", unit.cuts),
        };
        let joined = |unit: &Unit| if unit.ends_write { "the chunk ends here" } else { "the chunk goes on behind it" };
        let (wanted, came) = if is_exact && unit.cuts != got.cuts || parts(unit) != parts(got) {
            (in_chunks(unit), in_chunks(got))
        } else if is_next && unit.ends_write != got.ends_write {
            (joined(unit).to_owned(), joined(got).to_owned())
        } else {
            return;
        };
        let text = visible(&unit.bytes);
        let shown: String = text.chars().take(BODY_CHARS_MAX).collect();
        let finding = Finding::new(self.place(line), wanted, came, format!("other chunks: {shown}"));
        let finding = finding.after(Duration::from_millis(got.times.last_ms));
        self.found(line, Aspect::Framing, &finding);
    }

    /// Judges how the response ends.
    fn end(&mut self) {
        let Some(expected) = self.exchange.response.end else { return };
        let scale = u64::from(self.rules.times.scale);
        let due_ms = expected.at_ms / scale;
        let place = self.place(expected.line);
        let got = self.seen.facts.end;
        let has_left = got.is_none_or(|end| end.how == How::Closed) && self.seen.trouble.is_none();
        if has_left && expected.how != How::Closed {
            let tolerance = u64::try_from(self.rules.times.tolerance.as_millis()).unwrap_or(u64::MAX);
            if self.watched_ms < due_ms + tolerance {
                return self.skip([expected.line], &Skipped::NoTime);
            }
            let finding = Finding::new(
                place,
                format!("{} after {due_ms} ms", expected.how),
                format!("still open after {} ms", self.watched_ms),
                "no end",
            );
            return self.found(expected.line, Aspect::End, &finding);
        }
        self.judged([expected.line]);
        let Some(EndFact { at_ms, how, .. }) = got.filter(|_| !has_left) else { return };
        let is_open = expected.how == How::Closed && at_ms >= due_ms;
        // A proxy may close a connection in another way than the server does.
        let breaks = |how| matches!(how, How::Cut | How::Reset);
        let is_same = how == expected.how || self.rules.behind_proxy && breaks(how) && breaks(expected.how);
        if is_open || is_same && self.seen.trouble.is_none() {
            if is_same && expected.how != How::Closed {
                let at = |ms| Arrival { first_ms: ms, last_ms: ms };
                let (due, came) = (at(expected.at_ms), at(at_ms));
                let is_after_hole = matches!(self.result.steps.last(), Some(Aligned::Missing(_)));
                let timed = TimedLine { line: expected.line, write: usize::MAX - 1, due, came, is_after_hole };
                self.result.came.push(timed);
            }
            return;
        }
        let wanted = match expected.how {
            How::Closed => format!("open until {due_ms} ms, when the recording ended"),
            how => format!("{how} after {due_ms} ms"),
        };
        let why = self.seen.trouble.clone().unwrap_or_else(|| "the end".to_owned());
        let finding = Finding::new(place, wanted, format!("{how} after {at_ms} ms"), why);
        self.found(expected.line, Aspect::End, &finding.after(Duration::from_millis(at_ms)));
    }

    /// Judges the times of the lines that came.
    fn times(&mut self, stalls: &Stalls) {
        for wrong in wrong_times(&self.result.came, self.seen.began, self.rules.times, stalls) {
            let place = self.place(wrong.line);
            let finding = Finding::new(&place, wrong.expected, wrong.actual, wrong.why);
            let finding = finding.after(Duration::from_millis(wrong.came_ms));
            // A busy machine may explain a wrong time, until the same line is wrong again.
            self.result.evidence.found_late(&[place], &[Aspect::Time], &finding);
        }
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
