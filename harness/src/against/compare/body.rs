//! The body of a response: right, wrong, missing and extra units.

use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::visible;
use onbeat_wire::recording::Framing;

use super::{BODY_CHARS_MAX, ExchangeTrial, beside};
use crate::against::align::{Aligned, may, vary};
use crate::against::body::{BodyKind, Measure};
use crate::against::facts::HeadFact;
use crate::against::pieces::pieces;
use crate::against::sequences::Sequences;
use crate::against::times::TimedLine;
use crate::against::unit::{Unit, units};
use crate::judge::{Aspect, Finding, Skipped};

/// What came in place of a missing unit.
pub(super) const BESIDE_CAME: &str = "the lines before and behind it came";

/// Why an extra unit is wrong that is like another one.
pub(super) const AGAIN: &str = "one too many: it came again";

/// The missing and extra units between two seen units.
#[derive(Debug, Default)]
struct Hole {
    missing: Vec<usize>,
    extra: Vec<usize>,
    /// The expected unit before the hole.
    before: Option<usize>,
}

impl ExchangeTrial<'_, '_> {
    /// Judges the body, unit by unit.
    pub(super) fn body(&mut self, head: &HeadFact) {
        let (exchange, seen, measure) = (self.exchange, self.seen, self.rules.measure);
        let writes = &exchange.response.writes;
        let kind = BodyKind::of(&head.head, writes);
        let expected = units(writes, kind, measure);
        let got = match kind {
            BodyKind::Pieces => pieces(writes, &expected, &seen.facts.writes, measure),
            _ => units(&seen.facts.writes, kind, measure),
        };
        // Looks for sequences only where units have kinds, and not in virtual time, where all timers keep a fixed order.
        let has_kinds = matches!(kind, BodyKind::EventStream | BodyKind::Lines) && !self.is_exact;
        let mut sequences = if has_kinds { Sequences::find(writes, &expected) } else { Sequences::default() };
        let optional: Vec<usize> = (0..expected.len()).filter(|e| may(writes, &expected[*e])).collect();
        // Sets the units before the sequences, whose assignment compares the units.
        (self.result.expected_units, self.result.seen_units) = (expected, got);
        sequences.assign(&optional, &self.result.seen_units, |e, g| self.is_same(e, g));
        self.result.sequences = sequences;
        self.find_beats();
        let (steps, in_doubt) = self.aligned();
        self.result.steps = steps;
        self.steps(kind);
        for (e, g) in in_doubt {
            self.note_moved(e, g, true);
        }
        self.order_of_series();
        self.beats(kind);
        self.same_values();
        // Skips a write without a unit, such as a comment among events.
        let without_unit: Vec<usize> = (0..writes.len())
            .filter(|at| !self.result.expected_units.iter().any(|unit| (unit.writes.0..=unit.writes.1).contains(at)))
            .map(|at| writes[at].line)
            .collect();
        self.skip(without_unit, &Skipped::OtherAnswer("an application gets nothing of it".into()));
        let optional = writes.iter().filter(|write| write.may).map(|write| write.line).collect::<Vec<_>>();
        self.skip(optional, &Skipped::OtherAnswer("it may come, and did not".into()));
    }

