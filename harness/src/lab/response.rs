//! A response, as the client has seen it so far.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use onbeat_wire::{How, Instant, Transcript};
use parking_lot::Mutex;

use super::client::Client;
use super::connection::Handle;
use super::sse::{Comment, Event, EventStream, Retry, Write};
use crate::player::HttpExchange;

/// A response, which goes on in the background: each method tells what the client has seen so far.
///
/// A client of [`Lab::get`](super::Lab::get) leaves when its response is dropped.
#[derive(Debug)]
pub struct Response {
    pub(super) connection: Handle,
    pub(super) ordinal: usize,
    /// The request and the client, for messages.
    name: Arc<str>,
    stream: Mutex<EventStream>,
    /// How many events [`next_event`](Self::next_event) has returned.
    events_taken: usize,
}

impl Response {
    pub(super) fn new(connection: Handle, ordinal: usize, name: String) -> Self {
        Self { connection, ordinal, name: name.into(), stream: Mutex::default(), events_taken: 0 }
    }

    fn exchange<T>(&self, read: impl FnOnce(&HttpExchange) -> T) -> Option<T> {
        self.connection.with_exchange(self.ordinal, |exchange| exchange.map(read))
    }

    // The head.

    /// Waits for the head.
    ///
    /// # Panics
    ///
    /// If there is no answer: the message says why.
    pub async fn head(&self) {
        self.wait("the head", |exchange| exchange.head.is_some() || exchange.broken.is_some()).await;
        assert!(self.has_head(), "{}", self.no_answer());
    }

    /// Returns whether the head has come.
    #[must_use]
    pub fn has_head(&self) -> bool {
        self.exchange(|exchange| exchange.head.is_some()).unwrap_or_default()
    }

