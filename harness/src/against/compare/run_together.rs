//! Events that run together, since the blank line between two events is missing.

use std::time::Duration;

use onbeat_wire::printable::visible;

use super::ExchangeTrial;
use crate::against::agreement::VaryingText;
use crate::against::align::{Aligned, may, vary};
use crate::against::body::{BodyKind, Measure};
use crate::against::value_places::ValuePlaces;
use crate::judge::{Aspect, Finding, Skipped, is_empty_line, line_ends};

/// Where the product of missing and wrong units is larger, no joined events are looked for.
const PAIRS_MAX: usize = 10_000;

/// Expected events in a row, seen as one unit.
#[derive(Debug)]
pub(super) struct JoinedEvents {
    first: usize,
    pub(super) last: usize,
    pub(super) unit: usize,
    /// The bytes with the missing blank lines.
    divided: Vec<u8>,
}

impl JoinedEvents {
    pub(super) fn has(&self, e: usize) -> bool {
        (self.first..=self.last).contains(&e)
    }
}

impl ExchangeTrial<'_, '_> {
    /// Returns the joined events among the missing and wrong units.
    pub(super) fn joined_events(&self, kind: BodyKind, steps: &[Aligned]) -> Vec<JoinedEvents> {
        let missing: Vec<usize> =
            steps.iter().filter_map(|step| if let Aligned::Missing(e) = step { Some(*e) } else { None }).collect();
        let wrong: Vec<(Option<usize>, usize)> = steps
            .iter()
            .filter_map(|step| match *step {
                Aligned::Wrong(e, g) => Some((Some(e), g)),
                Aligned::Extra(g) => Some((None, g)),
                Aligned::Same(..) | Aligned::Missing(_) | Aligned::May(..) => None,
            })
            .collect();
        if kind != BodyKind::EventStream || missing.len() * wrong.len() > PAIRS_MAX {
            return Vec::new();
        }
        let mut found: Vec<JoinedEvents> = Vec::new();
        for (pair, g) in wrong {
            let is_open = |e: usize| {
                (pair == Some(e) || missing.binary_search(&e).is_ok()) && !found.iter().any(|joined| joined.has(e))
            };
            let firsts = pair.into_iter().chain(missing.iter().copied());
            let joined = firsts.filter(|first| is_open(*first)).find_map(|first| self.joined_from(first, g, &is_open));
            found.extend(joined);
        }
        found
    }

    /// Returns the events from this one on, if a seen unit has all of them without the blank lines between.
    fn joined_from(&self, first: usize, g: usize, is_open: &impl Fn(usize) -> bool) -> Option<JoinedEvents> {
        let (writes, units) = (&self.exchange.response.writes, &self.result.expected_units);
        let is_whole = self.rules.measure != Measure::Events;
        // Looks at the data alone where units are dispatched events: the fields of joined events have merged.
        let data = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let seen = &self.result.seen_units[g];
        let got = if is_whole { seen.bytes.to_vec() } else { data(seen.data())? };
        let places = |bytes: &[u8]| {
            if is_whole {
                ValuePlaces::find(bytes, BodyKind::EventStream, self.rules.measure)
            } else {
                ValuePlaces::of_text(bytes)
            }
        };
        let (mut divided, mut from, mut last) = (Vec::new(), 0, None);
        // Passes over optional units.
        for e in (first..units.len()).filter(|e| *e == first || !may(writes, &units[*e])) {
            if !is_open(e) {
                return None;
            }
            let (rest, rules) = (&got[from..], vary(writes, &units[e]));
            let agreement = |bytes: &[u8]| {
                VaryingText { bytes, places: &places(bytes), vary: &rules }.agreement(rest, &places(rest))
            };
            let bytes = if is_whole { units[e].bytes.to_vec() } else { data(units[e].data())? };
            let agreed = agreement(&bytes);
            if last.is_some() && agreed.expected == bytes.len() && agreed.seen == rest.len() {
                divided.extend_from_slice(rest);
                let divided = if is_whole { divided } else { units[first].bytes.to_vec() };
                return Some(JoinedEvents { first, last: e, unit: g, divided });
            }
            // Leaves out the blank line, or puts the line end between the data of two events.
            let joint = if is_whole { blank_line(&bytes)? } else { bytes.len() };
            let joined = if is_whole { bytes[..joint].to_vec() } else { [&bytes[..], b"\n"].concat() };
            let agreed = agreement(&joined);
            if agreed.expected < joined.len() {
                return None;
            }
            divided.extend_from_slice(&rest[..agreed.seen]);
            divided.extend_from_slice(&bytes[joint..]);
            // Ends where the last event lacks the blank line too.
            if is_whole && last.is_some() && agreed.seen == rest.len() {
                return Some(JoinedEvents { first, last: e, unit: g, divided });
            }
            (from, last) = (from + agreed.seen, Some(e));
        }
        None
    }

    /// Judges joined events: the first is wrong, and the rest is not judged.
    pub(super) fn run_together(&mut self, joined: &JoinedEvents) {
        let (firsts, got) = (self.lines(joined.first), &self.result.seen_units[joined.unit]);
        let [line, last] = [joined.first, joined.last].map(|e| self.lines(e).last().copied().unwrap_or_default());
        let why = if joined.last == joined.first + 1 {
            format!("runs together with line {last}: the blank line between them is missing")
        } else {
            format!("runs together with the lines up to {last}: the blank lines between them are missing")
        };
        let finding = Finding::new(self.place(line), visible(&joined.divided), visible(&got.bytes), why)
            .differing(&joined.divided, &got.bytes)
            .after(Duration::from_millis(got.times.last_ms));
        self.judged(firsts);
        self.found(line, Aspect::Bytes, &finding);
        let others: Vec<usize> = (joined.first + 1..=joined.last).flat_map(|e| self.lines(e)).collect();
        self.skip(others, &Skipped::OtherAnswer(format!("not judged: it runs together with line {line}")));
    }
}

/// Returns where the blank line at the end of an event begins, if there is one.
pub(super) fn blank_line(event: &[u8]) -> Option<usize> {
    let ends: Vec<usize> = line_ends(event).collect();
    let [.., before, last] = ends[..] else { return None };
    (last == event.len() && is_empty_line(&event[before..])).then_some(before)
}
