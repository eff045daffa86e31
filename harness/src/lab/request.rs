//! A request of a test.

use std::fmt::Display;
use std::future::IntoFuture;

use axum::http::Method;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::connection::Handle;
use super::request_parts::RequestParts;
use super::response::Response;

/// A request to be sent: `.await` sends the request and waits for the head of the response; [`start`](Self::start) sends the
/// request alone.
#[derive(Debug)]
#[must_use = "a request is sent by `.await` or `.start().await`"]
pub struct RequestBuilder {
    connection: Handle,
    parts: RequestParts,
}

impl RequestBuilder {
    pub(super) fn new(connection: Handle, method: Method, target: &str) -> Self {
        Self { connection, parts: RequestParts::new(method, target) }
    }

    /// Adds a header field, for example `("last-event-id", "7")`. Without a field `host` the request is for the host `onbeat`.
    ///
    /// # Panics
    ///
    /// If the name or the value can't stand in a request.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.parts.add_header(name, value.as_ref());
        self
    }

    /// Sets the body, of which the length is sent.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// Sets the body to JSON, such as text or a `serde_json::Value`, with the content type.
    pub fn json(self, json: impl Display) -> Self {
        self.header("content-type", "application/json").body(json.to_string())
    }

    /// Sends the request, and returns at once: the response may have no head yet.
    ///
    /// # Panics
    ///
    /// If the target is no path.
    pub async fn start(self) -> Response {
        let Self { connection, parts } = self;
        let action = parts.action();
        let name = format!("{parts}, {}", connection.peer());
        let ordinal = connection.request(action).await;
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
