//! Varying values, judged together: timestamps advance with time, and random numbers are not all alike.

use std::time::Duration;

use jiff::Timestamp;
use onbeat_wire::Instant;

use super::{Aspect, NumberedLine, Pace, Piece, Rule, compare};

/// Values that are right each, but not together.
#[derive(Debug)]
pub(super) struct Oddity<'a> {
    pub(super) write: NumberedLine<'a>,
    pub(super) piece: &'a Piece,
    pub(super) aspect: Aspect,
    pub(super) expected: String,
    pub(super) actual: String,
    /// Whether the arrival of a write at another time would explain the oddity.
    pub(super) is_of_time: bool,
}

/// So many random values are all in the lowest tenth of a range, or all the same, once in 10¹⁰ times.
const MANY: usize = 10;

/// Returns the oddities in the writes of a response; `held_up_until` returns for how long the machine was held up.
pub(super) fn oddities<'a>(
    came: &[(NumberedLine<'a>, &'a Piece)],
    pace: &Pace,
    held_up_until: impl Fn(Instant) -> Duration,
) -> Vec<Oddity<'a>> {
    stamps(came, pace, held_up_until).into_iter().chain(numbers(came)).collect()
}

/// Returns the timestamps that have not advanced as time did.
fn stamps<'a>(
    came: &[(NumberedLine<'a>, &'a Piece)],
    pace: &Pace,
    held_up_until: impl Fn(Instant) -> Duration,
) -> Vec<Oddity<'a>> {
    let mut odd = Vec::new();
    // Only the first timestamp is free: a server may have any epoch.
    let mut first: Option<(Timestamp, Instant)> = None;
    for (write, piece) in came {
        let Some(stamp) = stamp(write, &piece.bytes) else { continue };
        // In virtual time a stream begins at the epoch of the scenario, so that each timestamp is known.
        if pace.is_exact
            && write.1.notes.client.is_empty()
            && let Some(fixture) = self::stamp(write, write.1.written().as_bytes())
            && fixture != stamp
        {
            let (aspect, expected, actual) = (Aspect::Timestamp, printed(fixture), printed(stamp));
            return vec![Oddity { write: *write, piece, aspect, expected, actual, is_of_time: false }];
        }
        let (first_stamp, first_at) = *first.get_or_insert((stamp, piece.at));
        // A stamp is taken before the write comes, and the machine may hold up either.
        let passed = (piece.at - first_at) * pace.speed.get();
        let advanced = Duration::try_from(stamp.duration_since(first_stamp)).unwrap_or_default();
        if passed.abs_diff(advanced) > pace.stamp_off_max() + held_up_until(piece.at) * pace.speed.get() {
            let expected = format!("a timestamp {passed:.1?} after the first, as time passed");
            let actual = format!("one {advanced:.1?} after it: {}", printed(stamp));
            odd.push(Oddity { write: *write, piece, aspect: Aspect::Timestamp, expected, actual, is_of_time: true });
        }
    }
    odd
}

fn stamp(write: &NumberedLine, bytes: &[u8]) -> Option<Timestamp> {
    let values = compare::varying(&write.1.notes.vary, bytes);
    let stamp = values.iter().find(|(rule, _)| **rule == Rule::Timestamp)?;
    stamp.1.as_str()?.parse().ok()
}

fn printed(stamp: Timestamp) -> String {
    format!("{stamp:.3}")
}

/// Returns numbers that can't be random over their range.
fn numbers<'a>(came: &[(NumberedLine<'a>, &'a Piece)]) -> Option<Oddity<'a>> {
    let mut values = Vec::new();
    let (mut last, mut end) = (None, 0);
    for (write, piece) in came {
        for (rule, value) in compare::varying(&write.1.notes.vary, &piece.bytes) {
            if let (Rule::Number { maximum, below, .. }, Some(value)) = (rule, value.as_f64()) {
                end = maximum.or(*below).unwrap_or_default();
                values.push(value);
                last = Some((*write, *piece));
            }
        }
    }
    // A finding needs a line: the last write with a number.
    let (write, piece) = last?;
    // A typical mistake is a number from 0 to 1, or a constant.
    let low = values.iter().all(|value| *value < f64::from(end) / 10.0);
    let same = values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    let odd = values.len() >= MANY && (low || same);
    odd.then(|| Oddity {
        write,
        piece,
        aspect: Aspect::Bytes,
        expected: format!("random values from 0 to {end}"),
        actual: format!("{} values, {}", values.len(), if same { "all the same" } else { "all in the lowest tenth" }),
        is_of_time: false,
    })
}
