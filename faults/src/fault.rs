//! A fault: an alteration, the responses to alter, and the place in a response where the fault begins.

use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use onbeat_server::driver::HeadChange;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::values;
use crate::form::{self, INTEGER_MAX, Nothing, WrongField, within};

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which responses the fault strikes.
    pub target: Target,
    /// How many responses the fault strikes.
    pub times: u64,
    /// Where in the body of a response the fault begins; a head has no such place.
    pub from: Place,
    /// The alteration.
    pub kind: Kind,
}

/// The responses that a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The responses to requests for this path.
    Path(String),
    /// The response under way on this connection, or else the next.
    Connection(u64),
}

/// A place in the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// After so many writes.
    Write(u64),
    /// After so many bytes of the body.
    Byte(u64),
    /// So many milliseconds after the receipt of the request: a fault that breaks off acts at this time, any other with the next
    /// write.
    Ms(u64),
}

/// Declares the kinds of faults: the name of each in JSON, and the parameters.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal => $kind:ident $(($parameters:ident))?,)+) => {
        /// The alteration by a fault.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "kind")]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind $(($parameters))?,)+
        }

        impl Kind {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),+];

            /// Reads the parameters of the kind with this name.
            pub(super) fn read(name: &str, parameters: Value) -> Result<Self, WrongField> {
                match name {
                    $($name => kinds!(@read parameters, $kind $($parameters)?),)+
                    _ => unreachable!("a kind is read by a name of the list"),
                }
            }
        }
    };
    (@read $json:ident, $kind:ident) => { form::read($json).map(|Nothing {}| Self::$kind) };
    (@read $json:ident, $kind:ident $parameters:ident) => { form::read($json).map(Self::$kind) };
}

kinds! {
    /// Another status, in place of the answer of the endpoint.
    "status" => Status(StatusChange),
    /// The response gets another Content-Type.
    "content-type" => ContentType(ContentTypeChange),
    /// The connection is closed without the last chunk.
    "cut" => Cut,
    /// The connection is reset.
    "reset" => Reset,
    /// The response ends in good order.
    "end" => End,
    /// The response writes nothing more.
    "stall" => Stall,
    /// Each write is split into pieces.
    "split" => Split(Pieces),
    /// Several writes become one.
    "coalesce" => Coalesce(Batch),
    /// One write is written twice.
    "duplicate" => Duplicate,
    /// The byte 0xFF goes before the first line end of one write.
    "invalid-utf8" => InvalidUtf8,
    /// A byte order mark goes before one write.
    "bom" => Bom,
    /// LF becomes CR, or CR LF.
    "line-ends" => LineEnds(LineEndChange),
    /// One write has another reconnection time.
    "retry" => Retry(ReconnectionTime),
    /// One write has an event ID.
    "id" => Id(EventId),
}

impl Kind {
    /// Returns whether the fault changes the head of a response, and not the body.
    #[must_use]
    pub fn changes_head(&self) -> bool {
        matches!(self, Self::Status(_) | Self::ContentType(_))
    }

    /// Returns the change of the head; none for a fault of the body.
    #[must_use]
    pub fn head_change(&self) -> HeadChange {
        match self {
            Self::Status(change) => HeadChange::Answer(Box::new(change.response())),
            Self::ContentType(ContentTypeChange { content_type }) => {
                HeadChange::Field(CONTENT_TYPE, content_type.clone())
            }
            _ => HeadChange::None,
        }
    }

    /// Returns whether the fault breaks a response off.
    #[must_use]
    pub fn breaks_off(&self) -> bool {
        matches!(self, Self::Cut | Self::Reset | Self::End | Self::Stall)
    }
}

/// Another status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// The status: 204, a redirection, 4xx or 5xx.
    #[serde(serialize_with = "values::code", deserialize_with = "values::status")]
    pub status: StatusCode,
    /// The Location header of a redirection.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "values::text",
        deserialize_with = "values::location"
    )]
    pub location: Option<HeaderValue>,
    /// The Retry-After header of 4xx and 5xx, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "within::<_, _, 0, 4_294_967_295>")]
    pub retry_after_s: Option<u64>,
}

impl StatusChange {
    /// Returns the response in place of the endpoint's.
    fn response(&self) -> Response {
        let Self { status, location, retry_after_s } = self;
        let mut response = match *status {
            StatusCode::NO_CONTENT => status.into_response(),
            status => (status, "a fault, as it was asked for\n").into_response(),
        };
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, location.clone());
        }
        if let Some(seconds) = retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            // Names the field, which a page of another origin could not see otherwise.
            response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
        }
        response
    }
}

/// Another Content-Type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentTypeChange {
    /// The value of the header.
    #[serde(serialize_with = "values::text", deserialize_with = "values::content_type")]
    pub content_type: HeaderValue,
}

/// The size of the pieces of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pieces {
    /// How many bytes each piece has at most.
    #[serde(deserialize_with = "within::<_, _, 1, 65_536>")]
    pub bytes: usize,
}

/// The writes that become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// How many writes become one.
    #[serde(deserialize_with = "within::<_, _, 2, 1000>")]
    pub writes: usize,
}

/// Other line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineEndChange {
    /// The other line ends.
    #[serde(deserialize_with = "values::line_ends")]
    pub ends: LineEnds,
}

/// The line ends of an event stream beside LF (WHATWG HTML, 9.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnds {
    /// CR.
    Cr,
    /// CR LF.
    Crlf,
}

/// Another reconnection time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconnectionTime {
    /// The time in milliseconds.
    #[serde(deserialize_with = "within::<_, _, 0, INTEGER_MAX>")]
    pub retry_ms: u64,
}

/// An event ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventId {
    /// The ID; an empty ID resets the last event ID of a client.
    #[serde(deserialize_with = "values::event_id")]
    pub event_id: String,
}
