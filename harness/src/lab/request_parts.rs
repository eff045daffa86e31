//! The parts of a request, before anyone sends the request.

use std::fmt;

use axum::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;

use super::state::APPLICATION;
use crate::player::Action;

/// The parts of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestParts {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl RequestParts {
    pub(crate) fn new(method: Method, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header field; panics if the name or the value can't stand in a request.
    #[track_caller]
    pub(crate) fn add_header(&mut self, name: &str, value: &str) {
        assert!(HeaderName::try_from(name).is_ok(), "expected the name of a header field, got {name:?}");
        assert!(HeaderValue::from_str(value).is_ok(), "expected the value of the header field {name}, got {value:?}");
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the sending of the request, with the fields `host` and `content-length`; panics if the target is no path.
    pub(crate) fn action(&self) -> Action {
        let Self { method, target, headers, body } = self;
        let is_path = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(is_path, "expected a path such as /events?room=1, percent-encoded, got {target:?}");
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let is_framed = has("content-length") || has("transfer-encoding");
        // Sends the length of an empty body where a method usually has a body (RFC 9110, 8.6).
        let has_body = !body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !has("host") {
            head.extend(["host: ", APPLICATION, "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if has_body && !is_framed {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        Action::Request { method: method.to_string(), bytes: [head.as_bytes(), body].concat().into() }
    }
}

/// For example `GET /events`.
impl fmt::Display for RequestParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}
