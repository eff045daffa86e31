//! The actions of a client on a connection.

use bytes::Bytes;
use onbeat_wire::LeftHow;

/// An action of a client on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Sends a request, or the beginning of a request, and expects a response.
    Request {
        /// The method, which decides whether the response has a body.
        method: String,
        /// The bytes to send.
        bytes: Bytes,
    },
    /// Sends bytes for which no further response is expected: the rest of a request, or no HTTP at all.
    Send(Bytes),
    /// Stops reading.
    Pause,
    /// Reads on.
    Resume,
    /// Leaves.
    Leave(LeftHow),
}

impl Action {
    /// Returns the sending of a whole request; the method is the first word.
    #[must_use]
    pub fn request(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        Self::Request { method: String::from_utf8_lossy(method).into_owned(), bytes }
    }

    /// Returns the sending of a request without a body.
    #[must_use]
    pub fn plain_request(method: &str, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: onbeat\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        Self::request(head + "\r\n")
    }
}
