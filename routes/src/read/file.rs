//! Reads a routes file, and routes that are added at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::http::StatusCode;
use serde_json::Value;
use toml::Spanned;
use toml::de::DeTable;

use super::chunk::{CHUNK_KEYS, chunk};
use super::input::{Folder, PlayedFiles, text_in};
use super::node::{Lines, Node, NodeValue, Place};
use super::problems::Problems;
use super::route::{ReadRoute, named_method, path, route};
use super::step::channel_name;
use super::table::{Table, unknown};
use crate::model::{ChannelForm, Chunk, EventForm, Model, Publish, Route};
use crate::template::Template;

/// The version of the form.
pub(super) const VERSION: u64 = 1;
pub(super) const FILE_KEYS: [&str; 4] = ["onbeat", "route", "channel", "scenario"];
pub(super) const SCENARIO_KEYS: [&str; 1] = ["route"];
pub(super) const CHANNEL_KEYS: [&str; 2] = ["history", "publish"];
pub(super) const PUBLISH_KEYS: [&str; 3] = ["method", "path", "status"];
/// The longest text, in bytes, whose errors are all listed.
const RECOVERABLE_BYTES_MAX: usize = 1024 * 1024;
pub(super) const ROUTES_MAX: usize = 10_000;
const HISTORY_MAX: u64 = 100_000;

/// Reads a routes file in TOML. Files that routes play are found from the folder of the file.
///
/// # Errors
///
/// If the file can't be read, or has problems: all problems.
pub fn read_file(file: &Path) -> Result<Model, Problems> {
    let name = file.display().to_string();
    let text = text_in(file).map_err(|(line, what)| {
        let mut problems = Problems::of_file(&name);
        problems.add(&Place { line, ..Place::default() }, what);
        problems
    })?;
    read_text(&name, &text, file.parent().unwrap_or(Path::new("")))
}

/// Reads the text of the routes file `name`, whose routes play files from `folder`.
///
/// # Errors
///
/// If the text has problems: all problems.
pub fn read_text(name: &str, text: &str, folder: &Path) -> Result<Model, Problems> {
    let mut problems = Problems::of_file(name);
    let lines = Lines::new(text);
    let document = match document(text) {
        Ok(document) => document,
        // Stops at syntax errors: half a tree would lead to false problems.
        Err(errors) => {
            // Gives JSON a message of its own: as TOML, JSON has an error in nearly every line.
            if text.trim_start().starts_with('{') {
                let what = "expected TOML, got JSON, which is for routes in the control interface and in programs";
                problems.add(&Place { line: Some(1), ..Place::default() }, what);
            } else {
                add_toml_errors(&errors, text, &lines, &mut problems);
            }
            return Err(problems.sorted());
        }
    };
    let root = Node::of_toml(&document, &lines);
    if root.get("onbeat").is_none() {
        let what = format!("expected onbeat = {VERSION} before all tables, the version of the form, but it is missing");
        problems.add(&root.place, what);
    }
    let model = model(&root, &PlayedFiles::of(Folder::AnyFrom(folder)), &mut problems);
    model.filter(|_| problems.is_empty()).ok_or_else(|| problems.sorted())
}

