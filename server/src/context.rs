//! The context of a request: the only extension by which the layers of the server hand values on.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use onbeat_wire::Instant;
use onbeat_wire::printable::start;

use crate::connection::Connection;
use crate::driver::{HeadChange, HookSlot, ResponseHook};
use crate::world::World;
use onbeat_clock::Waiter;

/// The most bytes kept of a client's text, such as a path: connections are many.
const KEPT_BYTES_MAX: usize = 1024;

/// The origin of a request, and the hook of the response.
#[derive(Clone)]
pub struct RequestContext {
    /// The connection that carries the request.
    pub connection: Arc<Connection>,
    /// The ordinal of the connection in the world, from 0.
    pub ordinal: u64,
    /// The ordinal of the request on the connection, from 0.
    pub request: u32,
    /// When the request was received.
    pub at: Instant,
    /// The body of the request, if an application reads bodies.
    pub body: Bytes,
    /// The hook of the response, until a driver takes the hook.
    pub(crate) hook: HookSlot,
}

impl RequestContext {
    /// Returns the context of a request outside of any world.
    #[must_use]
    pub fn new(connection: Arc<Connection>) -> Self {
        Self { connection, ordinal: 0, request: 0, at: Instant::EPOCH, body: Bytes::new(), hook: HookSlot::default() }
    }

    /// Returns the connection that carries a request; `None` under a server other than [`crate::serving::serve`].
    #[must_use]
    pub fn connection_of(request: &Request) -> Option<Arc<Connection>> {
        request.extensions().get::<Self>().map(|context| Arc::clone(&context.connection))
    }

    /// Lets `hook` alter the response, before the hook of the interceptor.
    pub fn alter(&self, hook: Box<dyn ResponseHook>) {
        self.hook.precede(hook);
    }

    /// Lets the hooks of the response decide on the head, before an endpoint answers.
    pub(crate) fn change_head(&self) -> HeadChange {
        self.hook.change_head()
    }

    /// Returns the response as a clock sees it.
    pub(crate) fn waiter(&self, path: String) -> Arc<Waiter> {
        let socket = Arc::clone(self.connection.socket_state());
        Arc::new(Waiter { connection: self.ordinal, request: self.request, path: path.into(), socket })
    }
}

impl FromRequestParts<Arc<World>> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _world: &Arc<World>) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().expect("every request enters the world"))
    }
}

/// Returns the form in which paths are compared: in lower case, and without a slash at the end.
#[must_use]
pub fn plain_path(path: &str) -> String {
    // Keeps the root, whose slash is the whole path.
    path.strip_suffix('/').filter(|plain| !plain.is_empty()).unwrap_or(path).to_ascii_lowercase()
}

/// Returns at most 1024 bytes of a text that a client chose, with an ellipsis for the rest.
#[must_use]
pub fn clipped(text: String) -> String {
    if text.len() <= KEPT_BYTES_MAX { text } else { start(&text, KEPT_BYTES_MAX).to_owned() + "…" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_sees_the_numbers_of_the_connection_and_of_the_request() {
        let context =
            RequestContext { ordinal: 2, request: 3, ..RequestContext::new(Arc::new(Connection::unnumbered())) };
        let waiter = context.waiter("/sse".to_owned());
        assert_eq!((waiter.connection, waiter.request, &*waiter.path), (2, 3, "/sse"));
    }

    #[test]
    fn a_text_of_1024_bytes_is_kept_whole_and_a_longer_one_ends_in_an_ellipsis() {
        let whole = "x".repeat(KEPT_BYTES_MAX);
        assert_eq!(clipped(whole.clone()), whole);
        assert_eq!(clipped(whole.clone() + "y"), whole.clone() + "…");
        // Half a character is not kept.
        let umlaut = "x".repeat(KEPT_BYTES_MAX - 1) + "ä";
        assert_eq!(clipped(umlaut), "x".repeat(KEPT_BYTES_MAX - 1) + "…");
    }
}
