//! The body of a request to a world, which tells the interceptor when the request has been received whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::context::RequestContext;
use crate::interceptor::Interceptor;

/// A body under way, until the last byte has come or no handler reads the body any more.
struct WatchedBody {
    body: Body,
    is_over: bool,
    receiver: Option<Receiver>,
}

/// The interceptor, and the request whose body is under way.
struct Receiver {
    interceptor: Arc<dyn Interceptor>,
    context: RequestContext,
}

/// Returns the body of a request. Calls [`Interceptor::received`] when the body is over: at once, if there is none.
pub(crate) fn watched(body: Body, interceptor: &Arc<dyn Interceptor>, context: &RequestContext) -> Body {
    if body.is_end_stream() {
        interceptor.received(context);
        return body;
    }
    // The hook of the response is not kept alive here.
    let context = context.without_hook();
    let receiver = Some(Receiver { interceptor: Arc::clone(interceptor), context });
    Body::new(WatchedBody { body, is_over: false, receiver })
}

impl WatchedBody {
    /// Tells the interceptor, once.
    fn tell(&mut self) {
        if let Some(Receiver { interceptor, context }) = self.receiver.take() {
            interceptor.received(&context);
        }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.is_over |= matches!(frame, Poll::Ready(None));
        if self.is_end_stream() {
            self.tell();
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

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.tell();
    }
}