/// Parses TOML.
pub(super) fn document(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<toml::de::Error>> {
    // Stops a long text, such as a log taken for a routes file, at the first error: all errors take much memory.
    if text.len() > RECOVERABLE_BYTES_MAX {
        return DeTable::parse(text).map_err(|error| vec![error]);
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() { Ok(document) } else { Err(errors) }
}

/// Adds the errors of TOML: the first of each line, since others in the line most often follow from the first.
pub(super) fn add_toml_errors(errors: &[toml::de::Error], text: &str, lines: &Lines, problems: &mut Problems) {
    let mut told = BTreeSet::new();
    for error in errors {
        // Guesses the line of a key with too many parts, for which the parser has no place: the line with most dots.
        let deepest = || text.lines().map(|line| line.matches('.').count()).enumerate().max_by_key(|(_, dots)| *dots);
        let line = match error.span() {
            Some(span) => lines.of(span.start),
            None => deepest().map_or(1, |(number, _)| number + 1),
        };
        if told.insert(line) {
            let said = match error.message() {
                message if message.contains("recurs") => "arrays and tables nest too deep".into(),
                message => message.lines().collect::<Vec<_>>().join(", "),
            };
            problems.add(&Place { line: Some(line), ..Place::default() }, format!("expected TOML: {said}"));
        }
    }
}

/// Reads a route to add at run time, which may play files below `folder` alone.
///
/// # Errors
///
/// If the route has problems: all problems.
pub fn read_route(form: Value, folder: Option<&Path>) -> Result<Route, Problems> {
    let mut problems = Problems::default();
    let node = Node::of_json(form, Place::default());
    let read = route(&node, &below(folder), &mut problems).map(|read| read.route);
    read.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Reads `{"routes":[…]}`: the routes in place of the routes added at run time before.
///
/// # Errors
///
/// If the form, or a route, has problems: all problems.
pub fn read_routes(form: Value, folder: Option<&Path>) -> Result<Vec<Route>, Problems> {
    let mut problems = Problems::default();
    let node = Node::of_json(form, Place::default());
    let table = Table::read(&node, &["routes"], &mut problems);
    let (files, mut routes) = (below(folder), Vec::new());
    match table.as_ref().map(|table| table.get("routes")) {
        Some(Some(node)) => match &node.content {
            NodeValue::Array(items) if items.len() <= ROUTES_MAX => {
                routes
                    .extend(items.iter().filter_map(|node| route(node, &files, &mut problems)).map(|read| read.route));
            }
            _ => problems.add(&node.place, format!("expected an array with at most {ROUTES_MAX} routes, got {node}")),
        },
        Some(None) => problems.add(&node.place, "expected routes, an array of routes, but it is missing"),
        // Adds nothing: the reading of the table has told the problem.
        None => {}
    }
    if problems.is_empty() { Ok(routes) } else { Err(problems) }
}

fn below(folder: Option<&Path>) -> PlayedFiles<'_> {
    PlayedFiles::of(folder.map_or(Folder::None, Folder::Below))
}

/// Reads a form with routes, channels and scenarios.
pub(super) fn model(root: &Node, files: &PlayedFiles<'_>, problems: &mut Problems) -> Option<Model> {
    let table = Table::read(root, &FILE_KEYS, problems)?;
    table.whole("onbeat", VERSION..=VERSION, problems);
    let mut channels = BTreeMap::new();
    for (name, node) in table.entries("channel", problems) {
        let read = channel(node, problems);
        if let Some((name, form)) = channel_name(name, node, problems).zip(read) {
            channels.insert(name, form);
        }
    }
    // Reads the channels before all routes: each subscription needs a declared channel.
    let routes = routes(&table, files, &channels, problems);
    let mut scenarios = BTreeMap::new();
    for (name, node) in table.entries("scenario", problems) {
        if let Some(table) = Table::read(node, &SCENARIO_KEYS, problems) {
            scenarios.insert(name.clone(), self::routes(&table, files, &channels, problems));
        }
    }
    // Checks the routes of the file alone: a scenario may take a publishing request over on purpose.
    check_publishing(&routes, &channels, &table, problems);
    Some(Model { routes, channels, scenarios })
}

/// Reads the routes of a file or of a scenario.
fn routes(
    table: &Table<'_>,
    files: &PlayedFiles<'_>,
    channels: &BTreeMap<String, ChannelForm>,
    problems: &mut Problems,
) -> Vec<Route> {
    let nodes = table.items("route", ROUTES_MAX, problems);
    let read: Vec<ReadRoute<'_>> = nodes.iter().filter_map(|node| route(node, files, problems)).collect();
    let known: Vec<_> = channels.keys().map(String::as_str).collect();
    for (name, place) in read.iter().flat_map(|read| &read.channels) {
        if !channels.contains_key(name) {
            let said = if known.is_empty() {
                format!("expected a channel that the file declares: add [channel.{name}]")
            } else {
                unknown(name, &known).replace("a known key", "a channel that the file declares")
            };
            problems.add(place, said);
        }
    }
    check_reached(&read, problems);
    read.into_iter().map(|read| read.route).collect()
}

/// Checks that no route answers all requests of a later route.
pub(super) fn check_reached(read: &[ReadRoute<'_>], problems: &mut Problems) {
    // Compares a path without a star with equal paths alone, so that thousands of routes take no quadratic time.
    let mut with_path: BTreeMap<&str, Vec<&ReadRoute<'_>>> = BTreeMap::new();
    let mut with_star: Vec<&ReadRoute<'_>> = Vec::new();
    for later in read {
        let path = later.route.path.0.as_str();
        let earlier = with_path.get(path).into_iter().flatten().chain(&with_star);
        let covering = earlier.filter(|earlier| earlier.route.covers(&later.route));
        if let Some(earlier) = covering.min_by_key(|earlier| earlier.place.line) {
            let line = earlier.place.line.map(|line| format!(" in line {line}")).unwrap_or_default();
            let expected = format!("expected a route that is reached: the route{line} answers all of its requests");
            problems.add(later.place, expected);
        }
        // Enters the route after the comparison: a route does not cover itself.
        if path.contains('*') {
            with_star.push(later);
        } else {
            with_path.entry(path).or_default().push(later);
        }
    }
}

impl Route {
    /// Returns whether this route matches all requests that another route matches. Some such routes are not found out.
    fn covers(&self, other: &Self) -> bool {
        let takes_methods = other.method.as_ref().map_or(self.method.is_none(), |method| self.takes_method(method));
        // Matches the other pattern as if a path: a star there fits only a star here, unless escapes are in play.
        let has_path = self.path == other.path || !self.path.0.contains('\\') && self.path.fits(&other.path.0);
        takes_methods && has_path && self.conditions.iter().all(|condition| other.conditions.contains(condition))
    }
}

fn channel(node: &Node, problems: &mut Problems) -> Option<ChannelForm> {
    let table = Table::read(node, &CHANNEL_KEYS, problems)?;
    let history = table.whole("history", 0..=HISTORY_MAX, problems).and_then(|history| usize::try_from(history).ok());
    let publish = table.get("publish").and_then(|node| publish(node, problems));
    Some(ChannelForm { history: history.unwrap_or_default(), publish })
}

fn publish(node: &Node, problems: &mut Problems) -> Option<Publish> {
    let table = Table::read(node, &[&PUBLISH_KEYS[..], &CHUNK_KEYS].concat(), problems)?;
    let method = match table.get("method") {
        Some(node) => {
            let expected = "a single method in upper case, such as POST";
            table.text("method", problems).and_then(|name| named_method(name, expected, node, problems))
        }
        None => Some(axum::http::Method::POST),
    };
    let path = path("path", &table, problems);
    let status = table.whole("status", 200..=599, problems).unwrap_or(200);
    let body = || Template::parse("{{body}}").expect("a placeholder that is known");
    let event = match chunk(&table, problems) {
        // Sends the body of the request as data, unless the event has data, or is a comment.
        Some(Chunk::Event(form)) => {
            let data = form.data.or_else(|| (form.comment.is_none()).then(body));
            Chunk::Event(EventForm { data, ..form })
        }
        Some(other) => other,
        None => Chunk::Event(EventForm { data: Some(body()), ..EventForm::default() }),
    };
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok())?;
    Some(Publish { method: method?, path: path?, event, status })
}

/// Checks that each request that publishes reaches its channel.
fn check_publishing(
    routes: &[Route],
    channels: &BTreeMap<String, ChannelForm>,
    table: &Table<'_>,
    problems: &mut Problems,
) {
    let publishers: Vec<_> =
        channels.iter().filter_map(|(name, channel)| Some((name, channel.publish.as_ref()?))).collect();
    for (number, (name, Publish { method, path, .. })) in publishers.iter().enumerate() {
        let node = table.get("channel").and_then(|node| node.get(name)?.get("publish"));
        let place = node.map_or(table.place, |node| &node.place);
        // Finds a route that takes the request under all conditions; a route with conditions takes only some requests.
        let is_taken =
            |route: &&Route| route.takes_method(method) && route.path.fits(&path.0) && route.conditions.is_empty();
        if let Some(route) = routes.iter().find(is_taken) {
            problems.add(
                place,
                format!("expected a request that no route takes, got {method} {}: {route} comes first", path.0),
            );
        }
        let same = |(_, other): &&(&String, &Publish)| other.method == *method && other.path == *path;
        // Looks at earlier channels only, so that two equal requests are one problem.
        if let Some((other, _)) = publishers[..number].iter().find(same) {
            problems.add(place, format!("expected a request of its own, got that of channel {other}"));
        }
    }
}
