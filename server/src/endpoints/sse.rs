//! `GET /sse`: a greeting, a heartbeat every 30 s, and every broadcast, without end.

use std::time::Duration;

use onbeat_wire::{FieldText, Lines};

use super::Stream;
use crate::script::{Start, Write, Writes};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/sse", script: |start| Box::new(script(start)), hears_broadcasts: true, ends: false };

const GREETING: &str = r#"{"message": "连接成功"}"#;
const PERIOD: Duration = Duration::from_secs(30);
/// The name of a field that parsers ignore; a comment would begin with a colon.
const HEARTBEAT: FieldText<'static> = FieldText::literal("heartbeat");

/// Returns the writes of one client; broadcasts come from the channel.
#[must_use]
pub fn script(_start: Start) -> impl Writes {
    let beat = Lines::new().other(HEARTBEAT, FieldText::literal("")).dispatch();
    // Makes the greeting on demand: a kept greeting would take room in each of many streams.
    (0..).map(move |n| {
        let bytes = if n == 0 { Lines::new().data(GREETING).dispatch() } else { beat.clone() };
        Write { at: PERIOD * n, bytes }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, table};

    #[test]
    fn sse_greets_at_once_and_then_beats_every_30_s() {
        let writes = table(super::script(start()).take(4));
        let expected = [
            (0, "data: {\"message\": \"连接成功\"}\n\n"),
            (30_000, "heartbeat:\n\n"),
            (60_000, "heartbeat:\n\n"),
            (90_000, "heartbeat:\n\n"),
        ];
        assert_eq!(writes, expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn sse_never_ends() {
        assert_eq!(super::script(start()).take(1_000_000).count(), 1_000_000);
    }
}
