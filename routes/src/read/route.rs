//! Reads a route: the requests that match, and the responses.

use axum::http::Method;
use onbeat_server::ready::PREFIX;

use super::input::PlayedFiles;
use super::node::{Node, NodeValue, Place};
use super::problems::Problems;
use super::response::{RESPONSE_KEYS, response, subscribed};
use super::table::{Table, check_json};
use crate::model::{Condition, PathPattern, Response, Route};
use crate::request::RequestPart;

pub(super) const ROUTE_KEYS: [&str; 4] = ["method", "path", "match", "response"];
const RESPONSES_MAX: usize = 10_000;
const PATH_BYTES_MAX: usize = 2048;

/// A route, and where its parts stand.
pub(super) struct ReadRoute<'a> {
    pub(super) route: Route,
    pub(super) place: &'a Place,
    /// The names of the channels in the subscriptions of the responses.
    pub(super) channels: Vec<(String, Place)>,
}

/// Reads a route.
pub(super) fn route<'a>(node: &'a Node, files: &PlayedFiles<'_>, problems: &mut Problems) -> Option<ReadRoute<'a>> {
    let known = [&ROUTE_KEYS[..], &RESPONSE_KEYS].concat();
    let table = Table::read(node, &known, problems)?;
    let path = path("path", &table, problems);
    // Goes on without a path, so that all problems of the responses are told at once.
    let name = path.as_ref().map_or("", |path| path.0.as_str());
    let (mut responses, mut channels) = (Vec::new(), Vec::new());
    let mut add = |node: &Node, response: Response| {
        channels.extend(subscribed(node).map(|(name, place)| (name.to_owned(), place.clone())));
        responses.push(response);
    };
    // Takes the response out of the route itself, or the list `response`, but not both.
    let own = table.present(&RESPONSE_KEYS);
    if table.has("response") {
        if !own.is_empty() {
            let names = own.join(", ");
            problems.add(
                table.place,
                format!("expected either response, or the keys of one response, got response and {names}"),
            );
        }
        for node in table.items("response", RESPONSES_MAX, problems) {
            if let Some(table) = Table::read(node, &RESPONSE_KEYS, problems) {
                add(node, response(&table, name, files, problems));
            }
        }
    } else if own.is_empty() {
        problems
            .add(table.place, format!("expected response, or one of {}, but there is none", RESPONSE_KEYS.join(", ")));
    } else {
        add(node, response(&table, name, files, problems));
    }
    let (method, conditions) = (method(&table, problems), conditions(&table, problems));
    let route = Route { method, path: path?, conditions, responses, form: node.to_json().into() };
    Some(ReadRoute { route, place: &node.place, channels })
}

/// Reads a method: `GET` if there is none, and nothing for any method.
fn method(table: &Table<'_>, problems: &mut Problems) -> Option<Method> {
    let Some(node) = table.get("method") else { return Some(Method::GET) };
    match table.text("method", problems)? {
        "*" => None,
        name => named_method(name, "a method in upper case, such as POST, or * for any", node, problems),
    }
}

/// Reads the name of a method, or tells what was `expected`.
pub(super) fn named_method(name: &str, expected: &str, node: &Node, problems: &mut Problems) -> Option<Method> {
    // Refuses the asterisk, of which HTTP would allow a name.
    let method = Method::from_bytes(name.as_bytes()).ok().filter(|_| name != "*" && name == name.to_uppercase());
    if method.is_none() {
        problems.add(&node.place, format!("expected {expected}, got {node}"));
    }
    method
}

/// Reads a path.
pub(super) fn path(key: &str, table: &Table<'_>, problems: &mut Problems) -> Option<PathPattern> {
    let Some(node) = table.get(key) else {
        problems.add(table.place, format!("expected {key}, a path like /v1/chat, but it is missing"));
        return None;
    };
    let path = table.text(key, problems)?;
    let is_printable = path.bytes().all(|byte| byte.is_ascii_graphic());
    if !path.starts_with('/') || !is_printable || path.contains(['?', '#']) || path.len() > PATH_BYTES_MAX {
        let expected =
            format!("a path like /v1/chat, of at most {PATH_BYTES_MAX} visible ASCII characters, without a query");
        problems.add(&node.place, format!("expected {expected}, got {node}"));
        return None;
    }
    // Keeps the prefix of the control interface free, but not paths that merely begin alike, such as `/__onbeats`.
    if path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        problems.add(&node.place, format!("expected a path outside of {PREFIX}, got {node}"));
        return None;
    }
    // Refuses the placeholders of other routers, which would match nothing here.
    if let Some(segment) = path.split('/').find(|segment| segment.starts_with([':', '{'])) {
        problems.add(&node.place, format!("expected * for any characters within a segment, got {segment}"));
        return None;
    }
    Some(PathPattern(path.to_owned()))
}

fn conditions(table: &Table<'_>, problems: &mut Problems) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (name, node) in table.entries("match", problems) {
        let part = RequestPart::named(name);
        if let Some(part) = part.filter(|part| !matches!(part, RequestPart::Method | RequestPart::Path)) {
            let is_comparable = matches!(&node.content, NodeValue::Plain(value) if !value.is_null());
            if !is_comparable && !matches!(part, RequestPart::Json(_)) {
                problems.add(&node.place, format!("expected a text, a number, true or false, got {node}"));
            } else {
                check_json(node, problems);
            }
            conditions.push(Condition { part, expected: node.to_json() });
        } else {
            let name = onbeat_faults::form::shown(name);
            let expected = "a JSON pointer like \"/model\", body, query.NAME or header.NAME";
            let hint = if name.starts_with('/') { ": write ~0 for ~ and ~1 for / in a name" } else { "" };
            problems.add(&node.place, format!("expected {expected}, got {name}{hint}"));
        }
    }
    conditions
}
