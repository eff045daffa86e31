//! Tells whether a route matches a request, and why not.

use std::fmt;

use axum::http::Method;
use serde_json::Value;

use crate::glob;
use crate::model::{Condition, PathPattern, Route};
use crate::nearest::nearest;
use crate::request::{Request, RequestPart};

/// How many characters are shown of a value.
const SHOWN_CHARS_MAX: usize = 80;

/// The reason why a route does not match a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mismatch {
    Path,
    Method,
    /// A failed condition, and the value in the request.
    Condition(Condition, Option<Value>),
    /// A condition on JSON, though the body has none.
    NoJson(Condition),
}

impl PathPattern {
    /// Returns whether a path fits: `*` fits any characters within a segment.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        let (mut pattern, mut segments) = (self.0.split('/'), path.split('/'));
        loop {
            match (pattern.next(), segments.next()) {
                (Some(pattern), Some(segment)) if glob::fits(pattern, segment) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

impl Condition {
    /// Returns whether the condition holds for the value in a request.
    fn holds(&self, value: Option<&Value>) -> bool {
        match (value, &self.part) {
            // Compares JSON with JSON by type; all other parts of a request are text, whatever the type expected.
            (Some(value), RequestPart::Json(_)) => fits(&self.expected, value),
            (Some(Value::String(text)), _) => text_fits(&self.expected, text),
            _ => false,
        }
    }
}

/// Returns whether a text, such as a header, is as expected. A text is read as a number or a boolean where `expected` is
/// a number or a boolean.
fn text_fits(expected: &Value, text: &str) -> bool {
    match expected {
        Value::String(pattern) => glob::fits(pattern, text),
        Value::Number(number) => text.trim().parse::<f64>().is_ok_and(|sent| number.as_f64() == Some(sent)),
        Value::Bool(expected) => text.parse() == Ok(*expected),
        _ => false,
    }
}

/// Returns whether a value is as expected: strings fit by their globs, numbers by their values.
fn fits(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::String(pattern), Value::String(text)) => glob::fits(pattern, text),
        // Takes `1` and `1.0` for the same number, though `serde_json` keeps both apart.
        (Value::Number(expected), Value::Number(number)) => expected == number || expected.as_f64() == number.as_f64(),
        (Value::Array(expected), Value::Array(values)) => {
            expected.len() == values.len() && expected.iter().zip(values).all(|(expected, value)| fits(expected, value))
        }
        (Value::Object(expected), Value::Object(values)) => {
            // Compares whole objects: an object with further keys does not fit.
            let fits = |(key, expected): (&String, &Value)| values.get(key).is_some_and(|value| fits(expected, value));
            expected.len() == values.len() && expected.iter().all(fits)
        }
        _ => expected == value,
    }
}

impl Route {
    /// Returns whether the route takes this method. A route for `GET` answers `HEAD`, too.
    pub(crate) fn takes_method(&self, method: &Method) -> bool {
        self.method.as_ref().is_none_or(|own| own == method || (own == Method::GET && method == Method::HEAD))
    }

    /// Returns why the route does not match; nothing if the route matches.
    pub(crate) fn mismatch(&self, request: &Request) -> Option<Mismatch> {
        // Tests the path, then the method, then the conditions: a 404 tells the first test that fails.
        if !self.path.fits(request.path()) {
            return Some(Mismatch::Path);
        }
        if !self.takes_method(request.method()) {
            return Some(Mismatch::Method);
        }
        self.conditions.iter().find_map(|condition| {
            let value = request.json(&condition.part);
            if condition.holds(value.as_deref()) {
                return None;
            }
            // Tells a body that is no JSON from JSON without the value.
            let needs_json = matches!(condition.part, RequestPart::Json(_)) && !request.has_json();
            Some(if needs_json {
                Mismatch::NoJson(condition.clone())
            } else {
                Mismatch::Condition(condition.clone(), value.map(std::borrow::Cow::into_owned))
            })
        })
    }
}

/// Returns the text of a 404: the nearest route, and the reason why this route does not match.
pub(crate) fn no_match(routes: &[&Route], request: &Request) -> String {
    let (method, path) = (request.method(), request.path());
    // Ranks a route by the first failed test: the later the test, the nearer the route.
    let rank = |mismatch: &Mismatch| match mismatch {
        Mismatch::Condition(..) | Mismatch::NoJson(_) => 0,
        Mismatch::Method => 1,
        Mismatch::Path => 2,
    };
    let mismatches = routes.iter().filter_map(|route| Some((route, route.mismatch(request)?)));
    // Takes the first of equally near routes, as `min_by_key` does: the earlier route has precedence.
    let nearest_route = match mismatches.min_by_key(|(_, mismatch)| rank(mismatch)) {
        None => return format!("no route matches {method} {path}: there is no route\n"),
        Some((_, Mismatch::Path)) => {
            let paths: Vec<_> = routes.iter().map(|route| route.path.0.as_str()).collect();
            // Falls back to the first route, so that the message always shows a path.
            let named = nearest(path, paths.iter().copied()).unwrap_or(paths[0]);
            routes.iter().find(|route| route.path.0 == named).map(|route| (*route, Mismatch::Path))
        }
        Some((route, mismatch)) => Some((*route, mismatch)),
    };
    let (route, mismatch) = nearest_route.expect("a path of a route");
    format!("no route matches {method} {path}\nthe nearest is {route}: {mismatch}\n")
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map_or("*", Method::as_str);
        write!(f, "{method} {}", self.path.0)
    }
}

