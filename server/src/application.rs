//! The seam for a team's own routes: an application that answers requests before the built-in endpoints do.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::context::RequestContext;

/// The routes of a world.
pub trait Application: fmt::Debug + Send + Sync {
    /// Returns whether the application may answer a request with this head. The server then reads the body of the request, up
    /// to [`REQUEST_BODY_BYTES_MAX`](crate::limits::REQUEST_BODY_BYTES_MAX).
    fn takes(&self, head: &Parts) -> bool;

    /// Answers a request, or leaves the request to the built-in endpoints.
    fn answer(self: Arc<Self>, context: RequestContext, head: Parts) -> BoxFuture<'static, Option<Response>>;
}

/// Lets the application answer a request, if the application takes the request.
pub(crate) async fn answer_by_application(
    State(application): State<Arc<dyn Application>>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let context = head.extensions.get::<RequestContext>().filter(|_| application.takes(&head)).cloned();
    let Some(context) = context else { return next.run(Request::from_parts(head, body)).await };
    match application.answer(context, head.clone()).await {
        Some(response) => response,
        // Leaves the request without a body, which the entrance has read already.
        None => next.run(Request::from_parts(head, Body::empty())).await,
    }
}
