//! Whether a route matches a request, and why not.

use axum::http::Method;
use serde_json::{Number, Value};

use crate::glob;
use crate::model::{Condition, PathPattern, Route};
use crate::request::{Request, RequestPart};

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
        Value::Number(number) => number_in(text.trim()).is_some_and(|sent| is_same_number(number, &sent)),
        Value::Bool(expected) => text.parse() == Ok(*expected),
        _ => false,
    }
}

/// Returns whether a value is as expected: strings fit by their globs, numbers by their values.
fn fits(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::String(pattern), Value::String(text)) => glob::fits(pattern, text),
        (Value::Number(expected), Value::Number(number)) => is_same_number(expected, number),
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

/// Returns whether two numbers have the same value, such as `1` and `1.0`, which `serde_json` keeps apart.
fn is_same_number(one: &Number, other: &Number) -> bool {
    // Compares two whole numbers as they are: as floats, different numbers above 2^53 would be equal.
    if one.is_f64() || other.is_f64() { one.as_f64() == other.as_f64() } else { one == other }
}

/// Returns the number in a text.
fn number_in(text: &str) -> Option<Number> {
    let whole = text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(text.parse().ok()?))
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
        // Leaves preflights to a route that names `OPTIONS`: the response of a route for any method would refuse the page.
        if !self.takes_method(request.method()) || self.method.is_none() && request.is_preflight() {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::tests::request;
    use crate::testing::route;

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
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), false),
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
    fn a_text_fits_a_number_by_its_value() {
        for (expected, text, is) in [
            (json!(1), "1", true),
            (json!(1), " 1.0 ", true),
            (json!(-1), "-1", true),
            (json!(1.5), "15e-1", true),
            (json!(1), "2", false),
            (json!(1), "one", false),
            (json!(9_007_199_254_740_993_u64), "9007199254740993", true),
            (json!(9_007_199_254_740_993_u64), "9007199254740992", false),
        ] {
            assert_eq!(text_fits(&expected, text), is, "{expected} {text}");
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
    fn only_a_route_that_names_options_takes_a_preflight() {
        let preflight = [("origin", "http://localhost:5173"), ("access-control-request-method", "POST")];
        for (method, headers, takes) in [
            ("*", &preflight[..], false),
            ("*", &preflight[..1], true),
            ("OPTIONS", &preflight[..], true),
            ("POST", &preflight[..], false),
        ] {
            let route = route(&format!("method = \"{method}\"\nstatus = 200"));
            let mismatch = route.mismatch(&request("OPTIONS", "/a", headers, ""));
            assert_eq!(mismatch, (!takes).then_some(Mismatch::Method), "{method} {headers:?}");
        }
    }
}
