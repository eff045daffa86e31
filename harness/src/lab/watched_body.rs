//! The body of a response, which tells when the application is done with the request, or fails.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::application::BoxError;
use super::open::OpenGuard;

/// A body whose request is open until the body is dropped.
pub(super) struct WatchedBody {
    body: Body,
    guard: OpenGuard,
}

impl WatchedBody {
    /// Returns a watched body of the request.
    pub(super) fn new(body: Body, guard: OpenGuard) -> Self {
        Self { body, guard }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, guard } = self.get_mut();
        let frame = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            guard.handed_over(frame.data_ref().map_or(0, Bytes::len));
        }
        frame.map_err(|error| {
            let error = error.into_inner();
            guard.failed(&*error);
            error
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
