//! The next recording: the lines of a replay, with the notes of the old lines.

use std::collections::BTreeMap;

use onbeat_wire::How;
use onbeat_wire::recording::Fact;

use super::align::Aligned;
use super::compare::Comparison;
use super::contract::{ContractExchange, RecordingContract};
use super::request::{MASK_MIN, is_masked};
use super::unit::Unit;
use crate::record::RecordedLine;

/// A line of the next recording, and the place of the line among lines of the same time: the number of an old line.
#[derive(Clone, Debug)]
pub(super) struct AcceptedLine {
    line: RecordedLine,
    place: usize,
}

/// The next recording.
#[derive(Debug)]
pub struct NextRecording {
    /// The lines.
    pub lines: Vec<RecordedLine>,
    /// The rules that are left out, since what came breaks them: each with the line, and what breaks the rule.
    pub left_out: Vec<String>,
}

/// Returns the next recording, out of the lines of each exchange: all by time, behind the line that begins the recording.
pub(super) fn next_recording(contract: &RecordingContract, exchanges: Vec<Vec<AcceptedLine>>) -> NextRecording {
    // Takes out the first line of each exchange before sorting: the next recording begins with a single such line.
    let (starts, mut lines): (Vec<AcceptedLine>, Vec<AcceptedLine>) =
        exchanges.into_iter().flatten().partition(|one| matches!(one.line.fact, Fact::Recording(_)));
    lines.sort_by_key(|one| (one.line.t_ms, one.place));
    // Tells a framing only if all exchanges have the same; else the heads tell the framings.
    let mut framings =
        starts.iter().map(|one| if let Fact::Recording(start) = &one.line.fact { start.framing } else { None });
    let framing = framings.next().flatten();
    let framing = framing.filter(|_| framings.all(|other| other == framing));
    let old = &contract.lines[0].1;
    let mut first = starts.into_iter().next().map_or_else(|| old.clone(), |one| one.line);
    if let (Fact::Recording(start), Fact::Recording(old)) = (&mut first.fact, &old.fact) {
        // Keeps the time on the timeline of the proxy, which a replay lacks.
        start.at_ms = old.at_ms;
        start.framing = framing;
    }
    first.exchange = old.exchange;
    first.notes.vary.clone_from(&old.notes.vary);
    without_broken_rules(&contract.name, [first].into_iter().chain(lines.into_iter().map(|one| one.line)).collect())
}

/// Returns the lines without the rules that the values of these lines break: the next check would refuse such rules.
fn without_broken_rules(name: &str, mut lines: Vec<RecordedLine>) -> NextRecording {
    let mut left_out = Vec::new();
    // Looks again after each removal: a rule of the first line then holds for lines whose own rule is gone.
    loop {
        let numbered: Vec<(usize, RecordedLine)> = (1..).zip(lines.iter().cloned()).collect();
        let wrong = RecordingContract::new(name, numbered).map(|contract| contract.wrong_rules()).unwrap_or_default();
        if wrong.is_empty() {
            return NextRecording { lines, left_out };
        }
        // Removes from the back, so that the indices of the other rules stay right.
        for rule in wrong.iter().rev() {
            lines[rule.line - 1].notes.vary.remove(rule.index);
        }
        left_out.extend(wrong.into_iter().map(|rule| rule.problem.at(rule.line).to_string()));
    }
}

