//! The requests that a test waits for.

use std::fmt;

use axum::http::Method;
use onbeat_faults::form::{WrongField, shown};
use onbeat_server::context::{clipped, plain_path};

use super::LiveExchange;
use super::target::Parameters;

/// The path that a test may wait for.
pub(crate) const PATH: &str = "a path like /v1/chat, in ASCII and without *, perhaps with a query";
/// The method that a test may wait for.
pub(crate) const METHOD: &str = "a method in upper case, such as POST, or none for any";

/// The requests that a test waits for: by path, and perhaps by method and query.
#[derive(Clone, Debug)]
pub struct ExpectedRequest {
    /// The method; nothing for any method.
    method: Option<Method>,
    /// The path, as exchanges keep paths.
    path: String,
    /// The parameters of the query; nothing for any query.
    parameters: Option<Parameters>,
    /// The path and the query in the words of the test.
    target: String,
}

impl ExpectedRequest {
    /// Reads a method, if there is one, and a path. A path with a query stands for requests with the same parameters alone,
    /// in any order.
    ///
    /// # Errors
    ///
    /// If no route takes such a method, or no request has such a path.
    pub fn read(method: Option<&str>, target: &str) -> Result<Self, WrongField> {
        let wrong = |field: &str, expected: &str, given: &str| {
            WrongField::new(field, format!("expected {expected}, got {}", shown(&format!("{given:?}"))))
        };
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let is_ascii = path.bytes().all(|byte| byte.is_ascii_graphic());
        // Refuses the globs of routes: no request has an asterisk in the path.
        if !path.starts_with('/') || !is_ascii || path.contains('*') || target.contains('#') {
            return Err(wrong("path", PATH, target));
        }
        let method = method.map(|name| named_method(name).ok_or_else(|| wrong("method", METHOD, name))).transpose()?;
        let path = clipped(plain_path(path));
        Ok(Self { method, path, parameters: query.map(Parameters::of), target: target.to_owned() })
    }

    /// Returns whether a request has the path, the method and the parameters.
    pub(super) fn is_like(&self, exchange: &LiveExchange) -> bool {
        self.path == exchange.target.path
            && self.method.as_ref().is_none_or(|method| *method == exchange.method)
            && self.parameters.is_none_or(|parameters| exchange.target.has(parameters))
    }
}

impl fmt::Display for ExpectedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = &self.method {
            write!(f, "{method} ")?;
        }
        f.write_str(&self.target)
    }
}

/// Returns the method with this name, if routes know such methods.
fn named_method(name: &str) -> Option<Method> {
    Method::from_bytes(name.as_bytes()).ok().filter(|_| name == name.to_uppercase() && name != "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_match_is_refused() {
        for (method, target, field) in [
            (None, "", "path"),
            (None, "chat", "path"),
            (None, "/v1/*", "path"),
            (None, "/a b", "path"),
            (None, "/ü", "path"),
            (None, "/a#b", "path"),
            (Some("get"), "/a", "method"),
            (Some("*"), "/a", "method"),
            (Some("a b"), "/a", "method"),
            (Some(""), "/a", "method"),
        ] {
            let wrong = ExpectedRequest::read(method, target).expect_err(target);
            assert_eq!(wrong.field, field, "{method:?} {target}");
        }
        let wrong = ExpectedRequest::read(Some("get"), "/a").expect_err("a wrong method");
        assert_eq!(wrong.reason, format!("expected {METHOD}, got \"get\""));
    }

    #[test]
    fn a_request_is_shown_as_it_was_given() {
        for (method, target, as_shown) in
            [(None, "/Room?q=*", "/Room?q=*"), (Some("M-SEARCH"), "/Chat/?name=ü", "M-SEARCH /Chat/?name=ü")]
        {
            assert_eq!(ExpectedRequest::read(method, target).expect("a request").to_string(), as_shown);
        }
    }
}
