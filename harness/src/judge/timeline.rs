//! Timelines: the writes of a stream as expected and as they came, for a drawing.

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;
use serde::Serialize;

use super::observation::Observation;
use super::pace::Pace;
use super::responses::expected;
use super::scene::Scene;

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

/// The characters that a drawing keeps of a write, and the writes of a stream: more than any conforming one has.
const TEXT_CHARS_MAX: usize = 160;
const MARKS_MAX: usize = 2048;

fn mark(t_ms: f64, bytes: &[u8]) -> Mark {
    Mark { t_ms, text: visible(bytes).chars().take(TEXT_CHARS_MAX).collect() }
}

/// Returns the timeline of the first client of a stream.
pub(crate) fn timeline(scene: &Scene, seen: &Observation, pace: &Pace) -> Timeline {
    #[expect(clippy::cast_precision_loss, reason = "a scene lasts minutes")]
    let ms = |ms: u64| ms as f64;
    let response = expected(scene, "").into_iter().next();
    let writes = response.iter().flat_map(|response| &response.writes);
    let expected = writes.map(|(_, line)| mark(ms(line.t_ms), line.written().as_bytes())).collect();
    let came = seen.first_response().into_iter().flat_map(|(response, pieces)| {
        let after = move |at: Instant| (at - response.sent).as_secs_f64() * 1000.0 * f64::from(pace.speed.get());
        pieces.into_iter().take(MARKS_MAX).map(move |piece| mark(after(piece.at), &piece.bytes))
    });
    // After a cut there is no line to hold a write against.
    let came = came.filter(|mark| scene.rest.is_empty() || mark.t_ms <= ms(scene.length_ms));
    let actual: Vec<Mark> = came.collect();
    let length_ms = actual.last().map_or(0.0, |mark| mark.t_ms).max(ms(scene.length_ms));
    Timeline { name: scene.name().into(), length_ms, expected, actual }
}
