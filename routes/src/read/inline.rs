//! Reads routes that stand in a program: the form of a routes file, in TOML or in JSON. A program needs not name the version
//! of the form.

use std::path::Path;

use onbeat_wire::UniqueJson;

use super::file::{FILE_KEYS, ROUTES_MAX, VERSION, add_toml_errors, check_reached, document, model};
use super::input::{Folder, PlayedFiles};
use super::node::{Lines, Node, Place};
use super::problems::Problems;
use super::route::{ReadRoute, route};
use super::table::Table;
use crate::model::{Model, Route};

/// The name of the text in problems, before the line.
const NAME: &str = "routes";

/// Reads routes, channels and scenarios. Files that routes play are found from `folder`.
///
/// # Errors
///
/// If the text has problems: all problems.
pub fn read_inline(text: &str, folder: &Path) -> Result<Model, Problems> {
    let mut problems = Problems::of_file(NAME);
    let read = tree(text, &mut problems)
        .and_then(|root| model(&root, &PlayedFiles::of(Folder::AnyFrom(folder)), &mut problems));
    read.filter(|_| problems.is_empty()).ok_or_else(|| problems.sorted())
}

/// Reads routes that are added at run time: the keys of one route, or several in the array `route`. A channel need not be
/// declared.
///
/// # Errors
///
/// If the text has problems: all problems.
pub fn read_inline_routes(text: &str, folder: &Path) -> Result<Vec<Route>, Problems> {
    let mut problems = Problems::of_file(NAME);
    let read = tree(text, &mut problems).map(|root| added(&root, folder, &mut problems));
    read.filter(|_| problems.is_empty()).ok_or_else(|| problems.sorted())
}

fn added(root: &Node, folder: &Path, problems: &mut Problems) -> Vec<Route> {
    let files = PlayedFiles::of(Folder::AnyFrom(folder));
    // Takes a text without the keys of a file for the keys of one route.
    if !FILE_KEYS.iter().any(|key| root.get(key).is_some()) {
        return route(root, &files, problems).map(|read| read.route).into_iter().collect();
    }
    for key in ["channel", "scenario"] {
        if let Some(node) = root.get(key) {
            problems.add(&node.place, "expected routes alone: a server gets channels and scenarios when started");
        }
    }
    let Some(table) = Table::read(root, &FILE_KEYS, problems) else { return Vec::new() };
    table.whole("onbeat", VERSION..=VERSION, problems);
    let nodes = table.items("route", ROUTES_MAX, problems);
    let read: Vec<ReadRoute<'_>> = nodes.iter().filter_map(|node| route(node, &files, problems)).collect();
    check_reached(&read, problems);
    read.into_iter().map(|read| read.route).collect()
}

/// Parses TOML, or JSON if the text begins with a brace.
fn tree(text: &str, problems: &mut Problems) -> Option<Node> {
    let lines = Lines::new(text);
    // Tells the forms apart by the brace, with which no TOML document begins.
    if text.trim_start().starts_with('{') {
        return match serde_json::from_str::<UniqueJson>(text).map(UniqueJson::into_value) {
            Ok(Ok(value)) => Some(Node::of_json(value, Place::default())),
            Ok(Err(path)) => {
                let what = "expected once in an object, got twice: delete one of the two";
                problems.add(&Place { path, ..Place::default() }, what);
                None
            }
            Err(error) => {
                problems
                    .add(&Place { line: Some(error.line()), ..Place::default() }, format!("expected JSON: {error}"));
                None
            }
        };
    }
    match document(text) {
        Ok(document) => Some(Node::of_toml(&document, &lines)),
        Err(errors) => {
            add_toml_errors(&errors, text, &lines, problems);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let routes = read_inline_routes(text, Path::new("")).unwrap_or_else(|problems| panic!("{text}: {problems}"));
        routes.into_iter().map(|route| route.path.0).collect()
    }

    fn problems(text: &str) -> String {
        read_inline_routes(text, Path::new("")).expect_err(text).to_string()
    }

    #[test]
    fn one_route_or_several_are_added_in_toml_or_json_with_the_version_or_without() {
        for text in [
            "path = \"/a\"\nbody = \"x\"",
            "[[route]]\npath = \"/a\"\nbody = \"x\"",
            "onbeat = 1\n[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"news\" }]",
            r#"{"path":"/a","body":"x"}"#,
            r#" {"route":[{"path":"/a","body":"x"}]}"#,
        ] {
            assert_eq!(paths(text), ["/a"], "{text}");
        }
        assert_eq!(
            paths("[[route]]\npath = \"/a\"\nstatus = 204\n[[route]]\npath = \"/b\"\nstatus = 204"),
            ["/a", "/b"]
        );
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        for (text, told) in [
            ("pth = \"/a\"\nbody = \"x\"", "routes:1: expected a known key, got pth: did you mean path?"),
            ("[[route]]\npath = \"/a\"\nbdy = \"x\"", "routes:3: route[0]: expected a known key, got bdy"),
            ("path = \"/a", "routes:1: expected TOML"),
            ("{\"path\":\n", "routes:2: expected JSON"),
            ("[channel.news]\nhistory = 3", "routes:1: channel: expected routes alone"),
            (r#"{"path":"/a","bdy":"x"}"#, "routes: expected a known key, got bdy"),
            (r#"{"path":"/a","body":"x","body":"y"}"#, "routes: body: expected once in an object, got twice"),
            ("onbeat = 2\n[[route]]\npath = \"/a\"\nstatus = 204", "routes:1: onbeat: expected"),
        ] {
            let problems = problems(text);
            assert!(problems.lines().any(|line| line.starts_with(told)), "{text}: {problems}");
        }
    }

    #[test]
    fn a_server_starts_with_routes_channels_and_scenarios() {
        let text = "[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"news\" }]\n[channel.news]\nhistory = 3\n[[scenario.off.route]]\npath = \"/a\"\nstatus = 503";
        let model = read_inline(text, Path::new("")).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!((model.routes.len(), model.channels.len(), model.scenarios.len()), (1, 1, 1));
        assert!(
            read_inline("[[route]]\npath = \"/a\"\nsteps = [{ subscribe = \"nws\" }]\n[channel.news]", Path::new(""))
                .is_err()
        );
    }
}