    /// Returns the status.
    ///
    /// # Panics
    ///
    /// If no head has come.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> StatusCode {
        let status = self.exchange(HttpExchange::status).and_then(|status| StatusCode::from_u16(status).ok());
        status.unwrap_or_else(|| panic!("{}", self.no_answer()))
    }

    /// Returns the value of the first header field with a name; the case of letters does not count.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        self.exchange(|exchange| exchange.header(&name).map(str::to_owned)).flatten()
    }

    // The body.

    /// Returns the body so far.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.exchange(HttpExchange::body).unwrap_or_default().into()
    }

    /// Returns the body so far as text, with U+FFFD where the bytes are not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    /// Returns the pieces of the body so far as written: each is a chunk, or, without chunks, the bytes of a single instant.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        let write = |(at, bytes): &(Instant, Bytes)| Write { at: at.since_epoch(), bytes: bytes.clone() };
        self.exchange(|exchange| exchange.writes.iter().map(write).collect()).unwrap_or_default()
    }

    // The events.

    /// Returns whether the response is an event stream: the head has come, with status 200 and the content type
    /// `text/event-stream`.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        self.exchange(is_event_stream).unwrap_or_default()
    }

    /// Reads the event stream on, and returns what `read` makes of the stream.
    #[track_caller]
    fn stream<T>(&self, read: impl FnOnce(&mut EventStream) -> T) -> T {
        let mut stream = self.stream.lock();
        let is_other = self.exchange(|exchange| {
            stream.read_on(&exchange.writes);
            stream.is_known = stream.is_known || is_event_stream(exchange);
            !stream.is_known && exchange.head.is_some()
        });
        if is_other == Some(true) {
            drop(stream);
            panic!("{}", self.no_stream());
        }
        read(&mut stream)
    }

    /// Returns the events so far.
    ///
    /// # Panics
    ///
    /// If the response is no event stream: another status than 200, or another content type than `text/event-stream`.
    #[must_use]
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        self.stream(|stream| stream.events.clone())
    }

    /// Returns the times of the events so far, in milliseconds since the beginning of the lab.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn times_ms(&self) -> Vec<u64> {
        self.stream(|stream| stream.events.iter().map(Event::at_ms).collect())
    }

    /// Returns the last event IDs of the events so far.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.stream(|stream| stream.events.iter().map(|event| event.id.clone()).collect())
    }

    /// Returns the types of the events so far.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn kinds(&self) -> Vec<String> {
        self.stream(|stream| stream.events.iter().map(|event| event.kind.clone()).collect())
    }

    /// Returns the data of the events so far.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn data(&self) -> Vec<String> {
        self.stream(|stream| stream.events.iter().map(|event| event.data.clone()).collect())
    }

    /// Returns the comments so far, which no browser shows: heartbeats are often comments.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn comments(&self) -> Vec<Comment> {
        self.stream(|stream| stream.comments.clone())
    }

    /// Returns the reconnection times so far (`retry`).
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    #[must_use]
    #[track_caller]
    pub fn retries(&self) -> Vec<Retry> {
        self.stream(|stream| stream.retries.clone())
    }

    /// Waits for the next event that this method has not returned yet; returns nothing when the response has ended.
    ///
    /// Time passes only as far as the event is away. A wait beyond [the patience of the lab](super::LabOptions::patience)
    /// ends the test.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    pub async fn next_event(&mut self) -> Option<Event> {
        let next = self.events_taken;
        let taken = |stream: &mut EventStream| stream.events.get(next).cloned();
        let mut event = self.stream(taken);
        if event.is_none() {
            // Begins a single wait, however many comments come before the event.
            let _waiting = self.connection.lab().state.wait_for("the next event", &self.name);
            while event.is_none() && !self.is_over() {
                let writes = self.stream.lock().writes_read;
                let has_more = |exchange: &HttpExchange| exchange.writes.len() > writes || exchange.end.is_some();
                self.connection.until(self.ordinal, has_more).await;
                event = self.stream(taken);
            }
        }
        self.events_taken += usize::from(event.is_some());
        event
    }

    /// Waits for the next `count` events as [`next_event`](Self::next_event) does; returns fewer if the response ends.
    ///
    /// # Panics
    ///
    /// If the response is no event stream.
    pub async fn next_events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::with_capacity(count);
        while events.len() < count {
            let Some(event) = self.next_event().await else { break };
            events.push(event);
        }
        events
    }

    // The end.

    /// Waits for the end, and returns how the response ended.
    ///
    /// # Panics
    ///
    /// If the connection ended without an answer: the message says why.
    pub async fn ended(&self) -> How {
        self.wait("the end", |exchange| exchange.end.is_some()).await;
        self.end().unwrap_or_else(|| panic!("{}", self.no_answer()))
    }

    /// Returns how the response has ended: complete, cut by the application, reset, or closed by the client. Nothing while the
    /// response is open.
    #[must_use]
    pub fn end(&self) -> Option<How> {
        self.exchange(|exchange| exchange.end.map(|(_, how)| how)).flatten()
    }

    /// Returns when the response ended, in milliseconds since the beginning of the lab.
    #[must_use]
    pub fn ended_ms(&self) -> Option<u64> {
        self.exchange(|exchange| exchange.end.map(|(at, _)| at.as_millis())).flatten()
    }

    /// Returns whether the response has not ended yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.connection.is_over()
            || self.exchange(|exchange| exchange.end.is_some() || exchange.broken.is_some()).unwrap_or_default()
    }

    /// Returns the time from the request to the end, or to now.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        let now = Instant::EPOCH + self.connection.lab().now();
        self.exchange(|exchange| exchange.end.map_or(now, |(at, _)| at) - exchange.sent).unwrap_or_default()
    }

    /// Returns the error of the application that cut the response, with its causes: of the body, or of the service.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.connection.lab().state.open.failure(&self.connection.peer(), self.ordinal)
    }

    /// Returns the response so far as lines with times, for a snapshot.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        Transcript { entries: self.exchange(HttpExchange::entries).unwrap_or_default() }
    }

    // The client.

    /// Returns the client, which may send further requests on the connection.
    pub fn client(&self) -> Client {
        Client { connection: self.connection.clone() }
    }

    /// Stops reading; see [`Client::pause`].
    pub async fn pause(&self) {
        self.client().pause().await;
    }

    /// Reads on.
    pub async fn resume(&self) {
        self.client().resume().await;
    }

    /// Leaves by closing the connection (FIN); see [`Client::close`]. What has come stays readable.
    pub async fn close(&self) {
        self.client().close().await;
    }

    /// Leaves by resetting the connection (RST); see [`Client::reset`].
    pub async fn reset(&self) {
        self.client().reset().await;
    }

    /// Sends no more, but goes on reading; see [`Client::half_close`].
    pub async fn half_close(&self) {
        self.client().half_close().await;
    }

    // Waits and messages.

    /// Waits as [`ClientConnection::until`](super::connection::ClientConnection::until) does. Notes the wait in the lab, for
    /// messages.
    async fn wait(&self, what: &'static str, enough: impl FnMut(&HttpExchange) -> bool) {
        let lab = self.connection.lab();
        let waiting = lab.state.wait_for(what, &self.name);
        self.connection.until(self.ordinal, enough).await;
        drop(waiting);
    }

    fn no_answer(&self) -> String {
        let broken = self.exchange(|exchange| exchange.broken.clone()).flatten();
        let why = self.failure().map(|error| format!("the application failed: {error}")).or(broken);
        let left = if self.connection.is_over() {
            "the client has left"
        } else {
            "no head has come so far; `head().await` waits for the head"
        };
        let why = why.unwrap_or_else(|| left.into());
        format!("expected an answer to {}, got none: {why}", self.name)
    }

    fn no_stream(&self) -> String {
        let status = self.status();
        let content_type = self.header("content-type").unwrap_or_else(|| "none".into());
        let text: String = self.text().chars().take(200).collect();
        format!(
            "expected an event stream in answer to {}: status 200 and content-type text/event-stream\n  got status {status}, \
             content-type {content_type}, and the body {text:?}",
            self.name
        )
    }
}

/// Returns whether a response is an event stream (WHATWG HTML, 9.2.2).
fn is_event_stream(exchange: &HttpExchange) -> bool {
    let media_type = exchange.header("content-type").and_then(|value| value.split(';').next());
    exchange.status() == 200
        && media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("text/event-stream"))
}
