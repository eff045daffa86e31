//! Compares two recordings of the same request, and proposes the values that differ as values that may vary.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};

use onbeat_wire::How;
use onbeat_wire::recording::{Vary, VaryPlace, VaryRule};
use serde::Serialize;

use self::pairs::Pairs;
use super::body::{BodyKind, Measure};
use super::facts::{HeadFact, ResponseFacts, WriteFact};
use super::narrowest_rules::{UnitDifference, text_rule};
use super::pieces::pieces;
use super::unit::{Unit, UnitKind, VaryingType, units};
use crate::judge::fields;
use crate::record::RecordedLine;

/// A difference between two recordings, at a line of the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// The line of the first recording, from 1.
    line: usize,
    #[serde(flatten)]
    difference: ProposedDifference,
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ProposedDifference {
    /// Values in JSON, or of fields or headers, differ. The key fits into the line.
    Vary(Vec<Vary>),
    /// Texts differ, and are not both JSON.
    Text([String; 2]),
    /// The statuses differ.
    Status([u16; 2]),
    /// The numbers of events, lines or pieces differ.
    Count([usize; 2]),
    /// The numbers of comments differ.
    Comments([usize; 2]),
    /// The ends differ.
    End([String; 2]),
}

/// Returns the differences between two recordings, in the order of the lines.
#[must_use]
pub fn proposals(first: &[RecordedLine], second: &[RecordedLine]) -> Vec<Proposal> {
    let [response, other] = [first, second].map(ResponseFacts::of);
    let mut proposals = Vec::new();
    // Points at the last line for the differences of the whole: the number of units, and the end.
    let mut of_whole = Vec::new();
    if let (Some(head), Some(other_head)) = (&response.head, &other.head) {
        let of_head = head_differences(head, other_head).into_iter();
        proposals.extend(of_head.map(|difference| Proposal { line: head.line, difference }));
        let bodies = Bodies::divide(head, &response.writes, &other.writes);
        proposals.extend(bodies.proposals(&response.writes));
        of_whole.extend(bodies.counts());
    }
    let end = |facts: &ResponseFacts| facts.end.map(|end| end.how);
    if end(&response) != end(&other) {
        let told = |how: Option<How>| how.map_or_else(|| "no end".to_owned(), |how| how.to_string());
        of_whole.push(ProposedDifference::End([told(end(&response)), told(end(&other))]));
    }
    proposals.extend(of_whole.into_iter().map(|difference| Proposal { line: first.len(), difference }));
    proposals
}

/// Returns the differences between the heads of the responses: the status, and each header once, by name.
fn head_differences(head: &HeadFact, other: &HeadFact) -> Vec<ProposedDifference> {
    let (head, other) = (&head.head, &other.head);
    let mut differences = Vec::new();
    if head.status != other.status {
        differences.push(ProposedDifference::Status([head.status, other.status]));
    }
    let mut headers = Vec::new();
    let names: BTreeSet<&String> = head.headers.iter().chain(&other.headers).map(|(name, _)| name).collect();
    // Skips the date, which differs each second.
    for name in names.into_iter().filter(|name| *name != "date") {
        let rule = match [head, other].map(|head| fields::value(head, name)) {
            [Some(value), Some(other)] if value == other => continue,
            [Some(value), Some(other)] => text_rule(&value, &other),
            _ => VaryRule::Any,
        };
        headers.push(Vary { place: VaryPlace::Header(name.clone()), rule });
    }
    differences.extend((!headers.is_empty()).then_some(ProposedDifference::Vary(headers)));
    differences
}

/// The bodies of two responses, in units, each with its kind.
struct Bodies {
    units: Vec<Unit>,
    kinds: Vec<UnitKind>,
    other_units: Vec<Unit>,
    other_kinds: Vec<UnitKind>,
}

impl Bodies {
    fn divide(head: &HeadFact, writes: &[WriteFact], other_writes: &[WriteFact]) -> Self {
        let (kind, measure) = (BodyKind::of(&head.head, writes), Measure::Chunks);
        let expected = units(writes, kind, measure);
        let other_units = match kind {
            BodyKind::Pieces => pieces(writes, &expected, other_writes, measure),
            _ => units(other_writes, kind, measure),
        };
        let kinds = |units: &[Unit]| units.iter().map(|unit| unit.kind(VaryingType::default())).collect();
        Self { kinds: kinds(&expected), units: expected, other_kinds: kinds(&other_units), other_units }
    }

    /// Returns a proposal for each unit with a difference.
    fn proposals(&self, writes: &[WriteFact]) -> Vec<Proposal> {
        let Pairs { both, alone } = Pairs::of(&self.kinds, &self.other_kinds);
        let mut rules: BTreeMap<usize, Vec<Vary>> = BTreeMap::new();
        let mut found: Vec<(usize, ProposedDifference)> = Vec::new();
        for (at, other) in both {
            let (unit, other) = (&self.units[at], &self.other_units[other]);
            let UnitDifference { vary, is_another_text } = UnitDifference::between(unit, other);
            found.extend(is_another_text.then(|| (at, ProposedDifference::Text([text(unit), text(other)]))));
            rules.insert(at, vary);
        }
        // Proposes for a unit that only one answer has what is proposed for its kind.
        for (at, like) in alone {
            let mut vary = rules.get(&like).cloned().unwrap_or_default();
            vary.retain(|vary| !self.units[at].values(&vary.place).is_empty());
            rules.insert(at, vary);
        }
        rules.retain(|_, vary| !vary.is_empty());
        found.extend(rules.into_iter().map(|(at, vary)| (at, ProposedDifference::Vary(vary))));
        found.sort_by_key(|(at, _)| *at);
        // Puts a rule into the line of the write that completes the unit.
        let line = |at: usize| writes[self.units[at].writes.1].line;
        by_line(found.into_iter().map(|(at, difference)| Proposal { line: line(at), difference }))
    }

    /// Returns the numbers of units that differ.
    fn counts(&self) -> Vec<ProposedDifference> {
        let counts = |is_counted: fn(&&UnitKind) -> bool| {
            let counts = [&self.kinds, &self.other_kinds].map(|kinds| kinds.iter().filter(is_counted).count());
            (counts[0] != counts[1]).then_some(counts)
        };
        let texts = counts(|kind| !kind.is_comment && !kind.is_empty).map(ProposedDifference::Count);
        let comments = counts(|kind| kind.is_comment).map(ProposedDifference::Comments);
        texts.into_iter().chain(comments).collect()
    }
}

/// Returns the data of an event, or the text of another unit.
fn text(unit: &Unit) -> String {
    unit.data().map_or_else(|| String::from_utf8_lossy(&unit.bytes).into_owned(), ToOwned::to_owned)
}

/// Returns the proposals with one `vary` for each line.
fn by_line(proposals: impl Iterator<Item = Proposal>) -> Vec<Proposal> {
    let mut merged: Vec<Proposal> = Vec::new();
    for proposal in proposals {
        let same_line = merged.iter_mut().rev().take_while(|before| before.line == proposal.line);
        let vary = same_line.into_iter().find_map(|before| match &mut before.difference {
            ProposedDifference::Vary(vary) => Some(vary),
            _ => None,
        });
        match (vary, proposal.difference) {
            (Some(vary), ProposedDifference::Vary(more)) => vary.extend(more),
            (_, difference) => merged.push(Proposal { difference, ..proposal }),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
