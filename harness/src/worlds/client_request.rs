//! The requests of clients in random worlds.

use std::fmt::{self, Display};

use axum::http::Method;
use bytes::Bytes;
use onbeat_wire::printable::visible;

use crate::lab::for_worlds::RequestParts;
use crate::player::Action;
use crate::simulate::Draws;

/// The length of a body in a message.
const SHOWN_BYTES_MAX: usize = 40;

/// A request of clients in random worlds, and what is declared of the responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequest {
    parts: RequestParts,
    pub(super) is_same_for_all: bool,
    pub(super) has_ordered_ids: bool,
    pub(super) backlog_bytes_max: Option<u64>,
}

impl ClientRequest {
    /// Returns a `GET`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Returns a `POST`.
    #[must_use]
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Returns a request with any method.
    ///
    /// # Panics
    ///
    /// If there can be no such method.
    #[must_use]
    #[track_caller]
    pub fn new(method: &str, target: &str) -> Self {
        let method =
            method.parse::<Method>().unwrap_or_else(|_| panic!("expected a method such as GET, got {method:?}"));
        let parts = RequestParts::new(method, target);
        Self { parts, is_same_for_all: false, has_ordered_ids: false, backlog_bytes_max: None }
    }

    /// Adds a header field.
    ///
    /// # Panics
    ///
    /// If the name or the value can't stand in a request.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.parts.add_header(name, value.as_ref());
        self
    }

    /// Sets the body, of which the length is sent.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// Sets the body to JSON, such as text or a `serde_json::Value`, with the content type.
    #[must_use]
    pub fn json(self, json: impl Display) -> Self {
        self.header("content-type", "application/json").body(json.to_string())
    }

    /// Declares that all clients who send the request at the same moment get the same events, however slowly they read.
    ///
    /// A calm client then asks beside each client, and reads at once. The client must see a prefix of the events of the calm
    /// client: the same ids, types and data in the same order, up to some event. Times and comments may differ. An
    /// application that leaves out events for a slow client, and goes on, breaks the declaration.
    ///
    /// Declare nothing of a response with random data, with the time of day, or with state alone (the newest price, a
    /// progress), where a slow client may miss what is overtaken.
    #[must_use]
    pub fn same_for_all(self) -> Self {
        Self { is_same_for_all: true, ..self }
    }

    /// Declares that the ids of events are in one order for all clients of the request, also after a return with
    /// `Last-Event-ID`. A client may miss ids, and see none twice.
    #[must_use]
    pub fn ordered_ids(self) -> Self {
        Self { has_ordered_ids: true, ..self }
    }

    /// Declares how many bytes of the body the application holds for a client that does not read: what the application hands
    /// over at the instant at which such a client reads on. The buffers of hyper and of the network come on top, and are
    /// not counted.
    #[must_use]
    pub fn backlog_max(self, bytes: u64) -> Self {
        Self { backlog_bytes_max: Some(bytes), ..self }
    }

    /// Returns whether the request is likely to change the application.
    pub(super) fn is_write(&self) -> bool {
        ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.parts.method)
    }

    /// Returns the sending of the request, with the last id seen by the client.
    pub(super) fn action(&self, last_event_id: Option<&str>) -> Action {
        let mut parts = self.parts.clone();
        if let Some(id) = last_event_id {
            // Replaces a `Last-Event-ID` that the test has given.
            parts.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("last-event-id"));
            parts.add_header("last-event-id", id);
        }
        parts.action()
    }

    /// Returns the identity of the request: the method, the target and the body.
    pub(super) fn identity(&self) -> (&str, &str, &[u8]) {
        (self.parts.method.as_str(), &self.parts.target, &self.parts.body)
    }

    /// Returns the method and the target.
    pub(super) fn name(&self) -> String {
        self.parts.to_string()
    }
}

/// For example `POST /notes "hello"`.
impl fmt::Display for ClientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestParts { headers, body, .. } = &self.parts;
        self.parts.fmt(f)?;
        headers.iter().try_for_each(|(name, value)| write!(f, " {name}: {value}"))?;
        let shown = visible(&body[..body.len().min(SHOWN_BYTES_MAX)]);
        match body.len() {
            0 => Ok(()),
            1..=SHOWN_BYTES_MAX => write!(f, " \"{shown}\""),
            bytes => write!(f, " \"{shown}…\" ({bytes} B)"),
        }
    }
}

/// Draws a request of a kind.
pub(super) type RequestSource = Box<dyn Fn(&mut Draws) -> ClientRequest>;
