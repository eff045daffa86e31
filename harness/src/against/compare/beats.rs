//! Beats: series of units that are all alike. Where no value tells which unit is missing or came twice, the times do.

use std::time::Duration;

use onbeat_wire::printable::visible;

use super::ExchangeTrial;
use super::body::{AGAIN, BESIDE_CAME};
use crate::against::beat::{BeatMistake, beat_mistake, is_steady};
use crate::against::body::BodyKind;
use crate::against::series::Series;
use crate::against::unit::Unit;
use crate::judge::{Aspect, Finding};

impl ExchangeTrial<'_, '_> {
    /// Looks for a mistake in the beat of each series of units that are all alike.
    pub(super) fn find_beats(&mut self) {
        self.result.beats = (0..self.result.sequences.series_count()).map(|series| self.beat_mistake(series)).collect();
    }

    fn beat_mistake(&self, series: usize) -> Option<BeatMistake> {
        let Series { units, is_after_silence, .. } = self.result.sequences.series(series);
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
        is_steady(&due, period_ms).then(|| beat_mistake(&came, period_ms, self.tolerance_ms())).flatten()
    }

    /// Returns whether the beat of a series has a mistake, which then stands for all missing, extra and untimely units.
    pub(super) fn has_wrong_beat(&self, series: Option<usize>) -> bool {
        series.is_some_and(|series| self.result.beats.get(series).is_some_and(Option::is_some))
    }

    /// Judges the beats. A busy machine can leave a timer out, so that most mistakes are in doubt until found at the same line
    /// again.
    pub(super) fn beats(&mut self, kind: BodyKind) {
        let joined = self.joined_events(kind, &self.result.steps);
        for series in 0..self.result.beats.len() {
            let Some(mistake) = self.result.beats[series] else { continue };
            let units = &self.result.sequences.series(series).units;
            let seen: Vec<usize> = self.seen_of(series).collect();
            let nearest = |ms: u64| units.iter().copied().min_by_key(|e| self.due_ms(*e).abs_diff(ms));
            let text = |unit: &Unit| visible(&unit.bytes);
            let (e, aspect, at_ms, [expected, actual], why) = match mistake {
                BeatMistake::Faster { gap_ms } => {
                    let expected = format!("{} ms since the line before", self.period_ms(series));
                    let texts = [expected, format!("{gap_ms} ms, the mean of {} gaps", seen.len() - 1)];
                    (units.first().copied(), Aspect::Time, self.came_ms(seen[0]), texts, "the pace is too fast")
                }
                BeatMistake::Lost { due_ms } => {
                    let e = nearest(due_ms);
                    let unit = e.map(|e| text(&self.result.expected_units[e])).unwrap_or_default();
                    (e, Aspect::Presence, due_ms, [unit, BESIDE_CAME.to_owned()], "missing")
                }
                BeatMistake::Twice { at, due_ms, .. } => {
                    let texts = ["no further write here".to_owned(), text(&self.result.seen_units[seen[at]])];
                    (nearest(due_ms), Aspect::Presence, self.came_ms(seen[at]), texts, AGAIN)
                }
            };
            // Leaves out a unit that came, without the blank line before the next one.
            if e.is_some_and(|e| joined.iter().any(|joined| joined.has(e))) {
                continue;
            }
            let line = e.and_then(|e| self.lines(e).last().copied()).unwrap_or_default();
            let finding = Finding::new(self.place(line), expected, actual, why).after(Duration::from_millis(at_ms));
            if matches!(mistake, BeatMistake::Twice { is_certain: true, .. }) {
                self.found(line, aspect, &finding);
            } else {
                self.doubt(line, aspect, &finding);
            }
        }
    }
}
