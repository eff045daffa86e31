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
    /// Where in the body of a response it begins; a head has no such place.
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

/// Where in the body of a response a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// After so many writes.
    Write(u64),
    /// After so many bytes of the body.
    Byte(u64),
    /// So many milliseconds after the request was received: with what is due from then on.
    Ms(u64),
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The response gets another head.
    Head(Head),
    /// The response is broken off.
    Break(Break),
    /// Its writes are altered.
    Rewrite(Rewrite),
}

/// Another head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
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
}

/// How a response is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed without the last chunk.
    Cut,
    /// The connection is reset.
    Reset,
    /// The response ends in good order.
    End,
    /// Nothing more is written.
    Stall,
}

/// How writes are altered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// Each is split into pieces of so many bytes.
    Split(usize),
    /// So many become one.
    Coalesce(usize),
    /// LF becomes CR, or CR LF.
    LineEnds(LineEnds),
    /// One is written twice.
    Duplicate,
    /// The byte 0xFF before the first line end of one.
    InvalidUtf8,
    /// A byte order mark before one.
    Bom,
    /// Another reconnection time, in milliseconds, with one.
    Retry(u64),
    /// An event ID with one.
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
            Self::Head(Head::Status { .. }) => "status",
            Self::Head(Head::ContentType(_)) => "content-type",
            Self::Break(Break::Cut) => "cut",
            Self::Break(Break::Reset) => "reset",
            Self::Break(Break::End) => "end",
            Self::Break(Break::Stall) => "stall",
            Self::Rewrite(Rewrite::Split(_)) => "split",
            Self::Rewrite(Rewrite::Coalesce(_)) => "coalesce",
            Self::Rewrite(Rewrite::LineEnds(_)) => "line-ends",
            Self::Rewrite(Rewrite::Duplicate) => "duplicate",
            Self::Rewrite(Rewrite::InvalidUtf8) => "invalid-utf8",
            Self::Rewrite(Rewrite::Bom) => "bom",
            Self::Rewrite(Rewrite::Retry(_)) => "retry",
            Self::Rewrite(Rewrite::Id(_)) => "id",
        }
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
    writes: Option<usize>,
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
            from: (!matches!(self.kind, Kind::Head(_))).then_some(self.from),
        };
        match &self.kind {
            Kind::Head(Head::Status { status, location, retry_after_s }) => {
                keys.status = Some(status.as_u16());
                keys.location = location.as_ref().and_then(|location| location.to_str().ok());
                keys.retry_after_s = *retry_after_s;
            }
            Kind::Head(Head::ContentType(content_type)) => keys.content_type = content_type.to_str().ok(),
            Kind::Rewrite(Rewrite::Split(bytes)) => keys.bytes = Some(*bytes),
            Kind::Rewrite(Rewrite::Coalesce(writes)) => keys.writes = Some(*writes),
            Kind::Rewrite(Rewrite::LineEnds(ends)) => keys.ends = Some(*ends),
            Kind::Rewrite(Rewrite::Retry(ms)) => keys.retry_ms = Some(*ms),
            Kind::Rewrite(Rewrite::Id(id)) => keys.event_id = Some(id),
            Kind::Break(_) | Kind::Rewrite(Rewrite::Duplicate | Rewrite::InvalidUtf8 | Rewrite::Bom) => {}
        }
        keys.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_written_flat_and_without_what_it_lacks() {
        let location = Some(HeaderValue::from_static("/feed"));
        let kind = Kind::Head(Head::Status { status: StatusCode::FOUND, location, retry_after_s: None });
        let json =
            serde_json::to_string(&Fault { strikes: Strikes::Path("/a".into()), times: 1, from: From::Write(0), kind })
                .expect("plain data");
        assert_eq!(json, r#"{"path":"/a","times":1,"kind":"status","status":302,"location":"/feed"}"#);
        let stall =
            Fault { strikes: Strikes::Connection(3), times: 1, from: From::Ms(5000), kind: Kind::Break(Break::Stall) };
        let json = serde_json::to_string(&stall).expect("plain data");
        assert_eq!(json, r#"{"connection":3,"times":1,"kind":"stall","from":{"ms":5000}}"#);
    }
}