    /// Judges each step of the alignment. A hole is judged at the next seen unit, or at the end.
    fn steps(&mut self, kind: BodyKind) {
        let steps = self.result.steps.clone();
        // Judges moved units first: holes then leave out moved units.
        let moves = self.moves(&steps);
        for (e, g) in &moves {
            self.moved(*e, *g, &steps);
        }
        let is_moved = |is_one: &dyn Fn(&(usize, usize)) -> bool| moves.iter().any(is_one);
        let joined = self.joined_events(kind, &steps);
        let mut hole = Hole::default();
        // Notes for the rest of the stream, and for each series, whether a unit is missing, perhaps moved.
        let mut has_missing = vec![false; self.result.sequences.series_count() + 1];
        for (at, step) in steps.iter().enumerate() {
            if let Some(joined) = joined.iter().find(|joined| step.seen() == Some(joined.unit)) {
                self.hole(std::mem::take(&mut hole), kind, false);
                hole.before = Some(joined.last);
                has_missing[self.sequence(joined.last)] = false;
                self.came(joined.last, joined.unit, true);
                self.run_together(joined);
                continue;
            }
            match *step {
                Aligned::Missing(e) if joined.iter().any(|joined| joined.has(e)) => {}
                Aligned::Same(e, g) | Aligned::Wrong(e, g) => {
                    let is_after_hole = std::mem::take(&mut has_missing[self.sequence(e)]);
                    self.hole(std::mem::take(&mut hole), kind, false);
                    hole.before = Some(e);
                    self.came(e, g, is_after_hole);
                    self.judged(self.lines(e));
                    if matches!(step, Aligned::Wrong(..)) {
                        self.wrong(e, g, kind, false);
                    } else {
                        // Compares the ends of chunks only where the bytes are right.
                        self.chunks(e, g, kind, steps.get(at + 1));
                    }
                }
                Aligned::May(e, g) => {
                    // Takes all equal optional lines for judged.
                    let writes = &self.exchange.response.writes;
                    let is_optional = |e: &usize| may(writes, &self.result.expected_units[*e]);
                    let equal = (e..self.result.expected_units.len()).filter(|e| is_optional(e) && self.is_same(*e, g));
                    let lines: Vec<usize> = equal.flat_map(|e| self.lines(e)).collect();
                    self.judged(lines);
                    self.moved.before = Some(self.result.seen_units[g].times);
                }
                Aligned::Missing(e) => {
                    has_missing[self.sequence(e)] = true;
                    hole.missing.extend((!is_moved(&|moved| moved.0 == e)).then_some(e));
                }
                Aligned::Extra(g) => hole.extra.extend((!is_moved(&|moved| moved.1 == g)).then_some(g)),
            }
        }
        self.hole(hole, kind, true);
    }

    /// Returns the number of the sequence with which a unit is timed: 0 for the stream, and from 1 on for a series.
    fn sequence(&self, e: usize) -> usize {
        self.result.sequences.timed_apart(e).map_or(0, |series| series + 1)
    }

    pub(super) fn is_same(&self, e: usize, g: usize) -> bool {
        let unit = &self.result.expected_units[e];
        unit.is_same(&self.result.seen_units[g], &vary(&self.exchange.response.writes, unit))
    }

    /// Judges the missing and extra units between two seen units, or behind the last.
    fn hole(&mut self, hole: Hole, kind: BodyKind, is_trailing: bool) {
        let Hole { mut missing, mut extra, before } = hole;
        // Accepts units behind the end of an endless recording, also before a late unit, and further units of a series.
        let is_beyond = |g: usize| self.is_beyond(&self.result.seen_units[g]);
        let all = &self.result.sequences;
        extra.retain(|g| !is_beyond(*g) && !self.has_wrong_beat(all.of_seen(*g)));
        missing.retain(|e| !self.has_wrong_beat(all.of_unit(*e)));
        let (longer, is_extra): (Vec<usize>, Vec<usize>) = extra.iter().partition(|g| self.is_of_longer_stream(**g));
        let (shorter, is_due): (Vec<usize>, Vec<usize>) = missing.iter().partition(|e| self.is_of_shorter_stream(**e));
        (extra, missing) = (is_extra, is_due);
        // Doubts a unit in the middle of a series: a series is longer or shorter at its end.
        let (in_middle, at_end): (Vec<usize>, Vec<usize>) =
            shorter.iter().partition(|e| self.is_missing_in_middle(**e));
        let left_out: Vec<usize> = at_end.into_iter().flat_map(|e| self.lines(e)).collect();
        self.skip(left_out, &Skipped::NoTime);
        for e in in_middle {
            self.missing_in_middle(e);
        }
        for g in longer {
            if self.is_extra_in_middle(g) {
                self.extra(g, before, true);
            }
        }
        // Pairs missing and extra units: an extra unit is most likely a missing unit with a mistake.
        let pairs = missing.len().min(extra.len());
        for (e, g) in missing.iter().zip(&extra) {
            self.wrong(*e, *g, kind, true);
        }
        for g in &extra[pairs..] {
            // Takes an extra unit of the kind of an optional one for the optional unit with a mistake.
            match self.optional_of_kind(*g) {
                Some(e) => self.wrong(e, *g, kind, false),
                None => self.extra(*g, before, false),
            }
        }
        for (number, e) in missing[pairs..].iter().enumerate() {
            self.missing(*e, is_trailing, number > 0 || pairs > 0 || self.is_broken_off());
        }
    }

