//! The seam for those who watch or change the exchanges of a world, such as a request log or fault injection.
//!
//! A server has at most one interceptor: see [`crate::router::intercepted_router`]. For each request the server calls, in
//! this order:
//!
//! 1. [`Interceptor::request`], as soon as the request has its ordinals. The interceptor returns the hook of the response.
//! 2. [`ResponseHook::change_head`], before an endpoint answers. A request that the router refuses by itself, as malformed
//!    or for its method, gets no such call.
//! 3. [`Interceptor::head`], when the head is complete and about to be written.
//! 4. [`ResponseHook::take_in`], [`pass_time`](ResponseHook::pass_time) and [`next`](ResponseHook::next), while the body
//!    is played, and [`ResponseHook::wrote`] for each write that is handed over to HTTP.
//! 5. [`ResponseHook::ended`], exactly once, even if the client leaves before the head. [`How`](onbeat_wire::How) tells a
//!    response that is complete from a client that has left, and from a connection that the server has closed.
//!
//! The connection outlives its responses. An interceptor that lists connections keeps a
//! [`Weak`](std::sync::Weak) reference, which is dead once the connection is closed.

use std::fmt;
use std::sync::Arc;

use axum::http::{request, response};

use crate::context::RequestContext;
use crate::driver::ResponseHook;

/// Notes the requests and heads of a world, and makes the hooks of the responses.
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// Notes a request that has just been received. Returns the hook of the response.
    fn request(self: Arc<Self>, context: &RequestContext, head: &request::Parts) -> Box<dyn ResponseHook>;

    /// Notes the head of a response to the request with this context.
    fn head(&self, context: &RequestContext, head: &response::Parts);
}

#[cfg(test)]
mod tests;
