//! Compares two recordings of the same request, and proposes the differing values as values that may vary.

use std::collections::{BTreeMap, BTreeSet};

use onbeat_wire::recording::{Fact, NumberBounds, Vary, VaryPlace, VaryRule};
use serde::Serialize;
use serde_json::{Number, Value};

use super::RecordedLine;
use super::compared_pairs::Pairs;
use super::compared_text::{ComparedText, compared_fields, compared_texts};

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
    /// Values in JSON, or of headers, differ. The key fits into the line.
    Vary(Vec<Vary>),
    /// Texts differ, and are not both JSON.
    Text([String; 2]),
    /// The statuses differ.
    Status([u16; 2]),
    /// The numbers of events, or of lines, differ.
    Count([usize; 2]),
    /// The numbers of comments differ.
    Comments([usize; 2]),
    /// The ends differ.
    End([String; 2]),
}

/// Returns the differences between two recordings, in the order of the lines.
#[must_use]
pub fn proposals(first: &[RecordedLine], second: &[RecordedLine]) -> Vec<Proposal> {
    let mut proposals = head_proposals(first, second);
    let (texts, others) = (compared_texts(first), compared_texts(second));
    let mut in_body = Vec::new();
    let Pairs { both, alone } = Pairs::of(&texts, &others);
    let mut rules: BTreeMap<usize, Vec<Vary>> = BTreeMap::new();
    for (at, other) in both {
        let Some(difference) = text_difference(&texts[at].text, &others[other].text) else { continue };
        if let ProposedDifference::Vary(vary) = &difference {
            rules.insert(at, vary.clone());
        }
        in_body.push(Proposal { line: texts[at].line, difference });
    }
    // Proposes for a text that only one answer has what is proposed for its kind.
    for (at, like) in alone {
        let (text, vary) = (&texts[at], rules.get(&like).cloned().unwrap_or_default());
        let vary: Vec<Vary> = vary.into_iter().filter(|vary| has_value(&text.text, &vary.place)).collect();
        let difference = (!vary.is_empty()).then_some(ProposedDifference::Vary(vary));
        in_body.extend(difference.map(|difference| Proposal { line: text.line, difference }));
    }
    let (fields, other_fields) = (compared_fields(first), compared_fields(second));
    for (name, values) in &fields {
        let others = other_fields.get(name).map_or(&[][..], Vec::as_slice);
        // Proposes nothing for the same values in another order, such as the types of events of several timers.
        if set(values) == set(others) {
            continue;
        }
        let mut rule = None;
        for (at, value) in values.iter().enumerate() {
            // Keeps the last rule for values that only one answer has.
            if let Some(other) = others.get(at) {
                rule = (value.text != other.text).then(|| text_rule(&value.text, &other.text));
            }
            let vary = rule.clone().map(|rule| vec![Vary { place: VaryPlace::Field(name.clone()), rule }]);
            let difference = vary.map(ProposedDifference::Vary);
            in_body.extend(difference.map(|difference| Proposal { line: value.line, difference }));
        }
    }
    proposals.extend(by_line(in_body));
    // Points at the last line for the differences of the whole: the number of texts, and the end.
    let mut propose = |difference| proposals.push(Proposal { line: first.len(), difference });
    if texts.len() != others.len() {
        propose(ProposedDifference::Count([texts.len(), others.len()]));
    }
    let comments = |fields: &BTreeMap<String, Vec<ComparedText>>| fields.get("").map_or(0, Vec::len);
    if comments(&fields) != comments(&other_fields) {
        propose(ProposedDifference::Comments([comments(&fields), comments(&other_fields)]));
    }
    let end = |lines: &[RecordedLine]| match lines.last().map(|line| &line.fact) {
        Some(Fact::End(end)) => end.how.to_string(),
        _ => "no end".to_owned(),
    };
    if end(first) != end(second) {
        propose(ProposedDifference::End([end(first), end(second)]));
    }
    proposals
}

/// Returns whether a text has a value at a place.
fn has_value(text: &str, place: &VaryPlace) -> bool {
    match place {
        VaryPlace::Pointer(pointer) if !pointer.is_empty() => {
            serde_json::from_str::<Value>(text).is_ok_and(|value| value.pointer(pointer).is_some())
        }
        _ => true,
    }
}

fn set(values: &[ComparedText]) -> BTreeSet<&str> {
    values.iter().map(|value| value.text.as_str()).collect()
}

