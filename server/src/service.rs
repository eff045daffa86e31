//! Hands the requests of one connection to the application, and notes how far each answer has come.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, Request, Response, Version};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tower_service::Service;

use crate::connection::Connection;
use crate::context::RequestContext;

/// Answers a request. The handler finds the connection in the [`RequestContext`], the one extension of the request.
pub(crate) fn answer(
    mut router: Router,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> BoxFuture<'static, Result<Response<AnswerBody>, Infallible>> {
    // Resets the progress of the answer before the handler makes any.
    connection.answer().begin(!request.body().is_end_stream());
    let (version, closes) = (request.version(), asks_to_close(request.headers()));
    let mut request = request.map(|body| RequestBody { body, is_over: false, connection: Arc::clone(&connection) });
    request.extensions_mut().insert(RequestContext::new(Arc::clone(&connection)));
    let answer = router.call(request).map_ok(move |mut response| {
        connection.answer().note_head();
        if closes || version < Version::HTTP_11 {
            // Closes every connection of HTTP/1.0, even for a client that asks for `keep-alive`.
            *response.version_mut() = version;
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| AnswerBody { body, connection })
    });
    // Puts the handler on the heap: a connection would keep room for the handler as long as a body is under way.
    answer.boxed()
}

/// Returns whether `close` is among the connection options (RFC 9112, 9.6).
fn asks_to_close(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// The body of a request.
struct RequestBody {
    body: Incoming,
    is_over: bool,
    connection: Arc<Connection>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.is_over |= matches!(frame, Poll::Ready(None));
        // Notes the end with the last bytes, since the handler may never poll again.
        if self.is_end_stream() {
            self.connection.answer().end_request(false);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.connection.answer().end_request(!self.is_end_stream());
    }
}

/// The body of an answer.
pub(crate) struct AnswerBody {
    body: Body,
    connection: Arc<Connection>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // Takes an answer for a stream once the body has to wait.
        if frame.is_pending() {
            self.connection.answer().note_pending_body();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.connection.answer().end();
    }
}
