//! `GET /sse`: a greeting, a heartbeat every 30 s, and every broadcast; it never ends.

use std::time::Duration;

use onbeat_wire::{FieldText, Lines};

use super::Stream;
use crate::script::{Script, Start, Write};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/sse", script: |start| Box::new(script(start)), hears_broadcasts: true, ends: false };

const GREETING: &str = r#"{"message": "连接成功"}"#;
const PERIOD: Duration = Duration::from_secs(30);
/// A field of this name, which parsers ignore, and not a comment.
const HEARTBEAT: FieldText<'static> = FieldText::literal("heartbeat");

/// The writes of this client alone; broadcasts come from the hub.
#[must_use]
pub fn script(_start: Start) -> impl Script {
    let greeting = Write { at: Duration::ZERO, bytes: Lines::new().data(GREETING).dispatch() };
    let beat = Lines::new().other(HEARTBEAT, FieldText::literal("")).dispatch();
    let beats = (1..).map(move |n| Write { at: PERIOD * n, bytes: beat.clone() });
    std::iter::once(greeting).chain(beats)
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
