//! A stream, as a drawing and as a list.

use super::pairs::{Fate, Pair, pairs};
use super::seconds;
use crate::judge::{Mark, Timeline};

/// The least length of a drawing, which the milliseconds of a lone write would fill otherwise.
const LENGTH_MS_MIN: f64 = 1000.0;
/// How high a stroke is, in pixels.
const STROKE_HEIGHT: f64 = 26.0;
/// Writes of a moment share a stroke, with gaps in between if there is room.
const GAP: f64 = 2.0;
/// Two writes of the same part, of so many parts of the drawing's width, would hide each other.
const MOMENTS: f64 = 500.0;
/// More steps than this on an axis would touch each other on a telephone.
const STEPS_MAX: u32 = 8;
/// Between the ticks of an axis, in milliseconds.
const STEPS_MS: [u32; 12] = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000];

/// A stream as a drawing, and as a list.
pub(super) struct Drawing<'a> {
    pub(super) name: &'a str,
    pub(super) summary: String,
    pub(super) summary_class: &'static str,
    pub(super) ticks: Vec<Tick>,
    pub(super) expected: Vec<Stroke>,
    pub(super) actual: Vec<Stroke>,
    pub(super) rows: Vec<Row<'a>>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(timeline: &'a Timeline) -> Self {
        let pairs = pairs(&timeline.expected, &timeline.actual);
        let length_ms = timeline.length_ms.max(LENGTH_MS_MIN);
        let expected: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.expected?, pair))).collect();
        let actual: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.actual?, pair))).collect();
        let all_well = pairs.iter().all(|pair| pair.fate == Fate::Same);
        Self {
            name: &timeline.name,
            summary: summary(timeline, &pairs),
            summary_class: if all_well { "quiet" } else { "bad" },
            ticks: ticks(length_ms),
            expected: strokes("expected", &expected, length_ms),
            actual: strokes("came", &actual, length_ms),
            rows: pairs.iter().map(Row::new).collect(),
        }
    }
}

fn summary(timeline: &Timeline, pairs: &[Pair]) -> String {
    let told = Fate::ALL.into_iter().filter_map(|fate| {
        let count = pairs.iter().filter(|pair| pair.fate == fate).count();
        match (fate, count) {
            (_, 0) => None,
            (Fate::Same, _) if count == pairs.len() => Some("all as expected".to_owned()),
            (Fate::Extra, _) => Some(format!("{count} too many")),
            (Fate::OtherText, _) => Some(format!("{count} with another text")),
            _ => Some(format!("{count} {}", fate.words())),
        }
    });
    let told: Vec<_> = told.collect();
    let (expected, actual) = (timeline.expected.len(), timeline.actual.len());
    let writes = if expected == 1 { "write" } else { "writes" };
    format!("{expected} {writes} expected, {actual} came: {}", told.join(", "))
}

pub(super) struct Tick {
    pub(super) x: String,
    pub(super) label: String,
}

/// Returns ticks at round times, from 0 to the end.
fn ticks(length_ms: f64) -> Vec<Tick> {
    let fits = |step: &u32| length_ms / f64::from(*step) <= f64::from(STEPS_MAX);
    // Takes the finest steps that fit. A stream of hours has no ticks.
    let Some(step) = STEPS_MS.into_iter().find(fits) else { return Vec::new() };
    let times = (0..=STEPS_MAX).map(|n| f64::from(n * step)).take_while(|ms| *ms <= length_ms);
    times.map(|ms| Tick { x: percent(ms, length_ms), label: format!("{} s", ms / 1000.0) }).collect()
}

fn percent(ms: f64, length_ms: f64) -> String {
    format!("{:.3}", ms / length_ms * 100.0)
}

/// A write in a drawing.
pub(super) struct Stroke {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) title: String,
}

/// Returns the strokes of a lane; the writes of a moment share a stroke.
fn strokes(verb: &str, lane: &[(&Mark, &Pair)], length_ms: f64) -> Vec<Stroke> {
    // Takes writes closer than the width of a stroke for a moment: such writes would hide each other.
    let moments = lane.chunk_by(|(a, _), (b, _)| b.t_ms - a.t_ms < length_ms / MOMENTS);
    let stroke = |(n, (mark, pair)): (usize, &(&Mark, &Pair)), of: usize| {
        #[expect(clippy::cast_precision_loss, reason = "no stream has so many writes")]
        let (n, height) = (n as f64, STROKE_HEIGHT / of as f64);
        let top = n * height;
        // Leaves the gaps out where many writes share a stroke.
        let gap = if of > 1 && height > 2.0 * GAP { GAP } else { 0.0 };
        let late = pair.late_by().filter(|_| pair.fate != Fate::Same).map(|by| format!(", {by}")).unwrap_or_default();
        let fate = pair.fate.words();
        let title = format!("{verb} at {}: {}\n{fate}{late}", seconds(mark.t_ms), mark.text);
        Stroke {
            class: pair.fate.classes().0,
            x: percent(mark.t_ms, length_ms),
            top,
            bottom: top + height - gap,
            title,
        }
    };
    moments.flat_map(|moment| moment.iter().enumerate().map(move |one| stroke(one, moment.len()))).collect()
}

/// A write in a list.
pub(super) struct Row<'a> {
    pub(super) expected_at: String,
    pub(super) actual_at: String,
    pub(super) late_by: String,
    /// The kind of the mistake, or an empty text.
    pub(super) remark: &'static str,
    pub(super) class: &'static str,
    pub(super) text: &'a str,
    pub(super) instead_of: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(pair: &Pair<'a>) -> Self {
        let at = |mark: Option<&Mark>| mark.map_or_else(|| "–".into(), |mark| seconds(mark.t_ms));
        Self {
            expected_at: at(pair.expected),
            actual_at: at(pair.actual),
            late_by: pair.late_by().unwrap_or_else(|| "–".into()),
            remark: if pair.fate == Fate::Same { "" } else { pair.fate.words() },
            class: pair.fate.classes().1,
            text: pair.actual.or(pair.expected).map_or("", |mark| &mark.text),
            instead_of: pair.expected.filter(|_| pair.fate == Fate::OtherText).map(|mark| mark.text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_of_one_moment_share_a_stroke() {
        let timeline = Timeline {
            name: "updates".into(),
            length_ms: 20_000.0,
            expected: [(1000.0, "event: status⏎"), (1000.0, "data: {}⏎⏎"), (2000.0, "data: {}⏎⏎")]
                .map(|(t_ms, text)| Mark { t_ms, text: text.into() })
                .into(),
            actual: vec![],
        };
        let spans: Vec<_> = Drawing::new(&timeline).expected.iter().map(|stroke| (stroke.top, stroke.bottom)).collect();
        assert_eq!(spans, [(0.0, 11.0), (13.0, 24.0), (0.0, 26.0)]);
    }

    #[test]
    fn ticks_are_at_round_times() {
        let labels = |ms| ticks(ms).into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(4800.0), "0 s 1 s 2 s 3 s 4 s");
        assert_eq!(labels(65_000.0), "0 s 10 s 20 s 30 s 40 s 50 s 60 s");
        assert_eq!(labels(75_000.0), "0 s 10 s 20 s 30 s 40 s 50 s 60 s 70 s");
        assert_eq!(labels(600.0), "0 s 0.1 s 0.2 s 0.3 s 0.4 s 0.5 s 0.6 s");
        assert_eq!(labels(1.0), "0 s");
    }
}
