//! Beats: series of units that are all alike. Where no value tells which unit is missing or came twice, the times do.

use std::time::Duration;

use onbeat_wire::printable::visible;

use super::ExchangeTrial;
use super::body::BESIDE_CAME;
use crate::against::beat::{BeatMistake, beat_mistake, is_steady};
use crate::against::body::BodyKind;
use crate::against::series::Series;
use crate::judge::{Aspect, Finding};

impl ExchangeTrial<'_, '_> {
    /// Looks for a mistake in the beat of each series of units that are all alike.
    pub(super) fn find_beats(&mut self) {
        self.result.beats = (0..self.result.series.count()).map(|series| self.beat_mistake(series)).collect();
    }

    fn beat_mistake(&self, series: usize) -> Option<BeatMistake> {
        let Series { units, is_after_silence, .. } = self.result.series.series(series);
        let seen: Vec<usize> = self.seen_of(series).collect();
        let first = *seen.first()?;
        let is_alike = units.iter().all(|e| self.is_same(*e, first)) && seen.iter().all(|g| self.is_same(units[0], *g));
        if *is_after_silence || !is_alike {
            return None;
        }
        let due: Vec<u64> = units.iter().map(|e| self.due_ms(*e)).collect();
        let came: Vec<u64> = seen.iter().map(|g| self.came_ms(*g)).collect();
        let period_ms = self.period_ms(series);
        // Expects a beat only from a timer that kept the beat in the recording.
        is_steady(&due, period_ms).then(|| beat_mistake(&came, period_ms)).flatten()
    }

    /// Returns whether the beat of a series has a mistake, which then stands for all missing, extra and untimely units.
    pub(super) fn has_wrong_beat(&self, series: Option<usize>) -> bool {
        series.is_some_and(|series| self.result.beats.get(series).is_some_and(Option::is_some))
    }

    /// Judges the beats. A busy machine can leave a timer out, so that each mistake is in doubt until found at the same line again.
    pub(super) fn beats(&mut self, kind: BodyKind) {
        let joined = self.joined_events(kind, &self.result.steps);
        for series in 0..self.result.beats.len() {
            let Some(mistake) = self.result.beats[series] else { continue };
            let units = &self.result.series.series(series).units;
            let seen: Vec<usize> = self.seen_of(series).collect();
            let nearest = |ms: u64| units.iter().copied().min_by_key(|e| self.due_ms(*e).abs_diff(ms));
            let (at, aspect, at_ms, [expected, actual], why) = match mistake {
                BeatMistake::OtherPeriod { period_ms } => {
                    let expected = self.period_ms(series);
                    let way = if period_ms < expected { "fast" } else { "slow" };
                    let expected =
                        format!("{expected} ms since the line before, the median of {} such gaps", units.len() - 1);
                    let texts = [expected, format!("{period_ms} ms, the median")];
                    (
                        units.first().copied(),
                        Aspect::Time,
                        self.came_ms(seen[0]),
                        texts,
                        format!("the pace is too {way}"),
                    )
                }
                BeatMistake::Lost { due_ms } => {
                    let e = nearest(due_ms);
                    let unit = e.map(|e| visible(&self.result.expected_units[e].bytes)).unwrap_or_default();
                    let texts = [unit, BESIDE_CAME.to_owned()];
                    (e, Aspect::Presence, due_ms, texts, "missing".to_owned())
                }
                BeatMistake::Twice { at } => {
                    let came_ms = self.came_ms(seen[at]);
                    let unit = visible(&self.result.seen_units[seen[at]].bytes);
                    let texts = ["no further write here".to_owned(), unit];
                    (nearest(came_ms), Aspect::Bytes, came_ms, texts, "one too many: it came again".to_owned())
                }
            };
            // Leaves out a unit that came, without the blank line before the next one.
            if at.is_some_and(|e| joined.iter().any(|joined| joined.has(e))) {
                continue;
            }
            let line = at.and_then(|e| self.lines(e).last().copied()).unwrap_or_default();
            let finding = Finding::new(self.place(line), expected, actual, why).after(Duration::from_millis(at_ms));
            self.doubt(line, aspect, &finding);
        }
    }
}
