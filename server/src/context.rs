//! The context of a request: the one extension by which the layers of the server hand values on.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use onbeat_wire::Instant;

use crate::clock::Who;
use crate::connection::Connection;
use crate::driver::HookSlot;
use crate::world::World;

/// Where a request comes from, and the hook of the response.
#[derive(Clone)]
pub(crate) struct RequestContext {
    /// The connection that carries the request.
    pub(crate) connection: Arc<Connection>,
    /// The ordinal of the connection in the world, from 0.
    pub(crate) ordinal: u64,
    /// The ordinal of the request on the connection, from 0.
    pub(crate) request: u32,
    /// When the request was received.
    pub(crate) at: Instant,
    /// The hook of the response, until a driver takes the hook.
    pub(crate) hook: HookSlot,
}

impl RequestContext {
    /// Returns the context of a request that has not entered a world.
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, ordinal: 0, request: 0, at: Instant::EPOCH, hook: HookSlot::default() }
    }

    /// Returns the connection that carries a request; `None` under a server other than [`crate::http::serve`].
    pub(crate) fn connection_of(request: &Request) -> Option<Arc<Connection>> {
        request.extensions().get::<Self>().map(|context| Arc::clone(&context.connection))
    }

    /// Returns the response as a clock sees it.
    pub(crate) fn who(&self, path: String) -> Who {
        let party = Arc::clone(self.connection.party());
        Who { connection: self.ordinal, request: self.request, path: path.into(), party }
    }
}

impl FromRequestParts<Arc<World>> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _world: &Arc<World>) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().expect("every request enters the world"))
    }
}

/// Returns a path as paths are compared: case-insensitive, and with or without one slash at the end.
pub(crate) fn plain(path: &str) -> String {
    path.strip_suffix('/').filter(|plain| !plain.is_empty()).unwrap_or(path).to_ascii_lowercase()
}
