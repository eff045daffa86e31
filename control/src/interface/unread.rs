//! Bounds the memory of long answers not read yet. A reset ends these answers.
//!
//! A long answer is handed to the socket piece by piece, and counts until the socket has taken the last piece. Short answers
//! do not count.

use std::collections::BTreeMap;
use std::io;
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
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::json;
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
    /// Refuses an operation before it is done, if no more may be unread.
    pub(super) fn room(&self) -> Result<(), Refusal> {
        if self.memory.available_permits() > 0 { Ok(()) } else { Err(full()) }
    }

    /// Returns an answer in JSON, of any length. Refuses an answer that is too long before the whole answer is written, so that
    /// refusals cost little time.
    pub(super) fn long_json(&self, answer: &(impl Serialize + ?Sized)) -> Result<Response, Refusal> {
        let left = self.memory.available_permits();
        // Writes an answer that is longer than the limit if no other answer is unread, as `admit` admits that answer.
        let bytes_max = if left == UNREAD_BYTES_MAX { usize::MAX } else { left.max(SHORT_BYTES_MAX) };
        let mut text = BoundedText { bytes: Vec::new(), bytes_max };
        match serde_json::to_writer(&mut text, answer) {
            Ok(()) => Ok(json(text.bytes)),
            // Blames the room alone: answers are plain data, which can always be written.
            Err(_) => Err(full()),
        }
    }

    /// Returns the answer in pieces. The answer holds `bytes` bytes of memory until the end. The answer to an operation that
    /// `is_done` is never refused, and takes what memory is left.
    pub(super) fn admit(
        &self,
        answer: Response,
        bytes: usize,
        is_done: bool,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Response, Refusal> {
        // Admits an answer that is longer than the limit if no other answer is unread. Refuses nothing that is done: a refusal
        // says that nothing has changed.
        let most = if is_done { self.memory.available_permits() } else { UNREAD_BYTES_MAX };
        let bytes = u32::try_from(bytes.min(most)).expect("the limit is below 4 GiB");
        let share = Arc::clone(&self.memory).try_acquire_many_owned(bytes).ok();
        if share.is_none() && !is_done {
            return Err(full());
        }
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

fn full() -> Refusal {
    let reason = format!(
        "expected at most {UNREAD_BYTES_MAX} bytes of answers that nobody has read yet: read them, close their connections, or \
         reset the server"
    );
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "answer", reason)
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

/// The text of an answer, of at most `bytes_max` bytes: a write beyond the limit fails.
struct BoundedText {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for BoundedText {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if more.len() > self.bytes_max - self.bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    _share: Option<OwnedSemaphorePermit>,
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use axum::Router;
    use axum::extract::Request;
    use serde::Serializer;
    use tower_service::Service;

    use super::*;
    use crate::{Access, PREFIX, Settings};

    async fn asked(router: &mut Router, method: &str, path: &str, json: String) -> Response {
        let request = Request::builder().method(method).uri(format!("{PREFIX}{path}")).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(Body::from(json));
        router.call(request.expect("a request")).await.expect("a router never fails")
    }

    #[tokio::test]
    async fn a_change_of_routes_needs_room_for_its_answer_and_what_is_done_is_answered() {
        let access = Access::new(&[], "localhost", None, &[]).expect("nobody else reaches the server");
        let mut router = crate::router(Settings::manual(), access);
        let route = format!(r#"{{"path":"/","body":"{}"}}"#, "x".repeat(SHORT_BYTES_MAX));
        assert_eq!(asked(&mut router, "POST", "/routes", route).await.status(), StatusCode::CREATED);
        let mut unread = Vec::new();
        for _ in 0..UNREAD_BYTES_MAX / LOG_BYTES {
            unread.push(asked(&mut router, "GET", "/log", String::new()).await);
        }
        assert!(unread.iter().all(|answer| answer.status() == StatusCode::OK));
        // Routes have answers as long as a client likes, and are refused before anything changes.
        for method in ["GET", "DELETE"] {
            let answer = asked(&mut router, method, "/routes", String::new()).await;
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{method}");
        }
        unread.pop();
        assert_eq!(asked(&mut router, "DELETE", "/routes", String::new()).await.status(), StatusCode::OK);
    }

    #[test]
    fn an_answer_for_which_there_is_no_room_is_not_written_to_the_end() {
        /// An item that adds to the number of items written.
        struct Item<'a>(&'a Cell<usize>);
        impl Serialize for Item<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.set(self.0.get() + 1);
                serializer.serialize_str(&"x".repeat(1021))
            }
        }
        let written = Cell::new(0);
        // An item takes 1 KiB, with the quotes and a comma.
        let items: Vec<_> = (0..=UNREAD_BYTES_MAX / 1024).map(|_| Item(&written)).collect();
        let unread = Unread::default();
        assert!(unread.long_json(&items).is_ok(), "nothing else is unread");
        assert_eq!(written.replace(0), items.len());
        let left = 100 * 1024;
        let held =
            unread.admit(Response::default(), UNREAD_BYTES_MAX - left, false, None).expect("nothing else is unread");
        let refusal = unread.long_json(&items).expect_err("no room for the whole answer");
        assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(written.replace(0), 100);
        assert!(unread.long_json(&items[..99]).is_ok());
        let has_room = |bytes: usize| unread.long_json(&"x".repeat(bytes - 2)).is_ok();
        assert!(has_room(left) && !has_room(left + 1));
        // What is short is answered at any time.
        let rest = unread.admit(Response::default(), left, false, None).expect("room for the rest");
        assert!(unread.long_json(&items[..31]).is_ok());
        assert!(unread.long_json(&items[..32]).is_err());
        drop((held, rest));
        assert!(unread.long_json(&items).is_ok());
    }

    #[test]
    fn an_answer_that_is_longer_than_all_may_be_is_sent_alone() {
        let unread = Unread::default();
        let admit = |bytes| unread.admit(Response::default(), bytes, false, None);
        let longest = admit(2 * UNREAD_BYTES_MAX).expect("nothing else is unread");
        assert!(admit(1).is_err());
        drop(longest);
        assert!(admit(1).is_ok());
    }
}
