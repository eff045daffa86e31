//! Varying values, judged together: timestamps advance with time, and random numbers are not all alike.

use std::time::Duration;

use jiff::Timestamp;
use onbeat_wire::Instant;
use onbeat_wire::printable::visible;
use onbeat_wire::recording::VaryRule;

use super::Trial;
use crate::judge::{Aspect, NumberedLine, Piece, compare};
use crate::player::HttpExchange;

/// So many random values are all in the lowest tenth of a range, all the same, or all rounded, once in 10¹⁰ times.
const MANY: usize = 10;
/// A random number that is not rounded has so many decimals, but once in a thousand times.
const DECIMALS_MIN: u32 = 3;
/// A write that has been written is on the way for no longer, even on a busy machine.
const ON_THE_WAY_MAX: Duration = Duration::from_secs(5);

impl Trial<'_, '_> {
    /// Judges the timestamps of a response: each has advanced since the first as time has.
    pub(super) fn stamps(&mut self, came: &[(NumberedLine, &Piece)], got: &HttpExchange) {
        // Accepts any first timestamp, since a server may have any epoch.
        let mut first: Option<(Timestamp, Instant)> = None;
        let speed = self.pace.speed.get();
        for (write, piece) in came {
            let Some(stamp) = stamp(write, &piece.bytes) else { continue };
            let finding = |expected, actual| {
                let finding = self.finding(*write, expected, actual, visible(&piece.bytes));
                finding.after(piece.at - got.sent)
            };
            // Compares exactly where a stream begins at the epoch of the scenario, so that each timestamp is known.
            if self.pace.is_epoch_known
                && write.1.notes.client.is_empty()
                && let Some(wanted) = self::stamp(write, write.1.written().as_bytes())
                && wanted != stamp
            {
                let finding = finding(printed(wanted), printed(stamp));
                return self.evidence.found(&write.1.notes.cases, Aspect::Timestamp, &finding);
            }
            let (first_stamp, first_at) = *first.get_or_insert((stamp, piece.at));
            // Allows for stalls on the way of either write, since a stamp is taken before the write comes.
            let passed = (piece.at - first_at) * speed;
            let advanced = Duration::try_from(stamp.duration_since(first_stamp)).unwrap_or_default();
            let on_the_way = |at: Instant| {
                let from = Instant::EPOCH + at.since_epoch().saturating_sub(ON_THE_WAY_MAX);
                self.stalls.within(from.max(got.sent), at)
            };
            let held_up = (on_the_way(first_at) + on_the_way(piece.at)) * speed;
            if passed.abs_diff(advanced) > self.pace.stamp_off_max() + held_up {
                let expected = format!("a timestamp {passed:.1?} after the first, as time passed");
                let finding = finding(expected, format!("one {advanced:.1?} after it: {}", printed(stamp)));
                self.evidence.found_in_doubt(&write.1.notes.cases, &[Aspect::Timestamp], &finding);
            }
        }
    }

    /// Judges whether numbers can be random over the range of the rule.
    pub(super) fn random_numbers(&mut self, came: &[(NumberedLine, &Piece)], got: &HttpExchange) {
        let mut values = Vec::new();
        let (mut last, mut end, mut decimals) = (None, 0.0, DECIMALS_MIN);
        for (write, piece) in came {
            for (rule, value) in compare::varying(&write.1.notes.vary, &piece.bytes) {
                if let (VaryRule::Number(bounds), Some(value)) = (rule, value.as_f64()) {
                    end = bounds.maximum.or(bounds.below).unwrap_or_default();
                    decimals = bounds.decimals_max.unwrap_or(DECIMALS_MIN);
                    values.push(value);
                    last = Some((*write, *piece));
                }
            }
        }
        // Places the finding at the last write with a number.
        let Some((write, piece)) = last.filter(|_| values.len() >= MANY) else { return };
        // Looks for typical mistakes: a number from 0 to 1, a constant, and a rounded number.
        let are_rounded = decimals > 0 && values.iter().all(|value| has_fewer_decimals(*value, decimals));
        let are_same = values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
        let how = match values.iter().all(|value| *value < end / 10.0) {
            _ if are_same => "all the same",
            true => "all in the lowest tenth",
            false if are_rounded => "all rounded",
            false => return,
        };
        let (expected, actual) = (format!("random values from 0 to {end}"), format!("{} values, {how}", values.len()));
        let finding = self.finding(write, expected, actual, visible(&piece.bytes)).after(piece.at - got.sent);
        self.evidence.found(&write.1.notes.cases, Aspect::Bytes, &finding);
    }
}

/// Returns whether a number is written with fewer decimals.
fn has_fewer_decimals(value: f64, decimals: u32) -> bool {
    let text = value.to_string();
    let written = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    u32::try_from(written).is_ok_and(|written| written < decimals)
}

fn stamp(write: &NumberedLine, bytes: &[u8]) -> Option<Timestamp> {
    let values = compare::varying(&write.1.notes.vary, bytes);
    let stamp = values.iter().find(|(rule, _)| **rule == VaryRule::Timestamp)?;
    stamp.1.as_str()?.parse().ok()
}

fn printed(stamp: Timestamp) -> String {
    format!("{stamp:.3}")
}
