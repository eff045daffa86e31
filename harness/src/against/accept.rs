//! The next recording: the lines of a replay, with the notes of the old lines.

use std::collections::BTreeMap;

use onbeat_wire::recording::Fact;

use super::align::Aligned;
use super::compare::Comparison;
use super::contract::RecordingContract;
use crate::record::RecordedLine;

/// Returns the lines of a replay, with `vary` and `may` of the old lines. An old line with `may` stays, even if the replay has
/// no such line.
pub(super) fn accepted(contract: &RecordingContract, came: &[RecordedLine], with: &Comparison) -> Vec<RecordedLine> {
    let exchange = &contract.exchanges[0];
    let old = |line: usize| contract.lines.iter().find(|(number, _)| *number == line).map(|(_, line)| line);
    let pairs = pairs(with);
    let mut kept: Vec<usize> = Vec::new();
    let mut lines: Vec<RecordedLine> = Vec::new();
    let mut write = 0;
    for line in came {
        let mut line = line.clone();
        match &mut line.fact {
            Fact::Recording(start) => {
                start.at_ms = contract.at_ms;
                line.notes.vary.clone_from(&contract.lines[0].1.notes.vary);
            }
            // The recorded request stays, without the headers of the check.
            Fact::RawRequest(_) => {
                line = contract
                    .lines
                    .iter()
                    .find(|(_, old)| matches!(old.fact, Fact::RawRequest(_)))
                    .map_or(line, |old| old.1.clone());
            }
            Fact::Head(head) if head.status >= 200 => {
                let head = exchange.response.head.as_ref().and_then(|head| old(head.line));
                line.notes.vary = head.map(|head| head.notes.vary.clone()).unwrap_or_default();
            }
            Fact::Write(_) => {
                write += 1;
                let partner = pairs.get(&(write - 1)).map(|at| exchange.response.writes[*at].line);
                if let Some((number, partner)) = partner.and_then(|number| Some((number, old(number)?))) {
                    // The first heartbeat stands for all.
                    if partner.notes.may && kept.contains(&number) {
                        continue;
                    }
                    kept.push(number);
                    line.notes.vary.clone_from(&partner.notes.vary);
                    line.notes.may = partner.notes.may;
                }
            }
            _ => {}
        }
        lines.push(line);
    }
    let absent = contract.lines.iter().filter(|(number, line)| line.notes.may && !kept.contains(number));
    for (_, line) in absent {
        insert(&mut lines, line.clone());
    }
    lines
}

/// Returns the recorded write for each write of a replay, by index.
fn pairs(with: &Comparison) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    for step in &with.steps {
        let (Aligned::Same(e, g) | Aligned::Wrong(e, g) | Aligned::May(e, g)) = *step else { continue };
        let (wanted, came) = (with.expected_units[e].writes, with.seen_units[g].writes);
        for n in 0..=(wanted.1 - wanted.0).min(came.1 - came.0) {
            pairs.insert(came.1 - n, wanted.1 - n);
        }
    }
    pairs
}

/// Inserts a line at its old time, between the head and the end.
fn insert(lines: &mut Vec<RecordedLine>, mut line: RecordedLine) {
    let head = lines.iter().position(|line| matches!(&line.fact, Fact::Head(head) if head.status >= 200)).unwrap_or(0);
    let end = lines.iter().position(|line| matches!(line.fact, Fact::End(_))).unwrap_or(lines.len());
    let later = lines[head + 1..end].iter().position(|other| other.t_ms > line.t_ms);
    let at = later.map_or(end, |later| head + 1 + later);
    line.t_ms = line.t_ms.max(lines[at - 1].t_ms);
    line.t_ms = line.t_ms.min(lines.get(at).map_or(u64::MAX, |next| next.t_ms));
    line.notes.first_ms = None;
    lines.insert(at, line);
}
