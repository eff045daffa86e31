//! Pieces of a body without events and lines: chunks as seen, or pieces cut at the recorded boundaries.

use memchr::memmem::find;

use super::align::{Aligned, align};
use super::body::{BodyKind, Measure};
use super::facts::WriteFact;
use super::unit::{Unit, UnitKind, body_of, units, units_at};

/// The number of following writes to look for, if a write is not in its place.
const AHEAD_MAX: usize = 8;

/// Returns the units of a seen body of pieces: the chunks, if the chunks fit the recording best, or else the body cut at the
/// ends of the recorded writes.
pub(super) fn pieces(expected: &[WriteFact], wanted: &[Unit], got: &[WriteFact], measure: Measure) -> Vec<Unit> {
    let chunks = units(got, BodyKind::Pieces, measure);
    let mistakes = |units: &[Unit]| {
        let wrong = |aligned: &&Aligned| !matches!(aligned, Aligned::Same(..));
        align(expected, wanted, units, |_| UnitKind::default(), |_| false).iter().filter(wrong).count()
    };
    let by_chunk = mistakes(&chunks);
    if by_chunk == 0 {
        return chunks;
    }
    let body = body_of(got);
    let recut = units_at(got, &body, &ends_as_recorded(expected, &body.bytes), BodyKind::Pieces);
    // Prefers the chunks as seen where both divisions fit equally well.
    if mistakes(&recut) < by_chunk { recut } else { chunks }
}

/// Returns where the recorded writes end in a seen body, as far as the writes are found.
fn ends_as_recorded(expected: &[WriteFact], body: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 0);
    for (index, write) in expected.iter().enumerate() {
        if body[at..].starts_with(&write.bytes) {
            at += write.bytes.len();
            ends.push(at);
            continue;
        }
        // Takes the bytes up to the next found write for the missing write, with a mistake.
        let next = expected[index + 1..].iter().take(AHEAD_MAX).filter_map(|next| find(&body[at..], &next.bytes)).min();
        at += next.unwrap_or_default();
        ends.push(at);
    }
    ends
}