    /// Returns an optional unit of the same kind as a unit that came, and that repeats no other unit.
    fn optional_of_kind(&self, g: usize) -> Option<usize> {
        let (units, all) = (&self.result.expected_units, &self.result.sequences);
        if all.is_none() {
            return None;
        }
        let kind = all.kind(&self.result.seen_units[g]);
        let is_optional = |e: &usize| may(&self.exchange.response.writes, &units[*e]);
        let optional = (0..units.len()).find(|e| is_optional(e) && all.kind(&units[*e]) == kind)?;
        // Looks for a repeated unit last: comparing takes long where thousands of units are too many.
        let is_repeated = (0..units.len()).any(|e| self.is_same(e, g));
        (!is_repeated).then_some(optional)
    }

    /// Returns whether a unit came after the end of an endless recording.
    pub(super) fn is_beyond(&self, unit: &Unit) -> bool {
        let scale = u64::from(self.rules.times.scale);
        let end = self.exchange.response.end.filter(|end| end.how != How::Closed);
        let recorded_ms = self.exchange.response.length_ms() / scale;
        let came_ms = unit.times.last_ms;
        // Takes a unit at the very end of an exact recording for a part of the recording.
        let is_behind =
            if self.is_exact { came_ms > recorded_ms } else { came_ms + self.tolerance_ms() >= recorded_ms };
        end.is_none() && is_behind
    }

    /// Returns whether the response broke off within a unit, so that the unit is wrong already.
    fn is_broken_off(&self) -> bool {
        let last = self.result.seen_units.len().wrapping_sub(1);
        let breaks = self.seen.facts.end.is_some_and(|end| matches!(end.how, How::Cut | How::Reset));
        breaks && self.result.steps.iter().any(|step| matches!(step, Aligned::Wrong(_, g) if *g == last))
    }

    pub(super) fn lines(&self, e: usize) -> Vec<usize> {
        let (first, last) = self.result.expected_units[e].writes;
        self.exchange.response.writes[first..=last].iter().map(|write| write.line).collect()
    }

    /// Notes the time of a unit.
    fn came(&mut self, e: usize, g: usize, is_after_hole: bool) {
        let series = self.result.sequences.timed_apart(e);
        if series.is_none() {
            self.move_behind_optional(e, g);
        }
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let line = self.lines(e).last().copied().unwrap_or_default();
        let due = if series.is_none() { self.moved_times(unit.times) } else { unit.times };
        let (write, is_joined_otherwise) = (unit.writes.1, unit.ends_write != got.ends_write);
        let timed = TimedLine { line, write, due, came: got.times, series, is_after_hole, is_joined_otherwise };
        // Times each write of a unit where both are cut alike, and otherwise only the end of the unit.
        if self.is_exact && unit.cuts == got.cuts {
            self.came_in_writes(e, g, is_after_hole);
        } else {
            self.result.came.push(timed);
        }
    }

