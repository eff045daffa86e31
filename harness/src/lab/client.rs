//! A client with one connection: several requests, one after another or at once.

use bytes::Bytes;

use super::Lab;
use super::connection::Handle;
use super::request::RequestBuilder;
use crate::player::{Action, ClientLog};
use axum::http::Method;
use onbeat_wire::LeftHow;

/// A client of a lab with one connection (keep-alive).
///
/// A request that is sent while an earlier one is being answered waits behind it (pipelining; RFC 9112, 9.3.2). The client
/// leaves when the client and all of its responses have been dropped.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) connection: Handle,
}

impl Client {
    /// Begins a `GET`; see [`Lab::get`].
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request("GET", target)
    }

    /// Begins a `POST`; see [`Lab::post`].
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request("POST", target)
    }

    /// Begins a `PUT`; see [`Lab::put`].
    pub fn put(&self, target: &str) -> RequestBuilder {
        self.request("PUT", target)
    }

    /// Begins a `DELETE`; see [`Lab::delete`].
    pub fn delete(&self, target: &str) -> RequestBuilder {
        self.request("DELETE", target)
    }

    /// Begins a request with any method.
    ///
    /// # Panics
    ///
    /// If there can be no such method.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str) -> RequestBuilder {
        let method =
            method.parse::<Method>().unwrap_or_else(|_| panic!("expected a method such as GET, got {method:?}"));
        RequestBuilder::new(self.connection.clone(), method, target)
    }

    /// Sends any bytes, for which no response is expected: the rest of a request, or no HTTP at all.
    pub async fn send(&self, bytes: impl Into<Bytes>) {
        self.connection.act(Action::Send(bytes.into())).await;
    }

    /// Stops reading. What the application writes stays in the [network](super::Network) and in hyper's buffer, until both are
    /// full.
    pub async fn pause(&self) {
        self.connection.act(Action::Pause).await;
    }

    /// Reads on.
    pub async fn resume(&self) {
        self.connection.act(Action::Resume).await;
    }

    /// Leaves by closing the connection (FIN), as a browser does whose tab is closed.
    pub async fn close(&self) {
        self.connection.act(Action::Leave(LeftHow::Closed)).await;
    }

    /// Leaves by resetting the connection (RST), as a process does that is killed.
    pub async fn reset(&self) {
        self.connection.act(Action::Leave(LeftHow::Reset)).await;
    }

    /// Sends no more, but goes on reading: a half-close. hyper, and with it axum, treats such a client as gone.
    pub async fn half_close(&self) {
        self.connection.act(Action::Leave(LeftHow::HalfClosed)).await;
    }

    /// Returns whether the connection is open at both ends.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.connection.is_over()
    }

    /// Returns the actions and observations of the client so far.
    #[must_use]
    pub fn log(&self) -> ClientLog {
        self.connection.log()
    }

    /// Returns the lab of the client.
    #[must_use]
    pub fn lab(&self) -> &Lab {
        self.connection.lab()
    }
}
