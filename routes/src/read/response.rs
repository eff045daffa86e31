//! Reads a response: head, content, heartbeats and faults.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Component, Path};
use std::sync::Arc;

use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use onbeat_faults::Fault;

use super::node::{Content as NodeContent, Node, Place};
use super::problems::Problems;
use super::step::{check_order, heartbeat, step};
use super::table::{Table, no_other, template};
use crate::model::{Content, Response, Step, StepAction};
use crate::nearest::nearest;
use crate::play::{PLAYED_BYTES_MAX, PlayOptions, Played};
use crate::template::Template;
use crate::text_file::read_bytes;

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

/// The folder of the files that are played.
#[derive(Clone, Copy, Debug)]
pub(super) enum Folder<'a> {
    /// Any file, relative to this folder.
    AnyFrom(&'a Path),
    /// Files in this folder and below.
    Below(&'a Path),
    /// No file.
    None,
}

/// Reads a response out of a table, which may have other keys. `path` is the path of the route.
pub(super) fn response(table: &Table<'_>, path: &str, folder: Folder<'_>, problems: &mut Problems) -> Response {
    let contents = table.present(&["steps", "play", "body"]);
    if contents.len() > 1 {
        problems.add(table.place, format!("expected one of steps, play and body, got {}", contents.join(" and ")));
    }
    let content = match contents.first() {
        Some(&"steps") => Content::Steps(steps(table, problems)),
        Some(&"play") => play(table, folder, problems),
        Some(_) => Content::Body(table.template("body", problems).unwrap_or_default()),
        None => Content::Steps(Vec::new()),
    };
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
pub(super) fn subscribed<'a>(node: &'a Node, response: &'a Response) -> impl Iterator<Item = (&'a str, &'a Place)> {
    let steps = if let Content::Steps(steps) = &response.content { &steps[..] } else { &[] };
    let of_step = |step: &'a Step| match &step.action {
        StepAction::Subscribe(subscribe) => &subscribe.channels[..],
        _ => &[],
    };
    let nodes = node.below("steps");
    let place = move |number: usize| match &nodes.content {
        NodeContent::Array(items) => items.get(number).map_or(&nodes.place, |item| &item.below("subscribe").place),
        _ => &nodes.place,
    };
    steps
        .iter()
        .enumerate()
        .flat_map(move |(number, step)| of_step(step).iter().map(move |name| (name.as_str(), place(number))))
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
        if let NodeContent::Plain(serde_json::Value::String(text)) = &node.content
            && HeaderValue::from_str(text).is_err()
        {
            problems
                .add(&node.place, format!("expected the value of a header, without control characters, got {node}"));
            continue;
        }
        if headers.iter().any(|(other, _)| *other == known) {
            problems.add(&node.place, format!("expected each header once, got {known} twice"));
        }
        headers.push((known, value));
    }
    if let Some(seconds) = table.whole("retry_after_s", 0..=u64::from(u32::MAX), problems) {
        headers.push((RETRY_AFTER, Template::literal(seconds.to_string())));
    }
    headers
}

fn faults(table: &Table<'_>, path: &str, problems: &mut Problems) -> Vec<Arc<Fault>> {
    let Some(node) = table.get("fault") else { return Vec::new() };
    no_other(node, problems);
    let nodes = match &node.content {
        NodeContent::Array(_) => table.items("fault", FAULTS_MAX, problems),
        _ => std::slice::from_ref(node),
    };
    let is_table = |node: &&Node| {
        let is_table = matches!(node.content, NodeContent::Table(_));
        if !is_table {
            problems.add(&node.place, format!("expected a table such as {{ kind = \"cut\" }}, got {node}"));
        }
        is_table
    };
    let tables: Vec<_> = nodes.iter().filter(is_table).collect();
    let read = tables.into_iter().filter_map(|node| match Fault::of_route(node.to_json(), path) {
        Ok(fault) => Some(Arc::new(fault)),
        Err(wrong) => {
            let at = node.below(&wrong.field);
            // The path to a field that is missing ends above the field.
            let name = if at.place.path.ends_with(&wrong.field) { String::new() } else { format!("{}: ", wrong.field) };
            problems.add(&at.place, format!("{name}{}", wrong.reason));
            None
        }
    });
    read.collect()
}

/// Reads the file that a response plays.
fn play(table: &Table<'_>, folder: Folder<'_>, problems: &mut Problems) -> Content {
    let options = PlayOptions {
        bytes: table
            .whole("bytes", 1..=1 << 30, problems)
            .and_then(|bytes| NonZeroUsize::new(usize::try_from(bytes).ok()?)),
        every: table.ms("every_ms", 0, problems).unwrap_or_default(),
        exchange: table
            .whole("exchange", 0..=1_000_000, problems)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or_default(),
    };
    let nothing = Content::Steps(Vec::new());
    let (Some(node), Some(name)) = (table.get("play"), table.text("play", problems)) else { return nothing };
    match played(name, &options, folder) {
        Ok(played) => Content::Play(Arc::new(played)),
        Err(why) => {
            problems.add(&node.place, why);
            nothing
        }
    }
}

fn played(name: &str, options: &PlayOptions, folder: Folder<'_>) -> Result<Played, String> {
    if name.is_empty() {
        return Err("expected the name of a file, got \"\"".into());
    }
    let path = match folder {
        Folder::AnyFrom(folder) => folder.join(name),
        Folder::Below(folder) => {
            let is_below =
                Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            let why = "expected a file in the folder of the routes file or below, as a relative path";
            if is_below { Ok(folder.join(name)) } else { Err(format!("{why}, got {name}")) }?
        }
        Folder::None => return Err("expected no file: the server was started without a routes file".into()),
    };
    let bytes = read_bytes(&path, PLAYED_BYTES_MAX).map_err(|error| missing(&path, &error))?;
    Played::read(name, &bytes.into(), options).map_err(|error| format!("{name}: {error}"))
}

/// Returns what is said of a file that can't be read, with the nearest name in its folder.
fn missing(path: &Path, error: &io::Error) -> String {
    let said = format!("expected a file that can be read, got {}: {error}", path.display());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().filter(|_| error.kind() == io::ErrorKind::NotFound);
    // A path without a folder has an empty parent.
    let folder = folder.map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    let mut names: Vec<String> =
        folder.and_then(|folder| std::fs::read_dir(folder).ok()).map_or_else(Vec::new, |entries| {
            entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        });
    names.sort_unstable();
    match nearest(&name, names.iter().map(String::as_str)) {
        Some(nearest) => format!("{said}: did you mean {nearest}?"),
        None => said,
    }
}
