//! Reads one part of a body: an event by its fields, text, or bytes.

use base64::prelude::{BASE64_STANDARD, Engine};
use onbeat_faults::form::INTEGER_MAX;

use super::problems::Problems;
use super::table::Table;
use crate::model::{Chunk, EventForm};
use crate::template::Template;

/// The keys of an event.
pub(super) const EVENT_KEYS: [&str; 5] = ["event", "id", "retry", "comment", "data"];
/// The keys of a chunk.
pub(super) const CHUNK_KEYS: [&str; 7] = ["event", "id", "retry", "comment", "data", "send", "send_b64"];

/// Reads a chunk, if there are keys of a chunk.
pub(super) fn chunk(table: &Table<'_>, problems: &mut Problems) -> Option<Chunk> {
    // Finds the keys in the order of `CHUNK_KEYS`: if the first is a field of an event, all have to be.
    let present = table.present(&CHUNK_KEYS);
    let first = *present.first()?;
    let is_event = EVENT_KEYS.contains(&first);
    if present.len() > 1 && !(is_event && present.iter().all(|key| EVENT_KEYS.contains(key))) {
        let names = present.join(", ");
        problems.add(table.place, format!("expected the fields of an event, or send, or send_b64, got {names}"));
        return None;
    }
    match first {
        "send" => table.template("send", problems).map(Chunk::Text),
        "send_b64" => {
            let text = table.text("send_b64", problems)?;
            let bytes = BASE64_STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
            // Tells one problem for wrong base64 and for no bytes: an empty chunk would end the body.
            if bytes.is_none() {
                let node = table.get("send_b64")?;
                problems.add(&node.place, format!("expected bytes in base64, at least one, got {node}"));
            }
            bytes.map(|bytes| Chunk::Bytes(bytes.into()))
        }
        _ => Some(Chunk::Event(EventForm {
            comment: table.template("comment", problems),
            event: one_line("event", table, problems),
            id: one_line("id", table, problems),
            retry_ms: table.whole("retry", 0..=INTEGER_MAX, problems),
            data: table.template("data", problems),
        })),
    }
}

/// Reads a text without a line break.
fn one_line(name: &str, table: &Table<'_>, problems: &mut Problems) -> Option<Template> {
    let template = table.template(name, problems)?;
    let node = table.get(name)?;
    // Looks at the text as written; a line break out of a placeholder is cut at run time.
    if table.text(name, problems)?.contains(['\r', '\n']) {
        problems.add(&node.place, format!("expected a text without a line break, got {node}"));
        return None;
    }
    Some(template)
}
