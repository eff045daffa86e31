//! Compares two recordings of the same request, and proposes the differing values as values that may vary.

use std::collections::{BTreeMap, BTreeSet};

use onbeat_wire::recording::{Fact, NumberBounds, Vary, VaryPlace, VaryRule};
use serde::Serialize;
use serde_json::{Map, Number, Value};

use super::RecordedLine;
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
    for (text, other) in pairs(&texts, &others).into_iter().map(|(one, other)| (&texts[one], &others[other])) {
        let difference = text_difference(&text.text, &other.text);
        in_body.extend(difference.map(|difference| Proposal { line: text.line, difference }));
    }
    let (fields, other_fields) = (compared_fields(first), compared_fields(second));
    for (name, values) in &fields {
        let others = other_fields.get(name).map_or(&[][..], Vec::as_slice);
        // Proposes nothing for the same values in another order, such as the types of events of several timers.
        if set(values) == set(others) {
            continue;
        }
        for (value, other) in values.iter().zip(others) {
            let rule = (value.text != other.text).then(|| text_rule(&value.text, &other.text));
            let vary = rule.map(|rule| vec![Vary { place: VaryPlace::Field(name.clone()), rule }]);
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

/// Returns the places of the texts to compare: the first text of a kind with the first of the same kind, and so on, since the
/// kinds of several timers may come in another order. Texts of kinds that only one side has are paired by their order.
fn pairs(texts: &[ComparedText], others: &[ComparedText]) -> Vec<(usize, usize)> {
    let all: BTreeSet<TextKind> = texts.iter().chain(others).map(TextKind::of).collect();
    let by_kind = |texts: &[ComparedText]| {
        let mut by_kind: BTreeMap<TextKind, Vec<usize>> = BTreeMap::new();
        for (at, text) in texts.iter().enumerate() {
            by_kind.entry(TextKind::of(text).with_fewest_names(&all).clone()).or_default().push(at);
        }
        by_kind
    };
    let (mut kinds, mut other_kinds) = (by_kind(texts), by_kind(others));
    let mut pairs = Vec::new();
    kinds.retain(|kind, places| {
        let partners = other_kinds.remove(kind);
        pairs.extend(places.iter().copied().zip(partners.iter().flatten().copied()));
        partners.is_none()
    });
    let in_order = |kinds: BTreeMap<TextKind, Vec<usize>>| kinds.into_values().flatten().collect::<BTreeSet<usize>>();
    pairs.extend(in_order(kinds).into_iter().zip(in_order(other_kinds)));
    pairs.sort_unstable();
    pairs
}

/// The kind of a text: the type of the event, the value `type` in a JSON object, and the names in the object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TextKind {
    event_type: String,
    object_type: String,
    /// The names; nothing for other texts.
    names: Option<BTreeSet<String>>,
}

impl TextKind {
    fn of(text: &ComparedText) -> Self {
        let object = serde_json::from_str::<Map<String, Value>>(&text.text).ok();
        let object_type = object.as_ref().and_then(|object| object.get("type")?.as_str());
        Self {
            event_type: text.event_type.clone(),
            object_type: object_type.unwrap_or_default().to_owned(),
            names: object.map(|object| object.keys().cloned().collect()),
        }
    }

    /// Returns the kind with the fewest names among kinds that differ from this one by further names alone: some keys are not
    /// in each object.
    fn with_fewest_names<'k>(&'k self, kinds: &'k BTreeSet<Self>) -> &'k Self {
        let Some(names) = &self.names else { return self };
        let is_part =
            |kind: &&Self| kind.names.as_ref().is_some_and(|fewer| !fewer.is_empty() && fewer.is_subset(names));
        let of_type = |kind: &&Self| kind.event_type == self.event_type && kind.object_type == self.object_type;
        let parts = kinds.iter().filter(of_type).filter(is_part);
        parts.min_by_key(|kind| kind.names.as_ref().map(BTreeSet::len)).unwrap_or(self)
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
mod tests {
    use onbeat_wire::How;
    use onbeat_wire::recording::{ArrivalNotes, End, Exchange, Line, ResponseHead, Write};

    use super::*;

    fn recording(content_type: &str, id: &str, writes: &[&str]) -> Vec<RecordedLine> {
        let headers = [("content-type", content_type), ("x-request-id", id)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let head: Fact = ResponseHead { status: 200, headers }.into();
        let writes = writes.iter().map(|text| Fact::from(Write { bytes: text.as_bytes().to_vec().into() }));
        let facts = [head].into_iter().chain(writes).chain([End { how: How::Complete }.into()]);
        let line = |fact| Line { t_ms: 0, exchange: Exchange::default(), fact, notes: ArrivalNotes::default() };
        facts.map(line).collect()
    }

    #[track_caller]
    fn assert_proposed(first: &[RecordedLine], second: &[RecordedLine], expected: &[&str]) {
        let lines: Vec<String> = proposals(first, second)
            .iter()
            .map(|proposal| serde_json::to_string(proposal).expect("plain data"))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_values_of_events_that_differ_are_proposed_with_a_rule() {
        let stream = |id: &str, first: &str, second: &str| {
            recording("text/event-stream", id, &[&format!("data: {first}\n"), &format!("\n: hi\n\ndata: {second}\n\n")])
        };
        let uuids = ["0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f", "ffffffff-3d21-4a3c-9a53-1a1b2c3d4e5f"];
        let event = |uuid: &str, at: &str, n: u8| {
            format!(r#"{{"id":"{uuid}","at":"{at}","n":[1,{n}],"a/b":{{"c~d":"{n}x"}}}}"#)
        };
        let first = stream("1", &event(uuids[0], "2025-12-01T00:00:00Z", 2), "[DONE]");
        let second = stream("2", &event(uuids[1], "2025-12-01T00:00:01.5Z", 3), "[DONE]");
        let vary = concat!(
            r#"{"line":3,"vary":[{"pointer":"/a~1b/c~0d","as":"string"},{"pointer":"/at","as":"timestamp"},"#,
            r#"{"pointer":"/id","as":"uuid"},{"pointer":"/n/1","as":"number"}]}"#
        );
        let header = r#"{"line":1,"vary":[{"header":"x-request-id","as":"number"}]}"#;
        assert_proposed(&first, &second, &[header, vary]);
        assert_proposed(&first, &first, &[]);
        let third = stream("1", r#"{"id":null}"#, "[END]");
        let any = r#"{"line":3,"vary":[{"pointer":"/a~1b","as":"any"},{"pointer":"/at","as":"any"},{"pointer":"/id","as":"any"},{"pointer":"/n","as":"any"}]}"#;
        assert_proposed(&first, &third, &[any, r#"{"line":3,"text":["[DONE]","[END]"]}"#]);
    }

    #[test]
    fn a_header_that_differs_is_proposed_with_the_narrowest_rule() {
        for (first, second, rule) in [
            ("0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f", "ffffffff-3d21-4a3c-9a53-1a1b2c3d4e5f", "uuid"),
            ("2025-12-01T00:00:00Z", "2025-12-01T00:00:01Z", "timestamp"),
            ("17", "18", "number"),
            ("17", "a18", "string"),
        ] {
            let told = format!(r#"{{"line":1,"vary":[{{"header":"x-request-id","as":"{rule}"}}]}}"#);
            let recorded = |id| recording("text/event-stream", id, &[]);
            assert_proposed(&recorded(first), &recorded(second), &[&told]);
        }
    }

    #[test]
    fn ids_types_and_comments_that_differ_are_proposed_as_well() {
        let stream = |ping: &str, id: &str, n: u8| {
            let event = format!("id: {id}\r\nevent: tick\r\ndata: {{\"n\":{n}}}\r\n\r\n");
            recording(
                "text/event-stream; charset=utf-8",
                "1",
                &[&event, &format!(": ping - {ping}\r\n"), "\r\n", ":hi\n\n"],
            )
        };
        assert_proposed(
            &stream("2026-11-26 16:06:04", "a-17", 1),
            &stream("2026-11-26 16:06:05", "a-18", 2),
            &[
                r#"{"line":2,"vary":[{"pointer":"/n","as":"number"},{"field":"id","as":"string"}]}"#,
                r#"{"line":3,"vary":[{"field":"","as":"string"}]}"#,
            ],
        );
        let number = r#"{"line":2,"vary":[{"field":"id","as":"number"}]}"#;
        assert_proposed(&stream("", "17", 1), &stream("", "18", 1), &[number]);
    }

    #[test]
    fn events_of_several_timers_are_compared_by_kind() {
        let (tick, news) = ("event: tick\ndata: {\"n\":1,\"at\":AT}\n\n", "event: news\ndata: {\"id\":7}\n\n");
        let stream = |writes: &[&str], at: &str| {
            let writes: Vec<String> = writes.iter().map(|write| write.replace("AT", at)).collect();
            recording("text/event-stream", "1", &writes.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let at = |line: u32| format!(r#"{{"line":{line},"vary":[{{"pointer":"/at","as":"number"}}]}}"#);
        let count = r#"{"line":5,"count":[3,4]}"#;
        assert_proposed(
            &stream(&[tick, news, tick], "1"),
            &stream(&[news, tick, tick, news], "2"),
            &[&at(2), &at(4), count],
        );
    }

    #[test]
    fn events_with_a_key_that_is_not_in_each_are_compared_in_their_order() {
        let stream = |extra: [bool; 3], id: &str| {
            let event = |n: usize| {
                let extra = if extra[n] { ",\"extra\":1" } else { "" };
                format!("data: {{\"k\":{n},\"id\":\"{id}\"{extra}}}\n\n")
            };
            let events: Vec<String> = (0..3).map(event).collect();
            recording("text/event-stream", "1", &events.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_proposed(
            &stream([false, true, false], "a"),
            &stream([false, false, true], "b"),
            &[
                r#"{"line":2,"vary":[{"pointer":"/id","as":"string"}]}"#,
                r#"{"line":3,"vary":[{"pointer":"/extra","as":"any"},{"pointer":"/id","as":"string"}]}"#,
                r#"{"line":4,"vary":[{"pointer":"/id","as":"string"},{"pointer":"/extra","as":"any"}]}"#,
            ],
        );
    }

    #[test]
    fn a_text_that_is_a_timestamp_and_a_comment_that_ends_in_one_get_their_rules() {
        let stream = |second: u8, comments: &[&str]| {
            let at = format!("2025-12-01T00:00:0{second}Z");
            let event = format!("data: {at}\n\n");
            let comments = comments.iter().map(|comment| format!(": {comment} {at}\n\n")).collect::<String>();
            recording("text/event-stream", "1", &[&event, &comments])
        };
        let stamp = r#"{"line":2,"vary":[{"pointer":"","as":"timestamp"}]}"#;
        let ping = r#"{"line":3,"vary":[{"field":"","as":"text-and-timestamp","text":"ping "}]}"#;
        assert_proposed(&stream(1, &["ping"]), &stream(2, &["ping"]), &[stamp, ping]);
        let (one, more) = (stream(1, &["ping"]), stream(2, &["ping", "ping"]));
        assert_proposed(&one, &more, &[stamp, ping, r#"{"line":4,"comments":[1,2]}"#]);
    }

    #[test]
    fn lines_and_single_values_are_compared_as_well() {
        let lines = |texts: &[&str]| recording("application/x-ndjson", "1", texts);
        assert_proposed(
            &lines(&["{\"a\":1}\n{\"a\"", ":2}\n"]),
            &lines(&["{\"a\":1}\n{\"a\":3}\n", "{}\n"]),
            &[r#"{"line":3,"vary":[{"pointer":"/a","as":"number"}]}"#, r#"{"line":4,"count":[2,3]}"#],
        );
        let pretty = |value: &str| recording("application/json", "1", &["{\n \"a\":", value, "\n}\n"]);
        assert_proposed(&pretty("1"), &pretty("2"), &[r#"{"line":4,"vary":[{"pointer":"/a","as":"number"}]}"#]);
    }
}
