//! Agreement: how far seen bytes agree with expected bytes, except for values that may vary.

use std::ops::Range;

use onbeat_wire::recording::VaryPlace;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::text::{entry, span};
use super::value_places::ValuePlaces;
use crate::judge::Loosening;

/// How far seen bytes agree with expected bytes: the number of bytes of either before the first difference that no rule
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) expected: usize,
    pub(super) seen: usize,
}

/// An expected text: the bytes, the places of the values, and the rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct VaryingText<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) places: &'t ValuePlaces,
    pub(super) vary: &'t [Loosening],
}

/// A value that may vary, and the place of the value in the expected bytes.
struct VaryingValue<'t> {
    at: Range<usize>,
    rule: &'t Loosening,
}

impl VaryingText<'_> {
    /// Returns how far seen bytes agree.
    pub(super) fn agreement(&self, got: &[u8], got_places: &ValuePlaces) -> Agreement {
        let (left_out, added) = self.one_sided(got, got_places);
        let mut values = self.values();
        values.retain(|value| !left_out.iter().any(|entry| entry.contains(&value.at.start)));
        let mut agreed = Agreement { expected: 0, seen: 0 };
        for value in values {
            // Compares the bytes up to the value, and then takes the seen value, if the value keeps the rule.
            if !agreed.goes_on(self.bytes, value.at.start, got, (&left_out, &added)) {
                return agreed;
            }
            let Some(length) = value.length_in(got, agreed.seen, got_places, self.places) else { break };
            agreed = Agreement { expected: value.at.end, seen: agreed.seen + length };
        }
        agreed.goes_on(self.bytes, self.bytes.len(), got, (&left_out, &added));
        agreed
    }

    /// Returns the values that may vary in the order of the bytes, without values within other such values.
    fn values(&self) -> Vec<VaryingValue<'_>> {
        let text = self.places.data_text(self.bytes);
        let mut values = Vec::new();
        for rule in self.vary {
            let at = match &rule.place {
                VaryPlace::Field(name) => self.places.fields_of(name).collect(),
                VaryPlace::Pointer(pointer) if pointer.is_empty() => {
                    self.places.data_lines(usize::MAX).into_iter().collect()
                }
                VaryPlace::Pointer(pointer) => {
                    let at = text.as_deref().and_then(|text| span(text, pointer));
                    at.map(|at| self.places.in_bytes(&at)).into_iter().collect()
                }
                VaryPlace::Header(_) => Vec::new(),
            };
            values.extend(at.into_iter().map(|at| VaryingValue { at, rule }));
        }
        values.sort_by_key(|value| (value.at.start, std::cmp::Reverse(value.at.end)));
        let mut end = 0;
        values.retain(|value| {
            let is_outer = value.at.start >= end;
            end = end.max(value.at.end);
            is_outer
        });
        values
    }

    /// Returns the entries of JSON that may be missing, and that only the expected or only the seen bytes have.
    fn one_sided(&self, got: &[u8], got_places: &ValuePlaces) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        let (Some(before), Some(after)) = (self.places.data_text(self.bytes), got_places.data_text(got)) else {
            return (Vec::new(), Vec::new());
        };
        // Looks into JSON alone: broken JSON doesn't tell what is missing.
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        if !is_json(&before) || !is_json(&after) {
            return (Vec::new(), Vec::new());
        }
        let optional = self.vary.iter().filter(|vary| vary.allows_absence());
        let pointers: Vec<&str> = optional
            .filter_map(
                |vary| if let VaryPlace::Pointer(pointer) = &vary.place { Some(pointer.as_str()) } else { None },
            )
            .collect();
        let only_in = |text: &str, other: &str, places: &ValuePlaces| {
            let is_alone = |pointer: &&&str| span(other, pointer).is_none();
            let entries = pointers.iter().filter(is_alone).filter_map(|pointer| entry(text, pointer));
            entries.map(|at| places.in_bytes(&at)).collect()
        };
        (only_in(&before, &after, self.places), only_in(&after, &before, got_places))
    }
}

impl Agreement {
    /// Goes on while the bytes are the same, up to a place in the expected bytes; passes over one-sided entries. Returns whether
    /// all bytes up to the place are the same.
    fn goes_on(
        &mut self,
        expected: &[u8],
        to: usize,
        got: &[u8],
        (left_out, added): (&[Range<usize>], &[Range<usize>]),
    ) -> bool {
        loop {
            if let Some(entry) = left_out.iter().find(|entry| entry.start == self.expected) {
                self.expected = entry.end;
            } else if let Some(entry) = added.iter().find(|entry| entry.start == self.seen) {
                self.seen = entry.end;
            } else if self.expected >= to {
                return true;
            } else if got.get(self.seen) == Some(&expected[self.expected]) {
                *self = Self { expected: self.expected + 1, seen: self.seen + 1 };
            } else {
                return false;
            }
        }
    }
}

impl VaryingValue<'_> {
    /// Returns the length of the value from a place in the seen bytes on, if there is a value that keeps the rule.
    fn length_in(&self, got: &[u8], from: usize, got_places: &ValuePlaces, places: &ValuePlaces) -> Option<usize> {
        let rest = &got[from..];
        match &self.rule.place {
            VaryPlace::Pointer(pointer) if pointer.is_empty() => {
                // Takes as many lines of data as expected: further lines are a difference.
                let at = got_places.data_lines(places.data_count()).filter(|at| at.start == from)?;
                let text = got_places.text_of_lines(got, places.data_count())?;
                self.rule.breach_of_data(&text).is_none().then(|| at.len())
            }
            VaryPlace::Pointer(_) => {
                let raw = <&RawValue>::deserialize(&mut serde_json::Deserializer::from_slice(rest)).ok()?.get();
                let value: Value = serde_json::from_str(raw).ok()?;
                (rest.starts_with(raw.as_bytes()) && self.rule.breach(&value).is_none()).then_some(raw.len())
            }
            _ => {
                let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                let text = std::str::from_utf8(&rest[..length]).ok()?;
                self.rule.breach_of_text(text).is_none().then_some(length)
            }
        }
    }
}
