//! The facts of a recording, by kind. The fields are the keys of a line, in order.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Body;
use crate::{Framing, How, LeftHow};

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// `recording`: a recording begins. The line has no time.
    Recording(RecordingStart),
    /// `log`: the log of a served world begins.
    Log(LogStart),
    /// `request`: a client sent a request, given by its parts.
    Request(Request),
    /// `request`: a client sent a request, given by its bytes.
    RawRequest(RawRequest),
    /// `head`: the head of a response came.
    Head(ResponseHead),
    /// `write`: a write of a body came.
    Write(Write),
    /// `event`: a conforming parser dispatches an event upon the write before.
    Event(Dispatch),
    /// `end`: a response ended.
    End(End),
    /// `leave`: a client left.
    Leave(Leave),
    /// `dropped`: the server closed the connection.
    Dropped(NoKeys),
    /// `push`: the server was told to write to a response.
    Push(Push),
    /// `close`: the server was told to close a connection.
    Close(Close),
    /// `route`: a route was added before all others.
    Route(RouteAdded),
    /// `routes-deleted`: routes were deleted.
    RoutesDeleted(RoutesDeleted),
    /// `publish`: the server was told to publish to a channel.
    Publish(Publish),
    /// `fault`: a fault was added.
    Fault(FaultAdded),
    /// `faults-deleted`: faults were deleted.
    FaultsDeleted(FaultsDeleted),
}

/// The keys of a line with a kind alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoKeys {}

/// The first line of a recording: where the recording is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingStart {
    /// The version of the form of the recording.
    pub format: u32,
    /// The version of Onbeat that recorded.
    pub onbeat: String,
    /// The URL, without secrets.
    pub from: String,
    /// The framing of the body; nothing if no head came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// When the request began, in milliseconds since the proxy began; nothing outside a proxy. The recordings of a proxy are
    /// parts of one timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// What the times are worth; nothing over sockets, where each time has some jitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
}

/// What the times of a recording are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Times {
    /// The recording was made in virtual time: each time is exact to the millisecond.
    Exact,
}

/// The first line of a log: the dependencies of its world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogStart {
    /// The version of the form of the log.
    pub version: u32,
    /// The seed, in decimal digits: a JSON number is not exact above 2^53.
    pub seed: String,
    /// The epoch (RFC 3339).
    pub epoch: String,
    /// The kind of clock: `real`, `scaled` or `manual`.
    pub clock: String,
    /// How many events a client of `/sse` may be behind.
    pub mailbox: u64,
    /// The routes file of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<String>,
    /// The scenario of the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// How many lines found no room at the end of the log.
    pub dropped: u64,
}

/// A request by its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub version: String,
    /// The fields in wire order.
    pub headers: Vec<(String, String)>,
    /// The body, if the server has read one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// A request by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// The bytes, from the first line on.
    pub text: String,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseHead {
    /// The status code.
    #[serde(deserialize_with = "super::read::status")]
    pub status: u16,
    /// The fields in wire order.
    pub headers: Vec<(String, String)>,
}

/// A write: a chunk of a body. The key is `text` where the bytes are UTF-8 on their own, else `base64`: half a character is a
/// legal chunk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "super::read::Payload")]
pub struct Write {
    /// The bytes of the chunk.
    pub bytes: Bytes,
}

/// An event that a conforming parser dispatches (WHATWG HTML, 9.2.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// The type of the event.
    pub r#type: String,
    /// The data.
    pub data: String,
    /// The last event ID at the time of the dispatch.
    pub last_event_id: String,
}

/// The end of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How the response ended.
    pub how: How,
}

/// A client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// How the client leaves.
    pub how: LeftHow,
}

/// The server is told to write these bytes, as one chunk, to the response under way on a connection. The keys are those of a
/// [`Write`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "super::read::Payload")]
pub struct Push {
    /// The bytes, before any fault.
    pub bytes: Bytes,
}

/// The server is told to close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// How the server closes the connection.
    pub how: ClosedHow,
}

/// How the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedHow {
    /// After the end of the streams in good order.
    End,
    /// In the middle of a response (FIN), when all writes have been sent.
    Cut,
    /// By a reset (RST).
    Reset,
    /// By closing only the side of the server in the middle of a response (FIN).
    Half,
}

/// A route was added before all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteAdded {
    /// The id of the route.
    pub id: u64,
    /// The route, in the form of the control interface.
    pub route: Value,
}

/// Routes were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutesDeleted {
    /// The ids of the routes.
    pub ids: Vec<u64>,
}

/// The server is told to publish to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The name of the channel.
    pub channel: String,
    /// The ID of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The bytes of the event.
    pub chunk: Body,
}

/// A fault was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultAdded {
    /// The id of the fault.
    pub id: u64,
    /// The fault, in the form of the control interface.
    pub fault: Value,
}

/// Faults were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultsDeleted {
    /// The ids of the faults.
    pub ids: Vec<u64>,
}

impl Fact {
    /// Returns the kind of the line.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Recording(_) => "recording",
            Self::Log(_) => "log",
            Self::Request(_) | Self::RawRequest(_) => "request",
            Self::Head(_) => "head",
            Self::Write(_) => "write",
            Self::Event(_) => "event",
            Self::End(_) => "end",
            Self::Leave(_) => "leave",
            Self::Dropped(_) => "dropped",
            Self::Push(_) => "push",
            Self::Close(_) => "close",
            Self::Route(_) => "route",
            Self::RoutesDeleted(_) => "routes-deleted",
            Self::Publish(_) => "publish",
            Self::Fault(_) => "fault",
            Self::FaultsDeleted(_) => "faults-deleted",
        }
    }
}

/// Makes a fact of its content.
macro_rules! from {
    ($($content:ident => $fact:ident),* $(,)?) => {
        $(impl From<$content> for Fact {
            fn from(content: $content) -> Self {
                Self::$fact(content)
            }
        })*
    };
}

from! {
    RecordingStart => Recording, LogStart => Log, Request => Request, RawRequest => RawRequest, ResponseHead => Head, Write => Write,
    Dispatch => Event, End => End, Leave => Leave, Push => Push, Close => Close, RouteAdded => Route, RoutesDeleted => RoutesDeleted, Publish => Publish, FaultAdded => Fault, FaultsDeleted => FaultsDeleted,
}
