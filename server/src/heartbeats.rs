//! Heartbeats: chunks sent again and again beside the actions of a script. Times are arguments: the module never waits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// Makes the heartbeat for a time since the start of the response. Empty bytes are no heartbeat.
pub type MakeHeartbeat = Box<dyn Fn(Duration) -> Bytes + Send + Sync>;

/// Heartbeats, from an action of a script until the end of the response.
pub struct Heartbeats {
    /// The period, at least 1 ms. The first heartbeat comes after one period.
    pub every: Duration,
    /// Whether each write begins the period again, so that a heartbeat comes only after silence.
    pub after_silence: bool,
    /// How many heartbeats come; `None` for any number.
    pub times: Option<u64>,
    /// Makes each heartbeat.
    pub make: MakeHeartbeat,
}

impl fmt::Debug for Heartbeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { every, after_silence, times, .. } = self;
        let mut form = f.debug_struct("Heartbeats");
        form.field("every", every).field("after_silence", after_silence).field("times", times).finish_non_exhaustive()
    }
}

impl PartialEq for Heartbeats {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Heartbeats {}

/// The heartbeats of a response, with the due times. All times count from the start of the response.
#[derive(Debug, Default)]
pub(crate) struct HeartbeatSchedule {
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    heartbeats: Arc<Heartbeats>,
    /// When the next heartbeat is due.
    at: Duration,
    /// How many are left; `None` for any number.
    left: Option<u64>,
}

impl HeartbeatSchedule {
    /// Begins heartbeats at the time `at`.
    pub(crate) fn begin(&mut self, at: Duration, heartbeats: Arc<Heartbeats>) {
        let (at, left) = (at.saturating_add(heartbeats.every), heartbeats.times);
        self.series.push(Series { heartbeats, at, left });
    }

    /// Returns when the next heartbeat is due.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.series.iter().map(|series| series.at).min()
    }

    /// Takes the next heartbeat: the time, and the bytes. Heartbeats of equal times come in the order of beginning.
    pub(crate) fn take(&mut self) -> Option<(Duration, Bytes)> {
        let (number, series) = self.series.iter_mut().enumerate().min_by_key(|(_, series)| series.at)?;
        let at = series.at;
        let bytes = (series.heartbeats.make)(at);
        // Counts from the due time, so that a late poll moves no later heartbeat.
        series.at = at.saturating_add(series.heartbeats.every);
        series.left = series.left.map(|left| left.saturating_sub(1));
        if series.left == Some(0) {
            self.series.remove(number);
        }
        Some((at, bytes))
    }

    /// Notes a write at the time `at`, which ends a silence. Returns whether a heartbeat is due later than before.
    pub(crate) fn note_write(&mut self, at: Duration) -> bool {
        let mut has_changed = false;
        for series in self.series.iter_mut().filter(|series| series.heartbeats.after_silence) {
            let after_silence = at.saturating_add(series.heartbeats.every);
            has_changed |= after_silence > series.at;
            // Never moves a heartbeat to an earlier time: a late poll can note an old write.
            series.at = series.at.max(after_silence);
        }
        has_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeats(every_ms: u64, after_silence: bool, times: Option<u64>) -> Arc<Heartbeats> {
        let make = Box::new(move |at: Duration| Bytes::from(format!("{every_ms}: {}", at.as_millis())));
        Arc::new(Heartbeats { every: Duration::from_millis(every_ms), after_silence, times, make })
    }

    fn schedule(series: &[Arc<Heartbeats>]) -> HeartbeatSchedule {
        let mut schedule = HeartbeatSchedule::default();
        for heartbeats in series {
            schedule.begin(Duration::from_millis(5), Arc::clone(heartbeats));
        }
        schedule
    }

    fn taken(schedule: &mut HeartbeatSchedule, most: usize) -> Vec<String> {
        let taken = std::iter::from_fn(|| schedule.take()).take(most);
        taken.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    #[test]
    fn series_are_merged_by_time_and_the_older_goes_first() {
        let mut schedule = schedule(&[heartbeats(20, false, None), heartbeats(10, false, None)]);
        assert_eq!(schedule.next_at(), Some(Duration::from_millis(15)));
        assert_eq!(taken(&mut schedule, 4), ["10: 15", "20: 25", "10: 25", "10: 35"]);
    }

    #[test]
    fn a_series_ends_after_so_many() {
        let mut schedule = schedule(&[heartbeats(10, false, Some(2)), heartbeats(7, true, Some(1))]);
        assert_eq!(taken(&mut schedule, 9), ["7: 12", "10: 15", "10: 25"]);
        assert_eq!(schedule.next_at(), None);
    }

    #[test]
    fn a_write_puts_off_what_comes_after_silence_and_nothing_else() {
        let mut schedule = schedule(&[heartbeats(10, true, None), heartbeats(40, false, None)]);
        assert!(schedule.note_write(Duration::from_millis(12)));
        for not_later in [12, 11, 5] {
            assert!(!schedule.note_write(Duration::from_millis(not_later)));
        }
        assert_eq!(taken(&mut schedule, 4), ["10: 22", "10: 32", "10: 42", "40: 45"]);
    }

    #[test]
    fn no_heartbeat_is_due_after_the_end_of_time() {
        let mut schedule = HeartbeatSchedule::default();
        schedule.begin(Duration::MAX, heartbeats(1, true, None));
        assert_eq!(schedule.take().map(|(at, _)| at), Some(Duration::MAX));
        assert!(!schedule.note_write(Duration::MAX));
    }
}
