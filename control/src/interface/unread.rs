//! Bounds the memory of long answers not read yet. A reset ends these answers.
//!
//! A long answer is handed to the socket piece by piece, and counts until the socket has taken the last piece. Short answers
//! do not count.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use onbeat_server::connection::{BrokenOff, Connection, Ending};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// The most bytes of a short answer.
pub(super) const SHORT_BYTES_MAX: usize = 32 * 1024;
/// The memory of an answer to `GET /log`, for a log of any length: pieces, in several buffers.
pub(super) const LOG_BYTES: usize = 128 * 1024;
/// The most memory of all unread long answers.
const UNREAD_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most bytes that are handed over at a time.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The long answers under way.
pub(super) struct Unread {
    memory: Arc<Semaphore>,
    carriers: Arc<Carriers>,
}

/// The connections that carry the long answers.
#[derive(Default)]
struct Carriers(Mutex<CarrierList>);

#[derive(Default)]
struct CarrierList {
    admitted: u64,
    open: BTreeMap<u64, Arc<Connection>>,
}

impl Default for Unread {
    fn default() -> Self {
        Self { memory: Arc::new(Semaphore::new(UNREAD_BYTES_MAX)), carriers: Arc::default() }
    }
}

impl Unread {
    /// Returns the answer in pieces. The answer holds `bytes` bytes of memory until the end.
    pub(super) fn admit(
        &self,
        answer: Response,
        bytes: usize,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Response, Refusal> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.memory).try_acquire_many_owned(bytes).map_err(|_| {
            let reason = format!(
                "expected at most {UNREAD_BYTES_MAX} bytes of answers that nobody has read yet: \
                 read them, close their connections, or reset the server"
            );
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "answer", reason)
        })?;
        // Lists the connection, except under another server, where no connection is known.
        let number = connection.map(|connection| self.carriers.add(connection));
        let listed = number.map(|number| Listed { number, carriers: Arc::clone(&self.carriers) });
        Ok(answer.map(|body| Body::new(PiecewiseBody { body, rest: Bytes::new(), _share: share, _listed: listed })))
    }

    /// Breaks off the connections with long answers, except the connection `kept`.
    pub(super) fn break_off(&self, kept: Option<&Arc<Connection>>) {
        // Empties the list and releases the lock before the ends, which can wake tasks.
        let connections = std::mem::take(&mut self.carriers.0.lock().open);
        let others = connections.values().filter(|connection| !kept.is_some_and(|kept| Arc::ptr_eq(kept, connection)));
        others.for_each(|connection| connection.end(Ending::BreakOff(BrokenOff::AnswerNotRead)));
    }
}

impl Carriers {
    fn add(&self, connection: &Arc<Connection>) -> u64 {
        let mut state = self.0.lock();
        state.admitted += 1;
        let number = state.admitted;
        state.open.insert(number, Arc::clone(connection));
        number
    }
}

/// A guard that lists a connection.
struct Listed {
    number: u64,
    carriers: Arc<Carriers>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.carriers.0.lock().open.remove(&self.number);
    }
}

/// The body of a long answer, in pieces.
struct PiecewiseBody {
    body: Body,
    rest: Bytes,
    _share: OwnedSemaphorePermit,
    _listed: Option<Listed>,
}

impl HttpBody for PiecewiseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Asks the body for more only when hyper has taken all bytes before.
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
