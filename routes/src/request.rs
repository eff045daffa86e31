//! A request, read to its end, and the parts that conditions and placeholders name.

use std::borrow::Cow;
use std::sync::OnceLock;

use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use bytes::Bytes;
use onbeat_server::query::decode;
use serde_json::Value;

/// A part of a request.
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
    /// Returns the part with this name: `method`, `path`, `body`, `query.NAME`, `header.NAME` or a JSON pointer.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if let Some(parameter) = name.strip_prefix("query.") {
            return (!parameter.is_empty()).then(|| Self::Query(parameter.to_owned()));
        }
        if let Some(header) = name.strip_prefix("header.") {
            return header.parse().ok().map(Self::Header);
        }
        match name {
            "method" => Some(Self::Method),
            "path" => Some(Self::Path),
            "body" => Some(Self::Body),
            pointer => is_pointer(pointer).then(|| Self::Json(pointer.to_owned())),
        }
    }
}

/// Returns whether a text is a JSON pointer to a part: each `~` stands before 0 or 1 (RFC 6901, 3).
fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

/// A request.
#[derive(Debug)]
pub struct Request {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    /// The JSON in the body, parsed at most once.
    json: OnceLock<Option<Value>>,
}

impl Request {
    /// Returns the request with this head and this body.
    #[must_use]
    pub fn new(head: &Parts, body: Bytes) -> Self {
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
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

    /// Returns whether the request is a preflight: a browser asks whether a page may send another request (Fetch, 4.8).
    #[must_use]
    pub(crate) fn is_preflight(&self) -> bool {
        let has = |name| self.headers.contains_key(name);
        self.method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Returns the path, as the client has sent it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the first value of a header; nothing if the value is no text.
    #[must_use]
    pub fn header(&self, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    /// Returns a part as text; a JSON value other than a string as JSON.
    #[must_use]
    pub fn text(&self, part: &RequestPart) -> Option<Cow<'_, str>> {
        match part {
            RequestPart::Method => Some(self.method.as_str().into()),
            RequestPart::Path => Some(self.path.as_str().into()),
            RequestPart::Body => Some(String::from_utf8_lossy(&self.body)),
            RequestPart::Query(name) => self.query_value(name).map(Cow::Owned),
            RequestPart::Header(name) => self.header(name).map(Cow::Borrowed),
            RequestPart::Json(_) => match self.pointed_to(part)? {
                Value::String(text) => Some(text.as_str().into()),
                value => Some(value.to_string().into()),
            },
        }
    }

    /// Returns a part as JSON; a part that is text as a string.
    #[must_use]
    pub fn json(&self, part: &RequestPart) -> Option<Cow<'_, Value>> {
        match part {
            RequestPart::Json(_) => self.pointed_to(part).map(Cow::Borrowed),
            _ => self.text(part).map(|text| Cow::Owned(Value::String(text.into_owned()))),
        }
    }

    /// Returns whether the body is JSON.
    #[must_use]
    pub fn has_json(&self) -> bool {
        self.body_as_json().is_some()
    }

    fn body_as_json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.body).ok()).as_ref()
    }

    fn pointed_to(&self, part: &RequestPart) -> Option<&Value> {
        let RequestPart::Json(pointer) = part else { return None };
        // Takes a lone slash for the pointer to the whole value, which RFC 6901 writes as an empty text: a part has a name.
        let pointer = if pointer == "/" { "" } else { pointer };
        self.body_as_json()?.pointer(pointer)
    }

    fn query_value(&self, name: &str) -> Option<String> {
        // Splits before decoding, since an encoded `&` or `=` belongs to a name or a value.
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(key, _)| !key.is_empty()).find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a request with this body.
    pub(crate) fn request(method: &str, target: &str, headers: &[(&'static str, &str)], body: &str) -> Request {
        let mut request = axum::http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        Request::new(&head, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn every_part_is_found_by_its_name() {
        let body = r#"{"model":"gpt-4","n":3,"a/b":[true,{"c":"x\"y"}]}"#;
        let request = request("POST", "/chat?user=a+b&empty=&user=c", &[("X-Key", "k")], body);
        for (name, text, json) in [
            ("method", Some("POST"), r#""POST""#),
            ("path", Some("/chat"), r#""/chat""#),
            ("query.user", Some("a b"), r#""a b""#),
            ("query.empty", Some(""), r#""""#),
            ("query.nobody", None, ""),
            ("header.x-key", Some("k"), r#""k""#),
            ("header.X-KEY", Some("k"), r#""k""#),
            ("header.other", None, ""),
            ("/model", Some("gpt-4"), r#""gpt-4""#),
            ("/n", Some("3"), "3"),
            ("/a~1b/0", Some("true"), "true"),
            ("/a~1b/1", Some(r#"{"c":"x\"y"}"#), r#"{"c":"x\"y"}"#),
            ("/a~1b/1/c", Some("x\"y"), r#""x\"y""#),
            ("/none", None, ""),
        ] {
            let part = RequestPart::named(name).expect(name);
            assert_eq!(request.text(&part).as_deref(), text, "{name}");
            assert_eq!(request.json(&part).map(|json| json.to_string()).unwrap_or_default(), json, "{name}");
        }
        assert_eq!(request.text(&RequestPart::Body).as_deref(), Some(body));
        for name in ["", "methods", "query", "query.", "header.", "header.a b", "n"] {
            assert_eq!(RequestPart::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_preflight_is_options_with_an_origin_and_a_method() {
        let (page, asked) = (("origin", "http://localhost:5173"), ("access-control-request-method", "PUT"));
        for (method, headers, is) in [
            ("OPTIONS", &[page, asked][..], true),
            ("OPTIONS", &[page], false),
            ("OPTIONS", &[asked], false),
            ("GET", &[page, asked], false),
        ] {
            assert_eq!(request(method, "/a", headers, "").is_preflight(), is, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_json_has_no_json_parts() {
        for body in ["", "{", "not json"] {
            let request = request("POST", "/", &[], body);
            assert_eq!(request.text(&RequestPart::Json("/a".into())), None);
            assert!(!request.has_json());
        }
    }
}
