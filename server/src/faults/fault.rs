//! A fault: what is to go wrong, for whom, and where in a response it begins.

use axum::http::{HeaderValue, StatusCode};
use serde::{Serialize, Serializer};

/// What is to go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is struck.
    pub strikes: Strikes,
    /// How many responses are struck.
    pub times: u64,
    /// Where in a response it begins.
    pub from: From,
    /// What happens.
    pub kind: Kind,
}

/// What a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strikes {
    /// Requests to this path.
    Path(String),
    /// The response under way on this connection, or else its next.
    Connection(u64),
}

/// Where in a response a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// After so many writes.
    Write(u64),
    /// After so many bytes of the body.
    Byte(u64),
    /// So many milliseconds after the request was received.
    Ms(u64),
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another status, in place of the endpoint.
    Status {
        /// Which.
        status: StatusCode,
        /// A Location header.
        location: Option<HeaderValue>,
        /// A Retry-After header, in seconds.
        retry_after_s: Option<u32>,
    },
    /// Another Content-Type.
    ContentType(HeaderValue),
    /// The connection is closed without the last chunk.
    Cut,
    /// The connection is reset.
    Reset,
    /// The response ends in good order.
    End,
    /// Nothing more is written.
    Stall,
    /// Each write is split into pieces of so many bytes.
    Split(usize),
    /// So many writes become one.
    Coalesce(u64),
    /// One write is written twice.
    Duplicate,
    /// The byte 0xFF before the first line end of one write.
    InvalidUtf8,
    /// A byte order mark before one write.
    Bom,
    /// LF becomes CR, or CR LF.
    LineEnds(LineEnds),
    /// Another reconnection time, in milliseconds.
    Retry(u64),
    /// An event ID before one write.
    Id(String),
}

/// Line ends that an event stream may have, beside LF (WHATWG HTML, 9.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnds {
    /// CR.
    Cr,
    /// CR LF.
    Crlf,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::ContentType(_) => "content-type",
            Self::Cut => "cut",
            Self::Reset => "reset",
            Self::End => "end",
            Self::Stall => "stall",
            Self::Split(_) => "split",
            Self::Coalesce(_) => "coalesce",
            Self::Duplicate => "duplicate",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::Bom => "bom",
            Self::LineEnds(_) => "line-ends",
            Self::Retry(_) => "retry",
            Self::Id(_) => "id",
        }
    }

    /// Whether it alters one write, and then nothing more.
    pub(super) fn is_of_one_write(&self) -> bool {
        matches!(self, Self::Duplicate | Self::InvalidUtf8 | Self::Bom | Self::Retry(_) | Self::Id(_))
    }

    /// Whether it alters the head of a response, and not its body.
    pub(crate) fn is_of_the_head(&self) -> bool {
        matches!(self, Self::Status { .. } | Self::ContentType(_))
    }
}

/// A fault's keys, in the order of the format.
#[derive(Serialize)]
struct Keys<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    times: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<LineEnds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<From>,
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (path, connection) = match &self.strikes {
            Strikes::Path(path) => (Some(path.as_str()), None),
            Strikes::Connection(connection) => (None, Some(*connection)),
        };
        let mut keys = Keys {
            path,
            connection,
            times: self.times,
            kind: self.kind.name(),
            status: None,
            location: None,
            retry_after_s: None,
            content_type: None,
            bytes: None,
            writes: None,
            ends: None,
            retry_ms: None,
            event_id: None,
            from: (!self.kind.is_of_the_head()).then_some(self.from),
        };
        match &self.kind {
            Kind::Status { status, location, retry_after_s } => {
                keys.status = Some(status.as_u16());
                keys.location = location.as_ref().and_then(|location| location.to_str().ok());
                keys.retry_after_s = *retry_after_s;
            }
            Kind::ContentType(content_type) => keys.content_type = content_type.to_str().ok(),
            Kind::Split(bytes) => keys.bytes = Some(*bytes),
            Kind::Coalesce(writes) => keys.writes = Some(*writes),
            Kind::LineEnds(ends) => keys.ends = Some(*ends),
            Kind::Retry(ms) => keys.retry_ms = Some(*ms),
            Kind::Id(id) => keys.event_id = Some(id),
            Kind::Cut | Kind::Reset | Kind::End | Kind::Stall | Kind::Duplicate | Kind::InvalidUtf8 | Kind::Bom => {}
        }
        keys.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_written_flat_and_without_what_it_lacks() {
        let location = Some(HeaderValue::from_static("/sse"));
        let kind = Kind::Status { status: StatusCode::FOUND, location, retry_after_s: None };
        let json =
            serde_json::to_string(&Fault { strikes: Strikes::Path("/a".into()), times: 1, from: From::Write(0), kind })
                .expect("plain data");
        assert_eq!(json, r#"{"path":"/a","times":1,"kind":"status","status":302,"location":"/sse"}"#);
        let stall = Fault { strikes: Strikes::Connection(3), times: 1, from: From::Ms(5000), kind: Kind::Stall };
        let json = serde_json::to_string(&stall).expect("plain data");
        assert_eq!(json, r#"{"connection":3,"times":1,"kind":"stall","from":{"ms":5000}}"#);
    }
}
