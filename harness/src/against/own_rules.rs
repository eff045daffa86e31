//! The rules of a recording for values that may vary, held against the values of the same recording.
//!
//! A rule that is broken already by the recorded values, or is for a field that no event has, loosens nothing: most likely the
//! rule has a mistake.

use std::collections::BTreeMap;

use onbeat_wire::Head;
use onbeat_wire::jsonl::Problem;
use onbeat_wire::printable::clipped;
use onbeat_wire::recording::{Fact, VaryPlace};
use serde_json::Value;

use super::body::{BodyKind, Measure};
use super::facts::ResponseFacts;
use super::request::has_mask;
use super::unit::{Unit, units};
use crate::judge::{Loosening, fields};
use crate::record::RecordedLine;

/// The fields of an event apart from the data; a comment has no name. Parsers ignore all others (WHATWG HTML, 9.2.6).
const FIELDS: [&str; 4] = ["", "event", "id", "retry"];
/// The largest number of characters of a value in a message.
const VALUE_CHARS_MAX: usize = 60;

/// A rule that can't be meant so.
#[derive(Clone, Debug)]
pub(super) struct WrongRule {
    /// The number of the line with the rule, from 1.
    pub(super) line: usize,
    /// The index of the rule in `vary` of the line.
    pub(super) index: usize,
    pub(super) problem: Problem,
}

/// The values of a recording, by line.
struct RecordedValues<'r> {
    lines: &'r [(usize, RecordedLine)],
    heads: BTreeMap<usize, &'r Head>,
    /// The units of all bodies, each with the lines of its writes.
    units: Vec<(Unit, Vec<usize>)>,
    /// The units of each line, by index.
    of_line: BTreeMap<usize, Vec<usize>>,
}

/// Returns the wrong rules among those of these lines, which are the lines of these responses.
pub(super) fn wrong_rules(lines: &[(usize, RecordedLine)], responses: &[&ResponseFacts]) -> Vec<WrongRule> {
    // Divides no body into units for nothing: most recordings have no rules.
    if lines.iter().all(|(_, line)| line.notes.vary.is_empty()) {
        return Vec::new();
    }
    let recorded = RecordedValues::of(lines, responses);
    let mut wrong = Vec::new();
    for (number, line) in lines {
        // Looks for the values of a rule of the first line in all lines.
        let of_line = (!matches!(line.fact, Fact::Recording(_))).then_some(*number);
        for (index, vary) in line.notes.vary.iter().enumerate() {
            let Ok(rule) = Loosening::compile(vary) else { continue };
            let values = recorded.values(of_line, &vary.place);
            let is_without_value = of_line.is_some() && values.is_empty() && !rule.allows_absence();
            let without_value = is_without_value.then(|| without_value(&rule));
            let problem = recorded.unknown_field(&vary.place).or(without_value).or_else(|| broken(&rule, &values));
            let problem = problem.map(|problem| problem.within(&format!("vary[{index}]")));
            wrong.extend(problem.map(|problem| WrongRule { line: *number, index, problem }));
        }
    }
    wrong
}

/// Returns the problem of a rule for a place in a line that has no value there.
fn without_value(rule: &Loosening) -> Problem {
    let place = shown_place(&rule.place);
    let expected = format_args!(
        "a value {place} of this line, for which the rule is, got none: correct the place, or use the rule any, with which \
         a value may be missing"
    );
    Problem::line(expected)
}

fn shown_place(place: &VaryPlace) -> String {
    match place {
        VaryPlace::Pointer(pointer) if pointer.is_empty() => "in the data".to_owned(),
        VaryPlace::Pointer(pointer) => format!("at {pointer}"),
        VaryPlace::Field(name) if name.is_empty() => "in the comment".to_owned(),
        VaryPlace::Field(name) => format!("in the field {name}"),
        VaryPlace::Header(name) => format!("in the header {name}"),
    }
}

/// Returns the problem of a rule, if each of the values breaks the rule, and there are values.
fn broken(rule: &Loosening, values: &[Value]) -> Option<Problem> {
    // Accepts any value in place of a secret that the recorder left out.
    let is_masked = |value: &Value| value.as_str().is_some_and(has_mask);
    let breach = |value: &Value| if is_masked(value) { None } else { rule.breach_in_place(value) };
    let breaches: Option<Vec<String>> = values.iter().map(breach).collect();
    let expected = breaches?.into_iter().next()?;
    let shown = clipped(values.first()?.to_string(), VALUE_CHARS_MAX);
    let place = shown_place(&rule.place);
    let expected = format_args!(
        "{expected} {place}, as the rule says, got {shown} in the recording: correct the rule or the value"
    );
    Some(Problem::line(expected))
}

impl<'r> RecordedValues<'r> {
    fn of(lines: &'r [(usize, RecordedLine)], responses: &[&'r ResponseFacts]) -> Self {
        let mut recorded = Self { lines, heads: BTreeMap::new(), units: Vec::new(), of_line: BTreeMap::new() };
        for response in responses {
            let Some(head) = &response.head else { continue };
            recorded.heads.insert(head.line, &head.head);
            for unit in units(&response.writes, BodyKind::of(&head.head, &response.writes), Measure::Chunks) {
                let writes = &response.writes[unit.writes.0..=unit.writes.1];
                let lines: Vec<usize> = writes.iter().map(|write| write.line).collect();
                for line in &lines {
                    recorded.of_line.entry(*line).or_default().push(recorded.units.len());
                }
                recorded.units.push((unit, lines));
            }
        }
        recorded
    }

    /// Returns the problem of a rule for a field that no event of the recording has.
    fn unknown_field(&self, place: &VaryPlace) -> Option<Problem> {
        let VaryPlace::Field(name) = place else { return None };
        let is_known =
            FIELDS.contains(&name.as_str()) || self.units.iter().any(|(unit, _)| !unit.values(place).is_empty());
        (!is_known).then(|| {
            let expected = r#"event, id or retry, or "" for a comment (the data is "pointer":"")"#;
            Problem::field("field", format_args!("{expected}, got {name:?}, which no line of the recording has"))
        })
    }

    /// Returns the values at a place: in a line, or else in all lines without a rule of their own, which would come first.
    fn values(&self, of_line: Option<usize>, place: &VaryPlace) -> Vec<Value> {
        let is_meant =
            |line: &usize| of_line.map_or_else(|| !self.has_own_rule(*line, place), |of_line| of_line == *line);
        if let VaryPlace::Header(name) = place {
            let heads = self.heads.iter().filter(|(line, _)| is_meant(line));
            return heads.filter_map(|(_, head)| fields::value(head, name)).map(Value::from).collect();
        }
        if let Some(line) = of_line {
            let units = self.of_line.get(&line).into_iter().flatten().map(|at| &self.units[*at].0);
            return units.flat_map(|unit| unit.values(place)).collect();
        }
        let units = self.units.iter().filter(|(_, lines)| lines.iter().all(is_meant));
        units.flat_map(|(unit, _)| unit.values(place)).collect()
    }

    /// Returns whether a line has a rule of its own for a place.
    fn has_own_rule(&self, line: usize, place: &VaryPlace) -> bool {
        let own = self.lines.binary_search_by_key(&line, |(number, _)| *number).map(|at| &self.lines[at].1.notes.vary);
        own.is_ok_and(|own| own.iter().any(|vary| vary.place == *place))
    }
}
