//! `GET /dynamic-counter`: counts from 0 to 30, a second apart, and is done.

use std::time::Duration;

use onbeat_wire::{Lines, Timestamp, stringify};
use serde::Serialize;

use super::Stream;
use crate::script::{Start, Write, Writes};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/dynamic-counter", script: |start| Box::new(script(start)), hears_broadcasts: false, ends: true };

const PERIOD: Duration = Duration::from_millis(1000);
const LAST: u32 = 30;
const DONE: &str = r#"{"done": true}"#;

#[derive(Serialize)]
struct Count {
    counter: u32,
    ts: Timestamp,
}

/// Returns the counts, and `done` together with the last count.
#[must_use]
pub fn script(start: Start) -> impl Writes {
    let counts = (0..=LAST).map(move |counter| {
        // Counts first after one period, as `setInterval` of JavaScript does.
        let at = PERIOD * (counter + 1);
        let count = Count { counter, ts: start.timestamp(at) };
        Write { at, bytes: Lines::new().data(&stringify(&count)).dispatch() }
    });
    counts.chain([Write { at: PERIOD * (LAST + 1), bytes: Lines::new().data(DONE).dispatch() }])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, table};

    #[test]
    fn dynamic_counter_counts_to_30_and_is_done() {
        let writes = table(super::script(start()));
        assert_eq!(writes.len(), 32);
        let data = |counter: u32, ts: &str| format!("data: {{\"counter\":{counter},\"ts\":\"{ts}\"}}\n\n");
        assert_eq!(writes[0], (1000, data(0, "2025-12-01T00:00:01.000Z")));
        assert_eq!(writes[30], (31_000, data(30, "2025-12-01T00:00:31.000Z")));
        assert_eq!(writes[31], (31_000, "data: {\"done\": true}\n\n".into()));
    }
}
