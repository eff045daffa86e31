//! Where a request comes from, and where it goes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use crate::body::Playhead;
use crate::clock::Instant;
use crate::connection::Connection;
use crate::world::World;

/// What carries a request.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    /// The connection.
    pub(crate) connection: Arc<Connection>,
    /// Whether the client wants it closed after the request.
    pub(crate) closes: bool,
    /// Whether the request waits behind a stream, where its body can't be read.
    pub(crate) lacks_body: bool,
}

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
    /// Whether the client wants the connection closed after it.
    pub(crate) closes: bool,
    /// Where a stream tells how far it has been played, if anybody wants to know.
    pub(crate) playhead: Option<Playhead>,
}

/// What is to be done when the turn of an answer has come: behind a stream that may be long after it was ready.
#[derive(Clone)]
pub(crate) struct Debut(Arc<dyn Fn() + Send + Sync>);

impl Debut {
    pub(crate) fn new(come: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(come))
    }

    /// The turn of this answer has come.
    pub(crate) fn of(response: &mut Response) {
        if let Some(Self(come)) = response.extensions_mut().remove() {
            come();
        }
    }
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
