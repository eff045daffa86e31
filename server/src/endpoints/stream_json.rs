//! `GET /stream-json`: fifty measurements, 1.5 s apart; every seventh is an `alert` event.

use std::time::Duration;

use onbeat_wire::{FieldText, Lines, Timestamp, stringify};
use serde::Serialize;

use super::Stream;
use crate::script::{Start, Write, Writes};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/stream-json", script: |start| Box::new(script(start)), hears_broadcasts: false, ends: true };

const PERIOD: Duration = Duration::from_millis(1500);
const MEASUREMENTS: u32 = 50;
const ALERT: FieldText<'static> = FieldText::literal("alert");

#[derive(Serialize)]
struct Measurement {
    id: u32,
    value: f64,
    status: &'static str,
    ts: Timestamp,
}

/// Returns the measurements; the stream ends with the last one, without a `done`.
#[must_use]
pub fn script(start: Start) -> impl Writes {
    let mut random = start.random();
    (0..MEASUREMENTS).flat_map(move |id| {
        let at = PERIOD * (id + 1);
        // Counts measurements from 1 here, though the IDs begin with 0.
        let alert = (id + 1) % 7 == 0;
        // Rounds to one decimal as `Math.round` does: half up.
        let value = (random.next_unit() * 1000.0 + 0.5).floor() / 10.0;
        let status = if alert { "alert" } else { "ok" };
        let measurement = Measurement { id, value, status, ts: start.timestamp(at) };
        let event = alert.then(|| Lines::new().event(ALERT).to_be_continued());
        let data = Lines::new().data(&stringify(&measurement)).dispatch();
        event.into_iter().chain([data]).map(move |bytes| Write { at, bytes })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, table};

    #[test]
    fn stream_json_measures_fifty_times_with_every_seventh_an_alert() {
        let writes = table(super::script(start()));
        assert_eq!(writes.len(), 57);
        assert_eq!(writes[0].0, 1500);
        assert_eq!(writes[6], (10_500, "event: alert\n".into()));
        assert!(writes[7].1.contains(r#""id":6,"#) && writes[7].1.contains(r#""status":"alert""#));
        assert_eq!(writes[7].0, 10_500);
        assert_eq!(writes[56].0, 75_000);
        assert!(writes[56].1.starts_with("data: {\"id\":49,"), "{:?}", writes[56]);
        assert!(
            writes[56].1.ends_with("\"status\":\"ok\",\"ts\":\"2025-12-01T00:01:15.000Z\"}\n\n"),
            "{:?}",
            writes[56]
        );
    }

    #[test]
    fn stream_json_values_have_at_most_one_decimal_and_lie_between_0_and_100() {
        for (_, text) in table(super::script(start())) {
            let Some((_, rest)) = text.split_once(r#""value":"#) else { continue };
            let spelled = rest.split(',').next().expect("a value");
            let value: f64 = spelled.parse().expect("a number");
            assert!((0.0..=100.0).contains(&value), "{spelled}");
            assert!(
                spelled.split('.').nth(1).is_none_or(|decimals| decimals.len() == 1 && decimals != "0"),
                "{spelled}"
            );
        }
    }
}
