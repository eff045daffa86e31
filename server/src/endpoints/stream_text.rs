//! `GET /stream-text`: five messages, character by character, as a chat model types them.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::{Lines, stringify};
use serde::Serialize;

use super::Stream;
use crate::script::{Start, Write, Writes};

/// The stream.
pub const STREAM: Stream =
    Stream { path: "/stream-text", script: |start| Box::new(script(start)), hears_broadcasts: false, ends: true };

/// Each character is one UTF-16 code unit, the unit of the contract.
const MESSAGES: [&str; 5] = [
    "欢迎学习SSE技术！",
    "这是一种服务器向客户端推送数据的技术。",
    "可以实现实时更新、通知、日志流等功能。",
    "现在你看到的是逐字输出的流式效果。",
    "这只是一个简单的示例。",
];
const NEWLINE: &str = r#"{"char": "\n", "done": false}"#;
const DONE: &str = r#"{"done": true}"#;

const AFTER_A_CHARACTER: Duration = Duration::from_millis(50);
const AFTER_A_MESSAGE: Duration = Duration::from_millis(200);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Character {
    char: char,
    message_index: usize,
    char_index: usize,
    done: bool,
}

/// Returns the writes: all characters, a newline after each message, and at last `done`.
#[must_use]
pub fn script(_start: Start) -> impl Writes {
    let done = (Lines::new().data(DONE).dispatch(), Duration::ZERO);
    let paced = MESSAGES.iter().enumerate().flat_map(message).chain([done]);
    // Adds up the pauses: each write is due after the pauses of all writes before.
    paced.scan(Duration::ZERO, |clock, (bytes, pause)| {
        let at = *clock;
        *clock += pause;
        Some(Write { at, bytes })
    })
}

/// Returns the writes of one message, each with the pause after the write.
fn message((message_index, text): (usize, &&'static str)) -> impl Iterator<Item = (Bytes, Duration)> {
    let characters = text.chars().enumerate().map(move |(char_index, char)| {
        let character = Character { char, message_index, char_index, done: false };
        (Lines::new().data(&stringify(&character)).dispatch(), AFTER_A_CHARACTER)
    });
    characters.chain([(Lines::new().data(NEWLINE).dispatch(), AFTER_A_MESSAGE)])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, table};
    use super::MESSAGES;

    #[test]
    fn stream_text_types_a_character_every_50_ms_and_rests_200_ms_between_messages() {
        let writes = table(super::script(start()));
        assert_eq!(writes.len(), 82);
        assert_eq!(writes.iter().map(|(_, text)| text.len()).sum::<usize>(), 5243);

        let first = r#"data: {"char":"欢","messageIndex":0,"charIndex":0,"done":false}"#;
        assert_eq!(writes[0], (0, format!("{first}\n\n")));
        assert_eq!(writes[9].0, 450);
        assert_eq!(writes[10], (500, "data: {\"char\": \"\\n\", \"done\": false}\n\n".into()));
        let second = r#"data: {"char":"这","messageIndex":1,"charIndex":0,"done":false}"#;
        assert_eq!(writes[11], (700, format!("{second}\n\n")));
        assert_eq!(writes[81], (4800, "data: {\"done\": true}\n\n".into()));
    }

    #[test]
    fn stream_text_spells_out_its_messages() {
        let typed: String = table(super::script(start()))
            .iter()
            .filter_map(|(_, text)| serde_json::from_str::<serde_json::Value>(text.strip_prefix("data: ")?).ok())
            .filter_map(|data| Some(data.get("char")?.as_str()?.to_owned()))
            .collect();
        assert_eq!(typed, MESSAGES.map(|message| format!("{message}\n")).concat());
    }

    #[test]
    fn every_character_is_one_utf_16_code_unit() {
        assert!(MESSAGES.concat().chars().all(|char| char.len_utf16() == 1));
    }
}
