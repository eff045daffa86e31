//! A request of a test.

use std::future::IntoFuture;

use axum::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::connection::{Handle, request_bytes};
use super::response::Response;
use super::state::APPLICATION;
use crate::player::Action;

/// A request to be sent: `.await` sends the request and waits for the head of the response; [`start`](Self::start) sends the
/// request alone.
#[derive(Debug)]
#[must_use = "a request is sent by `.await` or `.start().await`"]
pub struct RequestBuilder {
    connection: Handle,
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl RequestBuilder {
    pub(super) fn new(connection: Handle, method: Method, target: &str) -> Self {
        Self { connection, method, target: target.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header field, for example `("last-event-id", "7")`. Without a field `host` the request is for the host `onbeat`.
    ///
    /// # Panics
    ///
    /// If the name or the value can't stand in a request.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        assert!(HeaderName::try_from(name).is_ok(), "expected the name of a header field, got {name:?}");
        assert!(HeaderValue::from_str(value).is_ok(), "expected the value of the header field {name}, got {value:?}");
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body, of which the length is sent.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sets the body to JSON text, with the content type.
    pub fn json(self, text: impl Into<String>) -> Self {
        self.header("content-type", "application/json").body(text.into())
    }

    /// Sends the request, and returns at once: the response may have no head yet.
    ///
    /// # Panics
    ///
    /// If the target is no path.
    pub async fn start(self) -> Response {
        let Self { connection, method, target, mut headers, body } = self;
        let is_path = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(is_path, "expected a path such as /events?room=1, percent-encoded, got {target:?}");
        let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let needs_host = !has("host");
        let is_framed = has("content-length") || has("transfer-encoding");
        let has_body = !body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&method);
        if needs_host {
            headers.insert(0, ("host".into(), APPLICATION.into()));
        }
        if has_body && !is_framed {
            headers.push(("content-length".into(), body.len().to_string()));
        }
        let bytes = request_bytes(method.as_str(), &target, &headers, &body);
        let name = format!("{method} {target}, {}", connection.peer());
        let ordinal = connection.request(Action::Request { method: method.to_string(), bytes }).await;
        Response::new(connection, ordinal, name)
    }
}

/// Sends the request, and waits for the head of the response.
///
/// # Panics
///
/// If there is no answer: the message says why.
impl IntoFuture for RequestBuilder {
    type Output = Response;
    type IntoFuture = BoxFuture<'static, Response>;

    fn into_future(self) -> BoxFuture<'static, Response> {
        async move {
            let response = self.start().await;
            response.head().await;
            response
        }
        .boxed()
    }
}