impl fmt::Display for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("method"),
            Self::Path => f.write_str("path"),
            Self::Body => f.write_str("body"),
            Self::Query(name) => write!(f, "query.{name}"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Json(pointer) => f.write_str(pointer),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("its path differs"),
            Self::Method => f.write_str("its method differs"),
            Self::NoJson(Condition { part, expected }) => {
                write!(f, "it expects {} at {part}, and the body is no JSON", shown(expected))
            }
            Self::Condition(Condition { part, expected }, None) => {
                write!(f, "it expects {} at {part}, and the request has none", shown(expected))
            }
            Self::Condition(Condition { part, expected }, Some(value)) => {
                write!(f, "it expects {} at {part}, and the request has {}", shown(expected), shown(value))
            }
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::tests::request;
    use crate::testing::{model, route};

    #[test]
    fn an_asterisk_in_a_path_stays_within_its_segment() {
        for (pattern, path, is) in [
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a", "/A", false),
            ("/a/", "/a/", true),
            ("/", "/", true),
            ("/*", "/", true),
            ("/*", "/a", true),
            ("/*", "/a/b", false),
            ("/a/*", "/a", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a//c", true),
            ("/a/*/c", "/a/b/b/c", false),
            ("/a/b*", "/a/bc", true),
            ("/a/b*", "/a/cb", false),
        ] {
            assert_eq!(PathPattern(pattern.into()).fits(path), is, "{pattern} {path}");
        }
    }

    #[test]
    fn values_fit_by_their_kind() {
        for (expected, value, is) in [
            (json!("a*"), json!("ab"), true),
            (json!("1"), json!(1), false),
            (json!(1), json!(1.0), true),
            (json!(1.5), json!(1.5), true),
            (json!(1), json!(2), false),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_993_u64), true),
            (json!(true), json!(true), true),
            (json!(true), json!("true"), false),
            (json!(null), json!(null), true),
            (json!(["a*", 1]), json!(["ab", 1.0]), true),
            (json!(["a"]), json!(["a", "b"]), false),
            (json!(["a", "b"]), json!(["b", "a"]), false),
            (json!({"a": "x*"}), json!({"a": "xy"}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!({"a": 1}), json!({"b": 1}), false),
            (json!({}), json!([]), false),
        ] {
            assert_eq!(fits(&expected, &value), is, "{expected} {value}");
        }
    }

    #[test]
    fn a_route_takes_its_method_and_head_with_get() {
        for (key, method, takes) in [
            ("", Method::GET, true),
            ("", Method::HEAD, true),
            ("", Method::POST, false),
            ("method = \"POST\"", Method::POST, true),
            ("method = \"POST\"", Method::HEAD, false),
            ("method = \"HEAD\"", Method::GET, false),
            ("method = \"*\"", Method::DELETE, true),
        ] {
            assert_eq!(route(&format!("{key}\nstatus = 200")).takes_method(&method), takes, "{key} {method}");
        }
    }

    #[test]
    fn the_nearest_route_differs_as_late_as_possible() {
        let model = model(
            r#"[[route]]
            path = "/other"
            status = 200
            [[route]]
            path = "/chats"
            status = 200
            [[route]]
            method = "PUT"
            path = "/chat"
            status = 200
            [[route]]
            method = "POST"
            path = "/chat"
            match = { "/model" = "gpt-*", "header.x-key" = "1" }
            status = 200"#,
        );
        let routes: Vec<_> = model.routes.iter().collect();
        for (method, path, body, said) in [
            (
                "POST",
                "/chat",
                r#"{"model":"x"}"#,
                "POST /chat: it expects \"gpt-*\" at /model, and the request has \"x\"",
            ),
            ("POST", "/chat", "{}", "POST /chat: it expects \"gpt-*\" at /model, and the request has none"),
            ("POST", "/chat", "", "POST /chat: it expects \"gpt-*\" at /model, and the body is no JSON"),
            (
                "POST",
                "/chat",
                r#"{"model":"gpt-4"}"#,
                "POST /chat: it expects \"1\" at header.x-key, and the request has none",
            ),
            ("GET", "/chat", "", "PUT /chat: its method differs"),
            ("GET", "/cats", "", "GET /chats: its path differs"),
            ("GET", "/nothing/like/it", "", "GET /other: its path differs"),
        ] {
            let text = no_match(&routes, &request(method, path, &[], body));
            assert_eq!(text, format!("no route matches {method} {path}\nthe nearest is {said}\n"));
        }
        let text = no_match(&[], &request("GET", "/a", &[], ""));
        assert_eq!(text, "no route matches GET /a: there is no route\n");
        assert_eq!(shown(&json!("x".repeat(100))), format!("\"{}…", "x".repeat(79)));
    }
}