    /// Notes the time of each write of a unit, except of a write that began with the unit before.
    fn came_in_writes(&mut self, e: usize, g: usize, is_after_hole: bool) {
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let last = self.result.came.last().map(|line| line.write);
        for (number, write) in (unit.writes.0..=unit.writes.1).enumerate() {
            if last == Some(write) {
                continue;
            }
            let (due, came) = (&self.exchange.response.writes[write], &self.seen.facts.writes[got.writes.0 + number]);
            let is_after_hole = is_after_hole && number == 0;
            let (line, due, came) = (due.line, self.moved_times(due.times), came.times);
            let timed = TimedLine { line, write, due, came, series: None, is_after_hole, is_joined_otherwise: false };
            self.result.came.push(timed);
        }
    }

    fn extra(&mut self, g: usize, before: Option<usize>, is_in_doubt: bool) {
        let is_repeat = |e: &usize| self.is_same(*e, g);
        let repeated = before.filter(is_repeat).or_else(|| (0..self.result.expected_units.len()).find(is_repeat));
        // Names the line of the repeated unit, of the unit before, or of the head.
        let near = repeated.or(before).map(|e| self.lines(e).last().copied().unwrap_or_default());
        let head = self.exchange.response.head.as_ref().map_or(1, |head| head.line);
        let (line, got) = (near.unwrap_or(head), &self.result.seen_units[g]);
        let why = if repeated.is_some() { AGAIN } else { "one too many, behind this line" };
        let finding = Finding::new(self.place(line), "no further write here", visible(&got.bytes), why);
        let finding =
            finding.after(Duration::from_millis(got.times.last_ms)).came_beside(&beside(&self.result.seen_units, g));
        if is_in_doubt {
            self.doubt(line, Aspect::Presence, &finding);
        } else {
            self.found(line, Aspect::Presence, &finding);
        }
    }

    fn missing(&mut self, e: usize, is_trailing: bool, is_told: bool) {
        let lines = self.lines(e);
        let unit = &self.result.expected_units[e];
        let due_ms = unit.times.last_ms / u64::from(self.rules.times.scale);
        let has_left = self.seen.facts.end.is_some_and(|end| end.how == How::Closed);
        // Skips a unit that could still have come in time when the client left.
        if has_left && due_ms + self.tolerance_ms() > self.watched_ms {
            return self.skip(lines, &Skipped::NoTime);
        }
        // Reports only the first missing line behind an early end.
        if is_trailing && is_told {
            return self.skip(lines, &Skipped::OtherAnswer(format!("not judged: {}", self.why_no_more())));
        }
        let actual = if is_trailing { self.why_no_more() } else { BESIDE_CAME.to_owned() };
        let (line, finding) = self.missing_unit(e, actual);
        self.found(line, Aspect::Presence, &finding);
    }

    /// Doubts a missing unit in the middle of a series, whose pace leaves no room for the unit.
    fn missing_in_middle(&mut self, e: usize) {
        let (line, finding) = self.missing_unit(e, BESIDE_CAME.to_owned());
        self.doubt(line, Aspect::Presence, &finding);
    }

    /// Returns the finding that a unit is missing, and the line of the unit.
    fn missing_unit(&self, e: usize, actual: String) -> (usize, Finding) {
        let line = self.lines(e).last().copied().unwrap_or_default();
        let unit = visible(&self.result.expected_units[e].bytes);
        let finding = Finding::new(self.place(line), unit, actual, "missing");
        (line, finding.expected_beside(&beside(&self.result.expected_units, e)))
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
        // Compares the end of the chunk only beside required units: optional units may share a chunk with neighbours.
        let is_next = matches!(next, None | Some(Aligned::Same(..))) && is_required(e + 1);
        let parts = |unit: &Unit| unit.cuts.len() + 1;
        let line = writes[unit.writes.1].line;
        let in_chunks = |unit: &Unit| match parts(unit) {
            1 => "in one chunk".to_owned(),
            parts => format!("in {parts} chunks, which end at byte {:?}", unit.cuts),
        };
        let joined = |unit: &Unit| if unit.ends_write { "the chunk ends here" } else { "the chunk goes on behind it" };
        // Compares the places of cuts in equal bytes alone: varying values move the places, and not the number.
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
}
