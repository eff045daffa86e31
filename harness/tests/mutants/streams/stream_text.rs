//! Mutants of `/stream-text`.

use onbeat_server::endpoints::stream_text;

use super::{text, without};
use crate::kit::{Mutant, each, mutant, replaced, retimed, script, writes};

pub(crate) fn mutants() -> Vec<Mutant> {
    let (path, own) = (stream_text::STREAM.path, stream_text::script);
    let pause =
        |ms: u64| script(path, own, move |writes| retimed(writes, move |_, gap| if gap == 200 { ms } else { gap }));
    let characters =
        |ms: u64| script(path, own, move |writes| retimed(writes, move |_, gap| if gap == 50 { ms } else { gap }));
    vec![
        mutant("stream-text.character", "indices from 1", replaced(path, "\"charIndex\":0", "\"charIndex\":1")),
        mutant("stream-text.character", "another name for the character", replaced(path, "\"char\":", "\"text\":")),
        mutant(
            "stream-text.chunks",
            "two characters in one write",
            writes(path, |_| {
                let mut held = String::new();
                move |write: &str| {
                    if write.contains("\"charIndex\":1,") {
                        held = write.into();
                        return vec![];
                    }
                    vec![std::mem::take(&mut held) + write]
                }
            }),
        ),
        mutant("stream-text.character-period", "60 ms a character", characters(60)),
        mutant("stream-text.character-period", "49 ms a character", characters(49)),
        mutant(
            "stream-text.character-period",
            "the first after 50 ms",
            script(path, own, |writes| retimed(writes, |number, gap| if number == 0 { 50 } else { gap })),
        ),
        mutant(
            "stream-text.newline",
            "the newline by JSON.stringify",
            each(path, |write| {
                if write.contains("\\n") { write.replace(": \"", ":\"").replace(", ", ",") } else { write.into() }
            }),
        ),
        mutant(
            "stream-text.newline-time",
            "the newline after 200 ms",
            script(path, own, |writes| {
                let newlines: Vec<bool> = writes.iter().map(|write| text(write).contains("\\n\"")).collect();
                retimed(writes, move |number, gap| if newlines[number] { 200 } else { gap })
            }),
        ),
        mutant("stream-text.pause-between-messages", "no pause", pause(0)),
        mutant("stream-text.pause-between-messages", "a pause of 300 ms", pause(300)),
        mutant(
            "stream-text.done",
            "done is missing",
            script(path, own, |writes| without(writes, |text| text.contains("\"done\": true"))),
        ),
        mutant("stream-text.done", "done without its space", replaced(path, "\"done\": true", "\"done\":true")),
        mutant(
            "stream-text.done-time",
            "done with the last newline",
            script(path, own, |writes| {
                let last = writes.len() - 1;
                retimed(writes, move |number, gap| if number == last { 0 } else { gap })
            }),
        ),
    ]
}