/// Returns the lines of a replayed exchange, with `vary` and `may` of the old lines. An old line with `may` stays, even if the
/// replay has no such line.
pub(super) fn accepted_exchange(
    (contract, exchange): (&RecordingContract, &ContractExchange),
    came: &[RecordedLine],
    with: &Comparison,
) -> Vec<AcceptedLine> {
    let old = |line: usize| contract.lines.iter().find(|(number, _)| *number == line).map(|(_, line)| line);
    let key = old(exchange.line).map(|line| line.exchange).unwrap_or_default();
    let pairs = pairs(with);
    let left = exchange.response.end.filter(|end| end.how == How::Closed);
    let left_ms = left.map(|end| end.at_ms.max(last_due(&pairs, exchange, with)) + exchange.start_ms);
    let mut kept: Vec<usize> = Vec::new();
    let mut lines: Vec<AcceptedLine> = Vec::new();
    let (mut write, mut place) = (0, 0);
    for line in came {
        let mut line = line.clone();
        // Adds the time of the recorded request, from which a replay counts.
        let shift_ms = if matches!(line.fact, Fact::Recording(_)) { 0 } else { exchange.start_ms };
        line.t_ms += shift_ms;
        line.notes.first_ms = line.notes.first_ms.map(|first_ms| first_ms + shift_ms);
        line.exchange = key;
        match &mut line.fact {
            // Keeps the recorded request, without the headers of the check.
            Fact::RawRequest(_) => {
                place = exchange.line;
                line = old(place).cloned().unwrap_or(line);
            }
            Fact::Head(head) if head.status >= 200 => {
                let old_head = exchange.response.head.as_ref();
                place = old_head.map_or(place, |head| head.line);
                line.notes.vary =
                    old_head.and_then(|head| old(head.line)).map(|head| head.notes.vary.clone()).unwrap_or_default();
                // Leaves out again what the recorder left out, also by a name of `--redact`, which the check does not know.
                let was_left_out = |name: &str| {
                    let mut headers = old_head.into_iter().flat_map(|head| &head.head.headers);
                    headers.any(|(known, value)| known == name && is_masked(known, value))
                };
                for (_, value) in head.headers.iter_mut().filter(|(name, _)| was_left_out(name)) {
                    // Puts in at least so many that the next check knows what was left out.
                    *value = "x".repeat(value.len().max(MASK_MIN));
                }
            }
            Fact::Write(_) => {
                write += 1;
                let partner = pairs.get(&(write - 1)).map(|at| exchange.response.writes[*at].line);
                match partner.and_then(|number| Some((number, old(number)?))) {
                    // Keeps only the first of several heartbeats that came for the same optional line.
                    Some((number, partner)) if partner.notes.may && kept.contains(&number) => continue,
                    Some((number, partner)) => {
                        kept.push(number);
                        place = place.max(number);
                        line.notes.vary.clone_from(&partner.notes.vary);
                        line.notes.may = partner.notes.may;
                    }
                    // Leaves out writes behind the leave, which the check sees by watching for longer.
                    None if left_ms.is_some_and(|left_ms| line.t_ms > left_ms) => continue,
                    None => {}
                }
            }
            Fact::End(end) => {
                place = exchange.response.end.map_or(place, |end| end.line);
                let last_ms = lines.last().map_or(0, |one: &AcceptedLine| one.line.t_ms);
                if let Some(left_ms) = left_ms.filter(|_| end.how == How::Closed) {
                    line.t_ms = left_ms.max(last_ms).min(line.t_ms);
                }
            }
            _ => {}
        }
        lines.push(AcceptedLine { line, place });
    }
    let is_absent =
        |number: usize, line: &RecordedLine| line.notes.may && line.exchange == key && !kept.contains(&number);
    let absent = contract.lines.iter().filter(|(number, line)| is_absent(*number, line));
    for (place, line) in absent {
        insert(&mut lines, AcceptedLine { line: line.clone(), place: *place });
    }
    lines
}

/// Returns when the last recorded write came that has to come; the client leaves no sooner.
fn last_due(pairs: &BTreeMap<usize, usize>, exchange: &ContractExchange, with: &Comparison) -> u64 {
    let has_to_come = |unit: &Unit| {
        let recorded = (unit.writes.0..=unit.writes.1).filter_map(|write| pairs.get(&write));
        recorded.into_iter().any(|write| !exchange.response.writes[*write].may)
    };
    with.seen_units.iter().filter(|unit| has_to_come(unit)).map(|unit| unit.times.last_ms).max().unwrap_or_default()
}

/// Returns the recorded write for each write of a replay, by index.
fn pairs(with: &Comparison) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    for step in &with.steps {
        let (Aligned::Same(e, g) | Aligned::Wrong(e, g) | Aligned::May(e, g)) = *step else { continue };
        let (wanted, came) = (with.expected_units[e].writes, with.seen_units[g].writes);
        // Pairs backwards from the last write, with which both units are complete.
        for n in 0..=(wanted.1 - wanted.0).min(came.1 - came.0) {
            pairs.insert(came.1 - n, wanted.1 - n);
        }
    }
    pairs
}

/// Inserts a line at its old time, between the head and the end.
fn insert(lines: &mut Vec<AcceptedLine>, mut new: AcceptedLine) {
    let is_head = |one: &AcceptedLine| matches!(&one.line.fact, Fact::Head(head) if head.status >= 200);
    let head = lines.iter().position(is_head).unwrap_or(0);
    let end = lines.iter().position(|one| matches!(one.line.fact, Fact::End(_))).unwrap_or(lines.len());
    let later = lines[head + 1..end].iter().position(|other| other.line.t_ms > new.line.t_ms);
    let at = later.map_or(end, |later| head + 1 + later);
    let (before, next) = (&lines[at - 1], lines.get(at));
    // Moves the line between the times of the neighbours, since the times of a recording never fall.
    new.line.t_ms = new.line.t_ms.max(before.line.t_ms).min(next.map_or(u64::MAX, |next| next.line.t_ms));
    // Leaves out the time of the first byte, which may lie behind the moved line.
    new.line.notes.first_ms = None;
    new.place = new.place.max(before.place).min(next.map_or(usize::MAX, |next| next.place));
    lines.insert(at, new);
}
