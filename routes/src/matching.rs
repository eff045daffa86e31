//! Matching: which route answers a request, and why another does not.

use std::fmt;

use axum::http::Method;
use onbeat_wire::printable::{LINE_CHARS_MAX, printable};
use serde_json::Value;

use crate::glob;
use crate::model::{Condition, PathPattern, Route};
use crate::nearest::likeness;
use crate::request::{Request, RequestPart};

/// The reason why a route does not answer a request: the first thing that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The path differs.
    Path {
        /// The path of the route.
        expected: String,
        /// The path of the request.
        got: String,
    },
    /// The method differs.
    Method {
        /// The method of the route.
        expected: Method,
        /// The method of the request.
        got: Method,
    },
    /// A condition does not hold.
    Condition {
        /// The condition.
        condition: Condition,
        /// The value in the request; `None` if there is no such value.
        got: Option<Value>,
        /// Whether the body is no JSON, although the condition is about the JSON body.
        is_no_json: bool,
    },
}

impl PathPattern {
    /// Returns whether a path, as sent, fits.
    #[must_use]
    pub fn fits(&self, path: &str) -> bool {
        glob::path_fits(&self.0, path)
    }
}

impl Route {
    /// Returns why the route does not answer a request; `None` if the route does. A route for GET answers HEAD too.
    #[must_use]
    pub fn mismatch(&self, request: &Request) -> Option<Mismatch> {
        if !self.path.fits(request.path()) {
            let (expected, got) = (self.path.0.clone(), request.path().to_owned());
            return Some(Mismatch::Path { expected, got });
        }
        if let Some(expected) = self.method.as_ref().filter(|method| !answers(method, request.method())) {
            return Some(Mismatch::Method { expected: expected.clone(), got: request.method().clone() });
        }
        let condition = self.conditions.iter().find(|condition| !condition.holds(request))?;
        Some(Mismatch::Condition {
            condition: condition.clone(),
            got: request.json(&condition.part),
            is_no_json: matches!(condition.part, RequestPart::Json(_)) && request.body_json().is_none(),
        })
    }
}

/// Returns whether a route for one method answers requests with another.
pub(crate) fn answers(route: &Method, request: &Method) -> bool {
    route == request || route == Method::GET && request == Method::HEAD
}

impl Condition {
    /// Returns whether the condition holds for a request.
    fn holds(&self, request: &Request) -> bool {
        let Self { part, expected } = self;
        match part {
            RequestPart::Json(pointer) => request.value(pointer).is_some_and(|value| value_fits(expected, value)),
            part => request.text(part).is_some_and(|text| text_fits(expected, &text)),
        }
    }
}

/// Returns whether a JSON value is as expected. A string is a pattern.
fn value_fits(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::String(pattern), Value::String(text)) => glob::fits(pattern, text),
        (expected, value) => are_equal(expected, value),
    }
}

/// Returns whether two JSON values are equal, numbers by value.
fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let equal = |(name, value)| other.get(name).is_some_and(|other| are_equal(value, other));
            one.len() == other.len() && one.iter().all(equal)
        }
        (one, other) => one == other,
    }
}

/// Returns whether a text, such as a header, is as expected. A number is compared by value.
fn text_fits(expected: &Value, text: &str) -> bool {
    match expected {
        Value::String(pattern) => glob::fits(pattern, text),
        Value::Number(number) => text.trim().parse::<f64>().is_ok_and(|sent| number.as_f64() == Some(sent)),
        expected => expected.to_string() == text,
    }
}

/// Returns the text of the answer to a request that no route matches: the nearest route, and why that route does not match.
#[must_use]
pub fn no_match(routes: &[&Route], request: &Request) -> String {
    let request_line = format!("{} {}", request.method(), request.path());
    let mut text = format!("No route matches {}.\n", printable(&request_line, LINE_CHARS_MAX));
    let nearest = routes.iter().filter_map(|route| route.mismatch(request).map(|mismatch| (*route, mismatch)));
    // Of several routes that are equally near, the first is the nearest.
    let nearest = nearest.rev().max_by(|(_, one), (_, other)| one.nearness().total_cmp(&other.nearness()));
    match nearest {
        Some((route, mismatch)) => {
            text += &format!("The nearest is {}: {mismatch}.\n", printable(&route.to_string(), LINE_CHARS_MAX));
        }
        None => text += "There are no routes.\n",
    }
    text
}

impl Mismatch {
    /// Returns how near a route is to a request: the more parts match, the nearer.
    fn nearness(&self) -> f64 {
        match self {
            Self::Path { expected, got } => likeness(expected, got),
            Self::Method { .. } => 2.0,
            Self::Condition { got: None, .. } => 3.0,
            Self::Condition { .. } => 4.0,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        write!(f, "{} {}", method.as_ref().map_or("*", Method::as_str), path.0)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| printable(text, LINE_CHARS_MAX);
        match self {
            Self::Path { expected, got } => write!(f, "expected the path {}, got {}", shown(expected), shown(got)),
            Self::Method { expected, got } => write!(f, "expected the method {expected}, got {}", shown(got.as_str())),
            Self::Condition { condition: Condition { part, expected }, got, is_no_json } => {
                write!(f, "expected {} to be {}, ", shown(&part.to_string()), shown(&expected.to_string()))?;
                match got {
                    Some(value) => write!(f, "got {}", shown(&value.to_string())),
                    None if *is_no_json => f.write_str("but the body is no JSON"),
                    None => f.write_str("but it is missing"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
