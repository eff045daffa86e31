//! A request, read to the end, and the parts of a request that a routes file can name.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use bytes::Bytes;
use onbeat_server::query::decode;
use onbeat_wire::stringify;
use serde_json::Value;

/// The most pairs that are read of a query.
const QUERY_PAIRS_MAX: usize = 1000;

/// A request, read to the end of the body.
#[derive(Debug)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    /// The body as JSON, parsed when first asked for; nothing if the body is no JSON.
    json: OnceLock<Option<Value>>,
}

impl Request {
    /// Returns the request with this head and this body.
    #[must_use]
    pub fn new(head: &Parts, body: Bytes) -> Self {
        let pairs = head.uri.query().unwrap_or_default().split('&').take(QUERY_PAIRS_MAX);
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
            headers: head.headers.clone(),
            body,
            json: OnceLock::new(),
        }
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path as sent, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the text of a part; `None` if the request has no such part. A value in the JSON body other than a string is
    /// spelled as ECMAScript spells the value.
    #[must_use]
    pub fn text(&self, part: &RequestPart) -> Option<Cow<'_, str>> {
        match part {
            RequestPart::Method => Some(self.method.as_str().into()),
            RequestPart::Path => Some(Cow::Borrowed(&self.path)),
            RequestPart::Body => Some(String::from_utf8_lossy(&self.body)),
            RequestPart::Query(name) => {
                let (_, value) = self.query.iter().find(|(sent, _)| sent == name)?;
                Some(Cow::Borrowed(value))
            }
            RequestPart::Header(name) => self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes())),
            RequestPart::Json(pointer) => Some(match self.value(pointer)? {
                Value::String(text) => Cow::Borrowed(text),
                value => Cow::Owned(stringify(value)),
            }),
        }
    }

    /// Returns a part as a JSON value: a value of the JSON body as sent, any other part as a string. `None` if the request has
    /// no such part.
    #[must_use]
    pub fn json(&self, part: &RequestPart) -> Option<Value> {
        match part {
            RequestPart::Json(pointer) => self.value(pointer).cloned(),
            part => self.text(part).map(|text| Value::String(text.into_owned())),
        }
    }

    /// Returns the value in the JSON body that a pointer names.
    pub(crate) fn value(&self, pointer: &str) -> Option<&Value> {
        self.body_json()?.pointer(pointer)
    }

    /// Returns the body as JSON; `None` if the body is no JSON.
    pub(crate) fn body_json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.body).ok()).as_ref()
    }
}

/// A part of a request: the source of a placeholder, or the subject of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestPart {
    /// `method`.
    Method,
    /// `path`.
    Path,
    /// `body`: the whole body as text.
    Body,
    /// `query.NAME`: the first value of a query parameter.
    Query(String),
    /// `header.NAME`: the first value of a header.
    Header(HeaderName),
    /// `/pointer`: a value of the JSON body, by JSON pointer (RFC 6901).
    Json(String),
}

impl RequestPart {
    /// Reads the name of a part; `None` if no part has this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "method" => Some(Self::Method),
            "path" => Some(Self::Path),
            "body" => Some(Self::Body),
            pointer if pointer.starts_with('/') => Some(Self::Json(pointer.to_owned())),
            _ => match name.split_once('.')? {
                (_, "") => None,
                ("query", name) => Some(Self::Query(name.to_owned())),
                ("header", name) => HeaderName::try_from(name).ok().map(Self::Header),
                _ => None,
            },
        }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a request with a header `x-user: Ada`.
    pub(crate) fn request(method: &str, target: &str, body: &str) -> Request {
        let request = axum::http::Request::builder().method(method).uri(target).header("x-user", "Ada");
        let (head, ()) = request.body(()).expect("a request").into_parts();
        Request::new(&head, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn each_part_of_a_request_has_a_text_and_a_json_value() {
        let request = request("POST", "/a%20b?q=x+y&q=2&empty", r#"{"n":50.0,"s":"t\n","list":[1,{"k":null}]}"#);
        for (name, text, json) in [
            ("method", Some("POST"), Some(r#""POST""#)),
            ("path", Some("/a%20b"), Some(r#""/a%20b""#)),
            ("query.q", Some("x y"), Some(r#""x y""#)),
            ("query.empty", Some(""), Some(r#""""#)),
            ("query.none", None, None),
            ("header.X-User", Some("Ada"), Some(r#""Ada""#)),
            ("header.x-none", None, None),
            ("/n", Some("50"), Some("50.0")),
            ("/s", Some("t\n"), Some(r#""t\n""#)),
            ("/list/1", Some(r#"{"k":null}"#), Some(r#"{"k":null}"#)),
            ("/list/1/k", Some("null"), Some("null")),
            ("/list/2", None, None),
        ] {
            let part = RequestPart::parse(name).expect(name);
            assert_eq!(request.text(&part).as_deref(), text, "{name}");
            assert_eq!(request.json(&part).map(|value| value.to_string()).as_deref(), json, "{name}");
        }
        let body = request.text(&RequestPart::Body).map(Cow::into_owned);
        assert_eq!(body.as_deref(), Some(r#"{"n":50.0,"s":"t\n","list":[1,{"k":null}]}"#));
    }

    #[test]
    fn a_part_is_printed_as_it_is_read() {
        for name in ["method", "path", "body", "query.a.b", "header.x-user", "/", "/a/b~1c"] {
            assert_eq!(RequestPart::parse(name).expect(name).to_string(), name);
        }
        for name in ["", "querya", "query.", "header.", "header.a b", "Method", "a", "cookie.a"] {
            assert_eq!(RequestPart::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_has_no_values() {
        let deep = "[".repeat(100_000);
        for body in ["", "{", "x", &deep] {
            assert_eq!(request("POST", "/", body).text(&RequestPart::Json("/a".into())), None);
        }
    }
}
