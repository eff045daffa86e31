//! Values that differ from response to response, and stay the same within one: the id that is in each event of a stream.

use std::time::Duration;

use onbeat_wire::recording::VaryPlace;
use serde_json::Value;

use super::ExchangeTrial;
use crate::against::align::{Aligned, vary};
use crate::judge::{Aspect, Finding, Loosening};

/// A shorter text may be the same in all events by chance.
const ID_CHARS_MIN: usize = 8;

/// A value in a unit that came: the line in the recording, the index of the seen unit, and the recorded and the seen value.
struct SeenValue {
    line: usize,
    unit: usize,
    recorded: Value,
    seen: Value,
}

impl ExchangeTrial<'_, '_> {
    /// Judges, for each place with such a rule, whether an id that is the same in the whole recording is the same in all that
    /// came.
    pub(super) fn same_values(&mut self) {
        for place in self.places_of_texts() {
            let values = self.seen_values(&place);
            let Some((first, others)) = values.split_first() else { continue };
            if !is_id(&first.recorded) || others.iter().any(|other| other.recorded != first.recorded) {
                continue;
            }
            // Tells the first other value alone: a server that makes an id for each event makes one mistake.
            let Some(other) = others.iter().find(|other| other.seen != first.seen) else { continue };
            let wanted = format!("{}, as in line {}", first.seen, first.line);
            let finding = Finding::new(
                self.place(other.line),
                wanted,
                other.seen.to_string(),
                format!("another {}", shown(&place)),
            );
            let at_ms = self.result.seen_units[other.unit].times.last_ms;
            let (line, finding) = (other.line, finding.after(Duration::from_millis(at_ms)));
            self.found(line, Aspect::Bytes, &finding);
        }
    }

    /// Returns the places with a rule for a text, each once.
    fn places_of_texts(&self) -> Vec<VaryPlace> {
        let writes = &self.exchange.response.writes;
        let mut places: Vec<VaryPlace> = Vec::new();
        for rule in writes.iter().flat_map(|write| &write.vary).filter(|rule| rule.is_for_text()) {
            if !places.contains(&rule.place) {
                places.push(rule.place.clone());
            }
        }
        places
    }

    /// Returns the values at a place, in the order in which they came.
    fn seen_values(&self, place: &VaryPlace) -> Vec<SeenValue> {
        let mut values = Vec::new();
        for step in &self.result.steps {
            let (Aligned::Same(e, g) | Aligned::May(e, g)) = *step else { continue };
            let (expected, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
            let rules = vary(&self.exchange.response.writes, expected);
            if !rules.iter().find(|rule| rule.place == *place).is_some_and(Loosening::is_for_text) {
                continue;
            }
            let pairs = expected.values(place).into_iter().zip(got.values(place));
            let line = self.exchange.response.writes[expected.writes.1].line;
            values.extend(pairs.map(|(recorded, seen)| SeenValue { line, unit: g, recorded, seen }));
        }
        values
    }
}

fn shown(place: &VaryPlace) -> &str {
    let (VaryPlace::Pointer(name) | VaryPlace::Field(name) | VaryPlace::Header(name)) = place;
    name
}

/// Returns whether a value is an id: a text with letters and digits, and no time of day or date.
fn is_id(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let has = |is_one: fn(char) -> bool| text.contains(is_one);
    let is_time = text.contains(':') || text.parse::<jiff::Timestamp>().is_ok();
    text.chars().count() >= ID_CHARS_MIN && has(|c| c.is_ascii_digit()) && has(char::is_alphabetic) && !is_time
}
