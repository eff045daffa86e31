//! Where a request comes from, and where it goes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use onbeat_wire::Instant;

use crate::body::Playhead;
use crate::connection::Connection;
use crate::world::World;

/// Where a request of a world comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The connection that carries it.
    pub(crate) connection: Arc<Connection>,
    /// The ordinal of the connection in the world, from 0.
    pub(crate) ordinal: u64,
    /// The ordinal of the request on the connection, from 0.
    pub(crate) request: u32,
    /// When it was received.
    pub(crate) at: Instant,
    /// Where a stream tells how far it has been played, if anybody wants to know.
    pub(crate) playhead: Option<Playhead>,
}

impl FromRequestParts<Arc<World>> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _world: &Arc<World>) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().expect("every request enters the world"))
    }
}

/// A path as paths are compared: case-insensitive, and with or without one slash at the end.
pub(crate) fn plain(path: &str) -> String {
    path.strip_suffix('/').filter(|plain| !plain.is_empty()).unwrap_or(path).to_ascii_lowercase()
}
