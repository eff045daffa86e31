//! What clients of the built-in server request, and how.

use std::fmt;

use onbeat_server::endpoints::{broadcast_text, send_heartbeat};
use serde::{Deserialize, Serialize};

use crate::replay::Stream;

/// A request for a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRequest {
    /// The requested resource.
    #[serde(rename = "asked")]
    pub resource: Resource,
    /// How the request is made.
    #[serde(default)]
    pub manner: Manner,
    /// After how many bytes the request is cut in two parts.
    pub cut: Option<usize>,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manner {
    /// By `GET` and HTTP/1.1, on a connection that stays open.
    #[default]
    Get,
    /// By `HEAD`.
    Head,
    /// With `Connection: close`.
    Close,
    /// By HTTP/1.0, with `Connection: keep-alive`.
    Old,
}

/// A requested resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// A stream.
    Stream(Stream),
    /// The publisher of `broadcast` events.
    Broadcast(Message),
    /// The publisher of `heartbeat` events.
    Heartbeat(Message),
    /// The publisher of heartbeats, asked without a message: the heartbeat is a comment.
    Comment,
    /// An unknown path.
    Nothing,
}

/// A message with the number of the event, and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The number, unique in the world.
    pub number: usize,
    /// The number of the text: good, hostile, or, for the greatest number, up to 10 000 bytes long.
    pub text: usize,
}

/// The texts behind the number in a message, good and hostile: in the query, and in the resulting JSON.
pub(super) const TEXTS: [(&str, &str); 9] = [
    ("", r#".""#),
    ("hello", r#".hello""#),
    ("%E4%BD%A0%E5%A5%BD", r#".你好""#),
    ("%0D%0Adata:%20x%0A%0A", r#".\r\ndata: x\n\n""#),
    ("%22%5C%00/%7F", ".\\\"\\\\\\u0000/\u{7f}\""),
    ("%FF%C3%28", ".\u{fffd}\u{fffd}(\""),
    ("%zz%", r#".%zz%""#),
    ("+%2B", r#". +""#),
    ("a&x=y&msg=b&MSG=c", r#".a","b""#),
];
/// The number of the long text. The length depends on the number of the message, so that buffers are full at any place.
pub(super) const LONG: usize = TEXTS.len();

impl Message {
    fn long(self) -> String {
        "x".repeat(200 + self.number * 997 % 9800)
    }

    fn query(self) -> String {
        let text = TEXTS.get(self.text).map_or_else(|| self.long(), |(query, _)| (*query).to_owned());
        format!("?msg=n{}.{text}", self.number)
    }

    /// Returns the message in the data of the event: a string, or an array of several strings.
    pub(super) fn json(self) -> String {
        let text = TEXTS.get(self.text).map_or_else(|| format!(".{}\"", self.long()), |(_, json)| (*json).to_owned());
        let json = format!("\"n{}{text}", self.number);
        if json.contains("\",\"") { format!("[{json}]") } else { json }
    }
}

impl Resource {
    /// Returns the message of the published event.
    pub(super) fn message(self) -> Option<Message> {
        match self {
            Self::Broadcast(message) | Self::Heartbeat(message) => Some(message),
            Self::Stream(_) | Self::Comment | Self::Nothing => None,
        }
    }

    /// Returns the stream that hears broadcasts.
    pub(super) fn channel() -> Self {
        let hears = Stream::all().find(|stream| stream.hears_broadcasts());
        Self::Stream(hears.expect("a stream hears broadcasts"))
    }

    /// Returns whether the resource is a stream.
    pub(super) fn is_stream(self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Returns whether clients of the resource are sent every broadcast.
    pub(super) fn hears_broadcasts(self) -> bool {
        matches!(self, Self::Stream(stream) if stream.hears_broadcasts())
    }

    /// Returns whether a request for the resource publishes an event.
    pub(super) fn publishes(self) -> bool {
        matches!(self, Self::Broadcast(_) | Self::Heartbeat(_) | Self::Comment)
    }

    /// Returns the request target.
    #[must_use]
    pub fn target(self) -> String {
        match self {
            Self::Stream(stream) => stream.path().into(),
            Self::Broadcast(message) => broadcast_text::PUBLISHER.path.to_owned() + &message.query(),
            Self::Heartbeat(message) => send_heartbeat::PUBLISHER.path.to_owned() + &message.query(),
            Self::Comment => send_heartbeat::PUBLISHER.path.into(),
            Self::Nothing => "/nothing".into(),
        }
    }
}

impl Manner {
    /// Returns the method.
    pub(super) fn method(self) -> &'static str {
        if self == Self::Head { "HEAD" } else { "GET" }
    }

    /// Returns whether the server closes the connection after the answer.
    pub(super) fn closes(self) -> bool {
        matches!(self, Self::Close | Self::Old)
    }

    /// Returns the head of the request for `target`.
    #[must_use]
    pub fn request(self, target: &str) -> String {
        let (version, option) = match self {
            Self::Get | Self::Head => ("1.1", ""),
            Self::Close => ("1.1", "Connection: close\r\n"),
            Self::Old => ("1.0", "Connection: keep-alive\r\n"),
        };
        format!("{} {target} HTTP/{version}\r\nHost: onbeat\r\n{option}\r\n", self.method())
    }
}

impl fmt::Display for ResourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, manner, cut } = self;
        let target = resource.target();
        let shown: String = target.chars().take(60).collect();
        let more = if shown == target { "" } else { "…" };
        let how = match manner {
            Manner::Get | Manner::Head => "",
            Manner::Close => " with Connection: close",
            Manner::Old => " by HTTP/1.0",
        };
        write!(f, "{} {shown}{more}{how}", manner.method())?;
        cut.map_or(Ok(()), |cut| write!(f, ", in two parts, cut after {cut} bytes"))
    }
}
