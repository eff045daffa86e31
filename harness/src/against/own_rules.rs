//! The rules of a recording for values that may vary, held against the values of the same recording.
//!
//! A rule that is broken already by the recorded values, or is for a field that no event has, loosens nothing: most likely the
//! rule has a mistake.

use onbeat_wire::jsonl::Problem;
use onbeat_wire::printable::clipped;
use onbeat_wire::recording::{Fact, Vary, VaryPlace};
use serde_json::Value;

use super::body::{BodyKind, Measure};
use super::facts::{ResponseFacts, joined};
use super::request::has_mask;
use super::unit::{Unit, units};
use crate::judge::Loosening;
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

/// The units of a response, to look for values.
struct ResponseUnits<'r> {
    response: &'r ResponseFacts,
    units: Vec<Unit>,
}

/// Returns the wrong rules among those of these lines, which are the lines of these responses.
pub(super) fn wrong_rules(lines: &[(usize, RecordedLine)], responses: &[&ResponseFacts]) -> Vec<WrongRule> {
    // Divides no body into units for nothing: most recordings have no rules.
    if lines.iter().all(|(_, line)| line.notes.vary.is_empty()) {
        return Vec::new();
    }
    let responses: Vec<ResponseUnits<'_>> = responses.iter().copied().map(ResponseUnits::of).collect();
    let mut wrong = Vec::new();
    for (number, line) in lines {
        // Looks for the values of a rule of the first line in all lines.
        let of_line = (!matches!(line.fact, Fact::Recording(_))).then_some(*number);
        for (index, vary) in line.notes.vary.iter().enumerate() {
            let Ok(rule) = Loosening::compile(vary) else { continue };
            let values = values(lines, &responses, of_line, &vary.place);
            let problem = unknown_field(vary, &responses).map(|problem| problem.within(&format!("vary[{index}]")));
            let problem = problem.or_else(|| Some(Problem::field(format!("vary[{index}]"), broken(&rule, &values)?)));
            wrong.extend(problem.map(|problem| WrongRule { line: *number, index, problem }));
        }
    }
    wrong
}

/// Returns the problem of a rule for a field that no event of the recording has.
fn unknown_field(vary: &Vary, responses: &[ResponseUnits<'_>]) -> Option<Problem> {
    let VaryPlace::Field(name) = &vary.place else { return None };
    let has_field = |unit: &Unit| !unit.values(&vary.place).is_empty();
    let is_known = FIELDS.contains(&name.as_str()) || responses.iter().flat_map(|one| &one.units).any(has_field);
    (!is_known).then(|| {
        let expected = r#"event, id or retry, or "" for a comment (the data is "pointer":"")"#;
        Problem::field("field", format_args!("{expected}, got {name:?}, which no line of the recording has"))
    })
}

/// Returns what a rule expects instead of the values, if each of the values breaks the rule, and there are values.
fn broken(rule: &Loosening, values: &[Value]) -> Option<String> {
    let breach = |value: &Value| match (&rule.place, value.as_str()) {
        // Accepts any value in place of a secret that the recorder left out.
        (_, Some(text)) if has_mask(text) => None,
        (VaryPlace::Header(_), Some(text)) => rule.breach_of_text(text),
        _ => rule.breach(value),
    };
    let breaches: Option<Vec<String>> = values.iter().map(breach).collect();
    let expected = breaches?.into_iter().next()?;
    let shown = clipped(values.first()?.to_string(), VALUE_CHARS_MAX);
    let place = match &rule.place {
        VaryPlace::Pointer(pointer) if pointer.is_empty() => "in the data".to_owned(),
        VaryPlace::Pointer(pointer) => format!("at {pointer}"),
        VaryPlace::Field(name) if name.is_empty() => "in the comment".to_owned(),
        VaryPlace::Field(name) => format!("in the field {name}"),
        VaryPlace::Header(name) => format!("in the header {name}"),
    };
    Some(format!("{expected} {place}, as the rule says, got {shown} in the recording: correct the rule or the value"))
}

/// Returns the recorded values at a place: in the line with the rule, or in all lines.
fn values(
    lines: &[(usize, RecordedLine)],
    responses: &[ResponseUnits<'_>],
    of_line: Option<usize>,
    place: &VaryPlace,
) -> Vec<Value> {
    let has_own_rule = |line: usize| {
        let own = lines.iter().find(|(number, _)| *number == line).map(|(_, line)| &line.notes.vary);
        own.into_iter().flatten().any(|vary| vary.place == *place)
    };
    // Leaves out, for the first line, lines with a rule of their own, which comes before the rule of the first line.
    let is_meant = |line: usize| of_line.map_or_else(|| !has_own_rule(line), |number| number == line);
    let mut values = Vec::new();
    for ResponseUnits { response, units } in responses {
        if let (VaryPlace::Header(name), Some(head)) = (place, &response.head) {
            values.extend(joined(&head.head, name).filter(|_| is_meant(head.line)).map(Value::from));
        }
        let lines_of = |unit: &Unit| response.writes[unit.writes.0..=unit.writes.1].iter().map(|write| write.line);
        let meant = units.iter().filter(|unit| match of_line {
            Some(_) => lines_of(unit).any(is_meant),
            None => lines_of(unit).all(is_meant),
        });
        values.extend(meant.flat_map(|unit| unit.values(place)));
    }
    values
}

impl<'r> ResponseUnits<'r> {
    fn of(response: &'r ResponseFacts) -> Self {
        let kind = response.head.as_ref().map(|head| BodyKind::of(&head.head, &response.writes));
        let units = kind.map(|kind| units(&response.writes, kind, Measure::Chunks)).unwrap_or_default();
        Self { response, units }
    }
}