/// Returns the proposals in the order of their lines, with one `vary` for each line.
fn by_line(mut proposals: Vec<Proposal>) -> Vec<Proposal> {
    proposals.sort_by_key(|proposal| proposal.line);
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

/// Returns the differences between the heads of the responses: the status, and each header once, by name.
fn head_proposals(first: &[RecordedLine], second: &[RecordedLine]) -> Vec<Proposal> {
    // Skips interim heads (1xx), which tell nothing about the response.
    let head = |lines: &'_ [RecordedLine]| {
        let mut heads = lines.iter().enumerate().filter_map(|(number, line)| match &line.fact {
            Fact::Head(head) if head.status >= 200 => Some((number + 1, head.clone())),
            _ => None,
        });
        heads.next()
    };
    let (Some((line, head)), Some((_, other))) = (head(first), head(second)) else { return Vec::new() };
    let mut differences = Vec::new();
    if head.status != other.status {
        differences.push(ProposedDifference::Status([head.status, other.status]));
    }
    let mut headers = Vec::new();
    let names: BTreeSet<&String> = head.headers.iter().chain(&other.headers).map(|(name, _)| name).collect();
    for name in names {
        let values = |headers: &[(String, String)]| -> Vec<String> {
            headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
        };
        // Skips the date, which differs each second.
        if name != "date" && values(&head.headers) != values(&other.headers) {
            let is_in = |headers: &[(String, String)]| headers.iter().any(|(known, _)| known == name);
            let is_in_both = is_in(&head.headers) && is_in(&other.headers);
            let joined = |headers| values(headers).join(", ");
            let rule =
                if is_in_both { text_rule(&joined(&head.headers), &joined(&other.headers)) } else { VaryRule::Any };
            headers.push(Vary { place: VaryPlace::Header(name.clone()), rule });
        }
    }
    differences.extend((!headers.is_empty()).then_some(ProposedDifference::Vary(headers)));
    differences.into_iter().map(|difference| Proposal { line, difference }).collect()
}

/// Returns the difference between two texts: by values, if both are JSON.
fn text_difference(text: &str, other: &str) -> Option<ProposedDifference> {
    if text == other {
        return None;
    }
    let values = [text, other].map(serde_json::from_str::<Value>);
    if let [Ok(value), Ok(other)] = values {
        let mut varying = Vec::new();
        varying_values(&value, &other, "", &mut varying);
        // Proposes nothing for the same JSON in another spelling.
        return (!varying.is_empty()).then_some(ProposedDifference::Vary(varying));
    }
    // Proposes a rule for the whole text only where the rule says more than that any text may come.
    match text_rule(text, other) {
        VaryRule::String | VaryRule::Any => Some(ProposedDifference::Text([text.to_owned(), other.to_owned()])),
        rule => Some(ProposedDifference::Vary(vec![Vary { place: VaryPlace::Pointer(String::new()), rule }])),
    }
}

/// Adds the differing values, each with a rule for both values.
pub(crate) fn varying_values(first: &Value, second: &Value, pointer: &str, varying: &mut Vec<Vary>) {
    let at = |pointer: &str, rule| Vary { place: VaryPlace::Pointer(pointer.to_owned()), rule };
    match (first, second) {
        (Value::Object(fields), Value::Object(others)) => {
            let more = others.keys().filter(|key| !fields.contains_key(*key));
            for key in fields.keys().chain(more) {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (fields.get(key), others.get(key)) {
                    (Some(value), Some(other)) => varying_values(value, other, &pointer, varying),
                    // Allows any value for a key that is missing on one side: only `any` includes no value.
                    _ => varying.push(at(&pointer, VaryRule::Any)),
                }
            }
        }
        // Compares items by place only if no item is added or missing, which would shift the others.
        (Value::Array(values), Value::Array(others)) if values.len() == others.len() => {
            for (index, (value, other)) in values.iter().zip(others).enumerate() {
                varying_values(value, other, &format!("{pointer}/{index}"), varying);
            }
        }
        _ if first == second => {}
        _ => varying.push(at(pointer, rule(first, second))),
    }
}

/// Returns the narrowest rule for both values.
fn rule(first: &Value, second: &Value) -> VaryRule {
    match (first, second) {
        (Value::Number(_), Value::Number(_)) => VaryRule::Number(NumberBounds::default()),
        (Value::String(first), Value::String(second)) => {
            let both = |is_one: fn(&str) -> bool| is_one(first) && is_one(second);
            if both(|text| text.parse::<jiff::Timestamp>().is_ok()) {
                VaryRule::Timestamp
            } else if both(is_uuid) {
                VaryRule::Uuid
            } else {
                VaryRule::String
            }
        }
        _ => VaryRule::Any,
    }
}

/// Returns the narrowest rule that two values of a field or a header keep.
fn text_rule(first: &str, second: &str) -> VaryRule {
    let value = |text: &str| text.parse::<Number>().map_or_else(|_| Value::from(text), Value::from);
    match (value(first), value(second)) {
        (first @ Value::Number(_), second @ Value::Number(_)) => rule(&first, &second),
        _ => match rule(&first.into(), &second.into()) {
            VaryRule::String => text_and_timestamp(first, second).unwrap_or(VaryRule::String),
            narrower => narrower,
        },
    }
}

/// Returns the rule for two texts that begin alike and end in a timestamp, such as `ping 2025-12-01T00:00:00Z`.
fn text_and_timestamp(first: &str, second: &str) -> Option<VaryRule> {
    let is_stamp = |text: &str| text.parse::<jiff::Timestamp>().is_ok();
    // Looks behind each space: the text before a timestamp ends in one.
    let starts = first.match_indices(' ').map(|(at, _)| &first[..=at]);
    let start = starts.into_iter().find(|start| {
        let stamps = [first, second].map(|text| text.strip_prefix(start).is_some_and(is_stamp));
        stamps == [true, true]
    });
    start.map(|start| VaryRule::TextAndTimestamp(start.to_owned()))
}

/// Returns whether a text is a UUID (RFC 9562, 4).
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
