//! A wrong unit: the reason, and the first difference outside of varying values.

use std::time::Duration;

use onbeat_wire::printable::visible;

use super::ExchangeTrial;
use super::run_together::blank_line;
use crate::against::agreement::{Agreement, VaryingText};
use crate::against::align::vary;
use crate::against::body::BodyKind;
use crate::against::text::ANOTHER_TEXT;
use crate::against::unit::Unit;
use crate::against::value_places::ValuePlaces;
use crate::judge::{Aspect, Finding, first_difference};

impl ExchangeTrial<'_, '_> {
    /// Judges a unit with a mistake. `is_other` means a unit that only has the place of the expected unit.
    pub(super) fn wrong(&mut self, e: usize, g: usize, kind: BodyKind, is_other: bool) {
        let writes = &self.exchange.response.writes;
        let (unit, got) = (&self.result.expected_units[e], &self.result.seen_units[g]);
        let difference = unit.difference(got, &vary(writes, unit)).unwrap_or_default();
        let is_told = !(difference.is_empty() || difference == ANOTHER_TEXT);
        let (agreed, data_lines) = self.agreement(unit, got, kind);
        let is_cut = kind == BodyKind::EventStream
            && agreed.seen == got.bytes.len()
            && blank_line(&unit.bytes) == Some(agreed.expected);
        let why = match broken_utf8(&unit.bytes, &got.bytes, kind) {
            Some(byte) => format!("not UTF-8 from byte {byte} on"),
            None if is_cut => "the blank line at the end is missing".to_owned(),
            None if is_other && !is_told => "something else came".to_owned(),
            None if difference.is_empty() && data_lines[0] != data_lines[1] => {
                format!("expected {} of data, got {}", lines(data_lines[0]), lines(data_lines[1]))
            }
            None if difference.is_empty() => format!("other bytes from byte {} on", agreed.seen),
            None => difference,
        };
        // Shows the seen values where values may vary, so that the first difference is the mistake.
        let mut shown = [&got.bytes[..agreed.seen], &unit.bytes[agreed.expected..]].concat();
        let mut differs_at = agreed.expected;
        if shown == got.bytes {
            shown = unit.bytes.to_vec();
            differs_at = first_difference(&unit.bytes, &got.bytes).unwrap_or_default();
        }
        let line = writes[unit.write_at(differs_at)].line;
        let finding = Finding::new(self.place(line), visible(&shown), visible(&got.bytes), why)
            .differing(&shown, &got.bytes)
            .after(Duration::from_millis(got.times.last_ms));
        self.found(line, Aspect::Bytes, &finding);
    }

    /// Returns how far a seen unit agrees with an expected unit, and how many lines of data both have.
    fn agreement(&self, unit: &Unit, got: &Unit, kind: BodyKind) -> (Agreement, [usize; 2]) {
        let [places, got_places] = [unit, got].map(|unit| ValuePlaces::find(&unit.bytes, kind, self.rules.measure));
        let vary = vary(&self.exchange.response.writes, unit);
        let expected = VaryingText { bytes: &unit.bytes, places: &places, vary: &vary };
        (expected.agreement(&got.bytes, &got_places), [places.data_count(), got_places.data_count()])
    }
}

/// Returns a number of lines in words.
fn lines(count: usize) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

/// Returns the first byte of a seen unit outside of UTF-8, if the expected unit is UTF-8.
fn broken_utf8(expected: &[u8], got: &[u8], kind: BodyKind) -> Option<usize> {
    let broken = std::str::from_utf8(got).err().filter(|_| std::str::from_utf8(expected).is_ok())?;
    // Passes over a piece with a part of a character at the end: the next piece has the rest.
    let goes_on = kind == BodyKind::Pieces && broken.error_len().is_none();
    (!goes_on).then(|| broken.valid_up_to())
}
