//! Reads a response: head, content, heartbeats and faults.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use onbeat_faults::Fault;

use super::input::PlayedFiles;
use super::node::{Node, NodeValue, Place};
use super::problems::Problems;
use super::step::{check_order, heartbeat, is_channel_name, step};
use super::table::{Table, template};
use crate::model::{Content, Response, Step};
use crate::play::PlayOptions;
use crate::template::Template;

/// The keys of a response.
pub(super) const RESPONSE_KEYS: [&str; 13] = [
    "wait_ms",
    "status",
    "headers",
    "retry_after_s",
    "steps",
    "play",
    "body",
    "bytes",
    "every_ms",
    "exchange",
    "after",
    "heartbeat",
    "fault",
];
const STEPS_MAX: usize = 100_000;
const FAULTS_MAX: usize = 100;

/// Reads a response out of a table, which may have other keys. `path` is the path of the route.
pub(super) fn response(table: &Table<'_>, path: &str, files: &PlayedFiles<'_>, problems: &mut Problems) -> Response {
    let contents = table.present(&["steps", "play", "body"]);
    if contents.len() > 1 {
        problems.add(table.place, format!("expected one of steps, play and body, got {}", contents.join(" and ")));
    }
    // Reads the first content even if there are several, to find the problems inside.
    let content = match contents.first() {
        Some(&"steps") => Content::Steps(steps(table, problems)),
        Some(&"play") => play(table, files, problems),
        Some(_) => Content::Body(table.template("body", problems).unwrap_or_default()),
        None => Content::Steps(Vec::new()),
    };
    // Refuses keys without an effect here, which would hide a slip.
    for name in ["bytes", "every_ms", "exchange"] {
        if let Some(node) = table.get(name).filter(|_| !table.has("play")) {
            problems.add(&node.place, "expected play beside this key");
        }
    }
    for name in ["after", "heartbeat"] {
        if let Some(node) = table.get(name).filter(|_| !table.has("play") && !table.has("steps")) {
            problems.add(&node.place, "expected steps or play beside this key");
        }
    }
    let status = table.whole("status", 200..=599, problems).and_then(|status| u16::try_from(status).ok());
    // Refuses content where HTTP allows no body (RFC 9110, 15.3.5, 15.3.6 and 15.4.5).
    if let (Some(204 | 205 | 304), Some(name)) = (status, contents.first()) {
        problems.add(table.place, format!("expected a response without {name}, since its status has no body"));
    }
    Response {
        wait: table.ms("wait_ms", 0, problems).unwrap_or_default(),
        status: status.and_then(|status| StatusCode::from_u16(status).ok()),
        headers: headers(table, problems),
        content,
        heartbeat: table.get("heartbeat").and_then(|node| heartbeat(node, problems)),
        resumes: table.word("after", &[("last-event-id", true)], problems).unwrap_or_default(),
        faults: faults(table, path, problems),
    }
}

fn steps(table: &Table<'_>, problems: &mut Problems) -> Vec<Step> {
    let nodes = table.items("steps", STEPS_MAX, problems);
    let steps: Vec<_> = nodes.iter().filter_map(|node| Some((node, step(node, problems)?))).collect();
    check_order(&steps, problems);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// Returns the names of the channels that a response subscribes to, each with its place.
pub(super) fn subscribed(node: &Node) -> impl Iterator<Item = (&str, &Place)> {
    let steps = items(node, "steps").iter().filter_map(|step| step.get("subscribe"));
    let names = steps.flat_map(|node| match &node.content {
        NodeValue::Array(names) => &names[..],
        _ => std::slice::from_ref(node),
    });
    // Leaves out impossible names: each is a problem already, and would be told twice.
    names.filter_map(|node| Some((node.as_text().filter(|name| is_channel_name(name))?, &node.place)))
}

/// Returns the items of an array in a table; none if the key or the array is missing.
fn items<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    match node.get(key).map(|node| &node.content) {
        Some(NodeValue::Array(items)) => items,
        _ => &[],
    }
}

