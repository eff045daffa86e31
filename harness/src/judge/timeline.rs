//! Timelines: the expected writes of a stream and the writes that came, for a drawing.

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;
use serde::Serialize;

use super::milliseconds::{duration_ms, float_ms};
use super::{Observation, Pace, Scenario};

/// One stream, in the contract's time.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The name of the stream.
    pub name: String,
    /// The length in milliseconds.
    pub length_ms: f64,
    /// The expected writes.
    pub expected: Vec<Mark>,
    /// The writes that came.
    pub actual: Vec<Mark>,
}

/// A write on a timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// The time in milliseconds since the request.
    pub t_ms: f64,
    /// The text, with visible line ends.
    pub text: String,
}

/// The limits of a drawing: characters of a write, and writes of a stream. Conforming streams stay below.
const TEXT_CHARS_MAX: usize = 160;
const MARKS_MAX: usize = 2048;

impl Mark {
    /// Returns the mark of a write.
    pub(crate) fn new(t_ms: f64, bytes: &[u8]) -> Self {
        Self { t_ms, text: visible(bytes).chars().take(TEXT_CHARS_MAX).collect() }
    }
}

impl Timeline {
    /// Returns a timeline that is as long as the last write that came, and as the contract at least.
    pub(crate) fn new(
        name: String,
        contract_ms: u64,
        expected: impl Iterator<Item = Mark>,
        actual: impl Iterator<Item = Mark>,
    ) -> Self {
        let (expected, actual): (Vec<Mark>, Vec<Mark>) =
            (expected.take(MARKS_MAX).collect(), actual.take(MARKS_MAX).collect());
        let length_ms = actual.last().map_or(0.0, |mark| mark.t_ms).max(float_ms(contract_ms));
        Self { name, length_ms, expected, actual }
    }

    /// Returns the timeline of the first client of a stream.
    pub(crate) fn of(scenario: &Scenario, seen: &Observation, pace: &Pace) -> Self {
        let writes = scenario.first_writes();
        let expected = writes.iter().map(|(_, line)| Mark::new(float_ms(line.t_ms), line.written().as_bytes()));
        let came = seen.first_response().into_iter().flat_map(|(response, pieces)| {
            let after = move |at: Instant| duration_ms(at - response.sent) * f64::from(pace.speed.get());
            pieces.into_iter().map(move |piece| Mark::new(after(piece.at), &piece.bytes))
        });
        // Leaves out writes beyond the cut of a scenario, beside which there is no expected line.
        let came = came.filter(|mark| scenario.rest.is_empty() || mark.t_ms <= float_ms(scenario.length_ms));
        Self::new(scenario.name().into(), scenario.length_ms, expected, came)
    }
}
