//! The requests that a route matches, and the reasons against the others.

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
    /// A condition that does not hold, and the value in the request.
    Condition(Condition, Option<Value>),
    /// A condition on the JSON of a body that is none.
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
            (Some(value), RequestPart::Json(_)) => fits(&self.expected, value),
            (Some(Value::String(text)), _) => text_fits(&self.expected, text),
            _ => false,
        }
    }
}

/// Returns whether a text, such as a header, is as expected. A number is compared with the number that the text spells.
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
        (Value::Number(expected), Value::Number(number)) => expected == number || expected.as_f64() == number.as_f64(),
        (Value::Array(expected), Value::Array(values)) => {
            expected.len() == values.len() && expected.iter().zip(values).all(|(expected, value)| fits(expected, value))
        }
        (Value::Object(expected), Value::Object(values)) => {
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

    /// Returns why the route does not match; nothing if it matches.
    pub(crate) fn mismatch(&self, request: &Request) -> Option<Mismatch> {
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
            let needs_json = matches!(condition.part, RequestPart::Json(_)) && !request.has_json();
            Some(if needs_json {
                Mismatch::NoJson(condition.clone())
            } else {
                Mismatch::Condition(condition.clone(), value.map(std::borrow::Cow::into_owned))
            })
        })
    }
}

/// Returns the text of a 404: the nearest route, and why the route does not match.
pub(crate) fn no_match(routes: &[&Route], request: &Request) -> String {
    let (method, path) = (request.method(), request.path());
    // A route that matches as far as its conditions is nearer than one that matches as far as its path.
    let rank = |mismatch: &Mismatch| match mismatch {
        Mismatch::Condition(..) | Mismatch::NoJson(_) => 0,
        Mismatch::Method => 1,
        Mismatch::Path => 2,
    };
    let mismatches = routes.iter().filter_map(|route| Some((route, route.mismatch(request)?)));
    let nearest_route = match mismatches.min_by_key(|(_, mismatch)| rank(mismatch)) {
        None => return format!("no route matches {method} {path}: there is no route\n"),
        Some((_, Mismatch::Path)) => {
            let paths: Vec<_> = routes.iter().map(|route| route.path.0.as_str()).collect();
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