fn headers(table: &Table<'_>, problems: &mut Problems) -> Vec<(HeaderName, Template)> {
    let mut headers = Vec::new();
    for (name, node) in table.entries("headers", problems) {
        let Ok(known) = name.parse::<HeaderName>() else {
            problems.add(&node.place, format!("expected the name of a header, got {name}"));
            continue;
        };
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&known) {
            problems
                .add(&node.place, format!("expected a header other than {known}, which the server writes by itself"));
            continue;
        }
        let Some(value) = template(node, problems) else { continue };
        if value.uses_seq() {
            problems.add(&node.place, "expected a header without {{seq}}, which counts the chunks of a body");
            continue;
        }
        // Checks the text with its placeholders; their values are checked when the head is sent.
        if let NodeValue::Plain(serde_json::Value::String(text)) = &node.content
            && HeaderValue::from_str(text).is_err()
        {
            problems
                .add(&node.place, format!("expected the value of a header, without control characters, got {node}"));
            continue;
        }
        // Compares parsed names, since `X-A` and `x-a` are two keys of TOML and one header.
        if headers.iter().any(|(other, _)| *other == known) {
            problems.add(&node.place, format!("expected each header once, got {known} twice"));
        }
        headers.push((known, value));
    }
    if let Some(seconds) = table.whole("retry_after_s", 0..=u64::from(u32::MAX), problems) {
        if headers.iter().any(|(name, _)| *name == RETRY_AFTER) {
            problems.add(table.place, "expected either retry_after_s or the header retry-after, got both");
        }
        headers.push((RETRY_AFTER, Template::literal(seconds.to_string())));
    }
    headers
}

fn faults(table: &Table<'_>, path: &str, problems: &mut Problems) -> Vec<Arc<Fault>> {
    let Some(node) = table.get("fault") else { return Vec::new() };
    // Takes a single fault for a list of one.
    let nodes = match &node.content {
        NodeValue::Array(_) => table.items("fault", FAULTS_MAX, problems),
        _ => std::slice::from_ref(node),
    };
    let tables = nodes.iter().filter(|node| {
        let is_table = matches!(node.content, NodeValue::Table(_));
        if !is_table {
            problems.add(&node.place, format!("expected a table such as {{ kind = \"cut\" }}, got {node}"));
        }
        is_table
    });
    let tables: Vec<&Node> = tables.collect();
    let read = tables.into_iter().filter_map(|node| match Fault::of_route(node.to_json(), path) {
        Ok(fault) => Some(Arc::new(fault)),
        Err(wrong) => {
            let at = node.below(&wrong.field);
            // Names a missing field in the text, since the path ends at the table above.
            let name = if at.place.path.ends_with(&wrong.field) { String::new() } else { format!("{}: ", wrong.field) };
            problems.add(&at.place, format!("{name}{}", wrong.reason));
            None
        }
    });
    read.collect()
}

/// Reads the file that a response plays.
fn play(table: &Table<'_>, files: &PlayedFiles<'_>, problems: &mut Problems) -> Content {
    let options = PlayOptions {
        bytes: table
            .whole("bytes", 1..=1 << 30, problems)
            .and_then(|bytes| NonZeroUsize::new(usize::try_from(bytes).ok()?)),
        every: table.ms("every_ms", 0, problems).unwrap_or_default(),
        exchange: table.whole("exchange", 0..=1_000_000, problems).and_then(|n| usize::try_from(n).ok()),
    };
    let nothing = Content::Steps(Vec::new());
    let (Some(node), Some(name)) = (table.get("play"), table.text("play", problems)) else { return nothing };
    match files.read(name, options) {
        Ok(played) => Content::Play(played),
        Err(why) => {
            problems.add(&node.place, why);
            nothing
        }
    }
}
