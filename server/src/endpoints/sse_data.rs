//! `GET /sse-data`: a reconnection time, then twenty updates, a second apart; some are `status` events.

use std::time::Duration;

use onbeat_wire::{FieldText, Lines, Timestamp, stringify};
use serde::Serialize;

use super::Stream;
use crate::script::{Start, Write, Writes};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/sse-data", script: |start| Box::new(script(start)), hears_broadcasts: false, ends: true };

const RECONNECTION_TIME: Duration = Duration::from_millis(5000);
const PERIOD: Duration = Duration::from_millis(1000);
const UPDATES: u32 = 20;
const STATUS: FieldText<'static> = FieldText::literal("status");

#[derive(Serialize)]
struct Update {
    id: u32,
    timestamp: Timestamp,
    r#type: &'static str,
    #[serde(flatten)]
    detail: Detail,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Detail {
    Status(&'static str),
    Value(f64),
}

/// Returns `retry`, the updates, and `done` together with the last update.
#[must_use]
pub fn script(start: Start) -> impl Writes {
    let mut random = start.random();
    let retry = Write { at: Duration::ZERO, bytes: Lines::new().retry(RECONNECTION_TIME).dispatch() };
    let updates = (1..=UPDATES).flat_map(move |id| {
        // Draws a random number for updates with a value alone.
        let detail = match id {
            1 => Detail::Status("connected"),
            _ if id % 3 == 0 => Detail::Status("pause"),
            _ => Detail::Value(random.next_unit() * 100.0),
        };
        let done = (id == UPDATES).then_some(Detail::Status("done"));
        [Some(detail), done].into_iter().flatten().flat_map(move |detail| update(&start, id, detail))
    });
    std::iter::once(retry).chain(updates)
}

/// Returns the writes of an update: one, or two with a `status` event.
fn update(start: &Start, id: u32, detail: Detail) -> impl Iterator<Item = Write> + use<> {
    let at = PERIOD * id;
    // Writes the event type as a chunk of its own, at the same time.
    let event = matches!(detail, Detail::Status(_)).then(|| Lines::new().event(STATUS).to_be_continued());
    let update = Update { id, timestamp: start.timestamp(at), r#type: "update", detail };
    let data = Lines::new().data(&stringify(&update)).dispatch();
    event.into_iter().chain([data]).map(move |bytes| Write { at, bytes })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, table};

    #[test]
    fn sse_data_sends_twenty_updates_and_done() {
        let writes = table(super::script(start()));
        assert_eq!(writes.len(), 30);
        let expected = [
            (0, "retry: 5000\n\n".to_owned()),
            (1000, "event: status\n".to_owned()),
            (1000, data(1, "01", r#""status":"connected""#)),
        ];
        assert_eq!(writes[..3], expected);
        assert_eq!(writes[4], (3000, "event: status\n".to_owned()));
        assert_eq!(writes[5], (3000, data(3, "03", r#""status":"pause""#)));
        assert_eq!(writes[28], (20_000, "event: status\n".to_owned()));
        assert_eq!(writes[29], (20_000, data(20, "20", r#""status":"done""#)));
    }

    #[test]
    fn sse_data_values_are_below_a_hundred() {
        let writes = table(super::script(start()));
        let values: Vec<f64> = writes
            .iter()
            .filter_map(|(_, text)| text.split_once(r#""value":"#)?.1.strip_suffix("}\n\n")?.parse().ok())
            .collect();
        assert_eq!(values.len(), 13);
        assert!(values.iter().all(|value| (0.0..100.0).contains(value)), "{values:?}");
    }

    fn data(id: u32, second: &str, detail: &str) -> String {
        format!(
            "data: {{\"id\":{id},\"timestamp\":\"2025-12-01T00:00:{second}.000Z\",\"type\":\"update\",{detail}}}\n\n"
        )
    }
}
