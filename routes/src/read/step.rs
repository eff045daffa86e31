//! Reads the steps of a response.

use onbeat_wire::{How, TIME_MS_MAX};

use super::chunk::{CHUNK_KEYS, chunk};
use super::node::{Node, NodeValue};
use super::problems::Problems;
use super::table::{Table, text};
use crate::model::{Chunk, EventForm, Heartbeat, HistoryUse, Step, StepAction, Subscribe};
use crate::template::Template;

/// The keys of a step beside the keys of a chunk.
pub(super) const STEP_KEYS: [&str; 9] =
    ["wait_ms", "times", "every_ms", "subscribe", "history", "heartbeat_ms", "heartbeat", "open", "end"];
pub(super) const HEARTBEAT_KEYS: [&str; 3] = ["every_ms", "after_silence_ms", "times"];
/// The most repetitions of a step.
const TIMES_MAX: u64 = 1_000_000;
/// The most channels of a subscription.
const CHANNELS_MAX: usize = 100;
/// The most characters of a channel's name.
const NAME_CHARS_MAX: usize = 64;

/// Reads a step.
pub(super) fn step(node: &Node, problems: &mut Problems) -> Option<Step> {
    let known = [&STEP_KEYS[..], &CHUNK_KEYS].concat();
    let table = Table::read(node, &known, problems)?;
    // Counts the kinds of work: a step does one thing, or only waits.
    let kinds = [!table.present(&CHUNK_KEYS).is_empty(), table.has("subscribe"), table.has("open"), table.has("end")];
    if kinds.iter().filter(|is| **is).count() > 1 {
        let names = table.present(&[&CHUNK_KEYS[..], &["subscribe", "open", "end"]].concat()).join(", ");
        problems.add(table.place, format!("expected a step that does one thing, got {names}"));
        return None;
    }
    let action = action(&table, problems);
    // Refuses keys that have no effect on this kind of step.
    for (of_subscription, name) in
        [(true, "history"), (true, "heartbeat_ms"), (true, "heartbeat"), (false, "times"), (false, "every_ms")]
    {
        let fits = if of_subscription { table.has("subscribe") } else { kinds[0] };
        if let Some(node) = table.get(name).filter(|_| !fits) {
            let needed = if of_subscription { "subscribe" } else { "a chunk, such as data or send," };
            problems.add(&node.place, format!("expected {needed} beside this key"));
        }
    }
    if let Some(node) = table.get("every_ms").filter(|_| kinds[0] && !table.has("times")) {
        let why = "a step without times sends once: write heartbeat for a chunk without end";
        problems.add(&node.place, format!("expected times beside this key, since {why}"));
    }
    let wait = table.ms("wait_ms", 0, problems).unwrap_or_default();
    let times = table.whole("times", 1..=TIMES_MAX, problems).unwrap_or(1);
    let every = table.ms("every_ms", 0, problems).unwrap_or_default();
    // Tests the table, not the kinds: a step with `wait_ms` alone is good.
    if node.is_empty_table() {
        problems.add(table.place, format!("expected one of {}, got nothing", known.join(", ")));
    }
    Some(Step { wait, times, every, action: action? })
}

fn action(table: &Table<'_>, problems: &mut Problems) -> Option<StepAction> {
    if !table.present(&CHUNK_KEYS).is_empty() {
        return chunk(table, problems).map(Chunk::made_once).map(StepAction::Send);
    }
    if table.has("subscribe") {
        return subscribe(table, problems).map(StepAction::Subscribe);
    }
    if let Some(node) = table.get("open") {
        if !matches!(&node.content, NodeValue::Plain(value) if *value == true) {
            problems.add(&node.place, format!("expected true, got {node}"));
        }
        return Some(StepAction::Open);
    }
    if table.has("end") {
        let ends = [("complete", How::Complete), ("cut", How::Cut), ("reset", How::Reset)];
        return table.word("end", &ends, problems).map(StepAction::End);
    }
    Some(StepAction::Wait)
}

fn subscribe(table: &Table<'_>, problems: &mut Problems) -> Option<Subscribe> {
    let node = table.get("subscribe")?;
    // Takes a single name for a list of one.
    let names = match &node.content {
        NodeValue::Array(_) => table.items("subscribe", CHANNELS_MAX, problems),
        _ => std::slice::from_ref(node),
    };
    let channels: Vec<String> =
        names.iter().filter_map(|name| channel_name(text(name, problems)?, name, problems)).collect();
    let uses = [("missed", HistoryUse::Missed), ("all", HistoryUse::All), ("none", HistoryUse::None)];
    let history = table.word("history", &uses, problems).unwrap_or_default();
    let heartbeat = match (table.get("heartbeat"), table.ms("heartbeat_ms", 1, problems)) {
        (Some(node), None) => heartbeat(node, problems),
        // Sends an empty comment for the short form `heartbeat_ms`.
        (None, every) => {
            let chunk = empty_comment().made_once();
            every.map(|every| Heartbeat { every, after_silence: false, times: None, chunk })
        }
        (Some(node), Some(_)) => {
            problems.add(&node.place, "expected heartbeat or heartbeat_ms, got both");
            None
        }
    };
    (!channels.is_empty()).then_some(Subscribe { channels, history, heartbeat })
}

/// Checks the name of a channel.
pub(super) fn channel_name(name: &str, node: &Node, problems: &mut Problems) -> Option<String> {
    if !is_channel_name(name) {
        let expected = format!("a name of 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_` and `.`");
        problems.add(&node.place, format!("expected {expected}, got {}", onbeat_faults::form::shown(name)));
        return None;
    }
    Some(name.to_owned())
}

/// Returns whether a channel can have this name.
pub(super) fn is_channel_name(name: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

/// Reads heartbeats.
pub(super) fn heartbeat(node: &Node, problems: &mut Problems) -> Option<Heartbeat> {
    let table = Table::read(node, &[&HEARTBEAT_KEYS[..], &CHUNK_KEYS].concat(), problems)?;
    let periods = table.present(&["every_ms", "after_silence_ms"]);
    if periods.len() != 1 {
        let got = if periods.is_empty() { "neither" } else { "both" };
        let expected = format!("every_ms or after_silence_ms, a whole number from 1 to {TIME_MS_MAX}");
        problems.add(table.place, format!("expected {expected}, got {got}"));
    }
    let (every, silence) = (table.ms("every_ms", 1, problems), table.ms("after_silence_ms", 1, problems));
    let times = table.whole("times", 1..=TIMES_MAX, problems);
    let has_chunk = !table.present(&CHUNK_KEYS).is_empty();
    let chunk = if has_chunk { chunk(&table, problems)? } else { empty_comment() }.made_once();
    Some(Heartbeat { every: every.or(silence)?, after_silence: silence.is_some(), times, chunk })
}

/// Returns a comment without text, the usual heartbeat.
fn empty_comment() -> Chunk {
    Chunk::Event(EventForm { comment: Some(Template::literal("")), ..EventForm::default() })
}

/// Checks that no step follows a step without an end, or the end.
pub(super) fn check_order(steps: &[(&Node, Step)], problems: &mut Problems) {
    let ends = |step: &Step| matches!(step.action, StepAction::Open | StepAction::End(_));
    let Some(last) = steps.iter().position(|(_, step)| ends(step)) else { return };
    if let Some((node, _)) = steps.get(last + 1) {
        let why = if matches!(steps[last].1.action, StepAction::Open) { "stays open" } else { "ends" };
        problems.add(&node.place, format!("expected no step here: the response {why} with the step before"));
    }
}
