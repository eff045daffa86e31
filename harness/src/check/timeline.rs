//! A stream as it should have been, and as it was: what a drawing shows.

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;
use serde::Serialize;

use super::judge::Seen;
use super::pace::Pace;
use super::responses::expected;
use crate::fixtures::format::Kind;
use crate::fixtures::golden::Scene;
use crate::player::HttpExchange;

/// One stream, in the contract's time.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// Its name.
    pub name: String,
    /// How long it is, in milliseconds.
    pub length_ms: f64,
    /// What was expected.
    pub expected: Vec<Mark>,
    /// What came.
    pub actual: Vec<Mark>,
}

/// A write on a timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// When, in milliseconds since the request.
    pub t_ms: f64,
    /// What, with visible line ends.
    pub text: String,
}

/// What a drawing keeps of a write, and of a stream: more writes than any conforming one has.
const TEXT_CHARS_MAX: usize = 160;
const MARKS_MAX: usize = 2048;

fn mark(t_ms: f64, bytes: &[u8]) -> Mark {
    Mark { t_ms, text: visible(bytes).chars().take(TEXT_CHARS_MAX).collect() }
}

/// The timeline of a stream's first client.
pub(super) fn timeline(scene: &Scene, seen: &Seen, pace: &Pace) -> Timeline {
    #[expect(clippy::cast_precision_loss, reason = "a scene lasts minutes")]
    let ms = |ms: u64| ms as f64;
    let response = expected(scene, "").into_iter().next();
    let writes = response.iter().flat_map(|response| &response.writes);
    let expected: Vec<Mark> = writes
        .filter_map(|(_, line)| match &line.kind {
            Kind::Write { text } => Some(mark(ms(line.at_ms), text.as_bytes())),
            _ => None,
        })
        .collect();
    let response = seen.logs.first().and_then(|(_, log)| log.first_exchange());
    let after = |response: &HttpExchange, at: Instant| {
        (at - response.sent).as_secs_f64() * 1000.0 * f64::from(pace.speed.get())
    };
    let actual: Vec<Mark> = response
        .iter()
        .flat_map(|response| {
            response
                .pieces()
                .into_iter()
                .filter(|piece| !seen.is_noise(&piece.bytes))
                .take(MARKS_MAX)
                .map(|piece| mark(after(response, piece.at), &piece.bytes))
        })
        // What came after a cut would have had no line to be held against.
        .filter(|mark| scene.rest.is_empty() || mark.t_ms <= ms(scene.length_ms))
        .collect();
    let last = actual.last().map_or(0.0, |mark| mark.t_ms).max(ms(scene.length_ms));
    let name = scene.path.trim_start_matches("streams/").trim_end_matches(".jsonl").into();
    Timeline { name, length_ms: last, expected, actual }
}
