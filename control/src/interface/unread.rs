//! Answers that their clients have not read yet: what they hold in memory is bounded, and a reset ends them.
//!
//! A short answer is no concern of this module. A long one is handed to the socket piece by piece, and counts until the last
//! piece was taken.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use super::budget::{Budget, Share};
use super::refusal::Refusal;
use onbeat_server::connection::{BrokenOff, Connection, Ending};

/// An answer of so many bytes, or less, is short.
pub(super) const SHORT_BYTES_MAX: usize = 32 * 1024;
/// What the answer to `GET /log` holds, of whatever length the log is: pieces, in several buffers.
pub(super) const LOG_BYTES: usize = 128 * 1024;
/// What all long answers hold that have not been read.
const UNREAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How much is handed over at a time.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The long answers under way.
pub(super) struct Unread {
    budget: Budget,
    connections: Arc<Connections>,
}

/// The connections that carry them.
#[derive(Default)]
struct Connections(Mutex<State>);

#[derive(Default)]
struct State {
    admitted: u64,
    open: BTreeMap<u64, Arc<Connection>>,
}

impl Default for Unread {
    fn default() -> Self {
        Self { budget: Budget::new(UNREAD_BYTES_MAX), connections: Arc::default() }
    }
}

impl Unread {
    /// Hands an answer over piece by piece, which holds so many bytes until then.
    pub(super) fn admit(
        &self,
        answer: Response,
        bytes: usize,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Response, Refusal> {
        let share = self.budget.share(bytes).ok_or_else(|| {
            let reason = format!(
                "expected at most {UNREAD_BYTES_MAX} bytes of answers that nobody has read yet: \
                 read them, close their connections, or reset the server"
            );
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "answer", reason)
        })?;
        let number = connection.map(|connection| self.connections.add(connection));
        let listed = number.map(|number| Listed { number, connections: Arc::clone(&self.connections) });
        Ok(answer.map(|body| Body::new(Pieces { body, rest: Bytes::new(), _share: share, _listed: listed })))
    }

    /// Breaks off the connections that carry long answers, but for the one that is `kept`.
    pub(super) fn break_off(&self, kept: Option<&Arc<Connection>>) {
        let connections = std::mem::take(&mut self.connections.0.lock().open);
        let others = connections.values().filter(|connection| !kept.is_some_and(|kept| Arc::ptr_eq(kept, connection)));
        others.for_each(|connection| connection.end(Ending::BreakOff(BrokenOff::AnswerNotRead)));
    }
}

impl Connections {
    fn add(&self, connection: &Arc<Connection>) -> u64 {
        let mut state = self.0.lock();
        state.admitted += 1;
        let number = state.admitted;
        state.open.insert(number, Arc::clone(connection));
        number
    }
}

/// Lists a connection until it is dropped.
struct Listed {
    number: u64,
    connections: Arc<Connections>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connections.0.lock().open.remove(&self.number);
    }
}

/// A body in pieces.
struct Pieces {
    body: Body,
    rest: Bytes,
    _share: Share,
    _listed: Option<Listed>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? else {
                return Poll::Ready(None);
            };
            self.rest = frame.into_data().unwrap_or_default();
        }
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            Some(bytes) => SizeHint::with_exact(bytes + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}
