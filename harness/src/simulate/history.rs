//! A history: the operations of the clients of a world, with times.

use std::fmt;

use onbeat_server::endpoints::{broadcast_text, send_heartbeat};
use onbeat_wire::printable::visible;
use serde::{Deserialize, Serialize};

use super::draws::Draws;
use super::timed_history::{OperationTime, TimedHistory};
use crate::replay::Stream;

/// The history of a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The seed of the world.
    pub seed: u64,
    /// How many events a client may be behind.
    pub mailbox_events_max: u64,
    /// How many connections the server serves at a time.
    pub connections_max: usize,
    /// The networks of the clients. Each client has a single connection.
    pub clients: Vec<Link>,
    /// The operations in the order of time.
    #[serde(rename = "deeds")]
    pub operations: Vec<Operation>,
    /// When all faults stop, in milliseconds after the epoch. The remaining clients read on for a while, and close.
    pub end_ms: u64,
}

/// The network between a client and the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// How many bytes may be in flight in each direction.
    pub window_bytes: usize,
    /// How many bytes travel at a time, at most.
    pub piece_bytes: usize,
    /// How long bytes travel to the client, in milliseconds.
    pub latency_ms: u64,
    /// How much longer bytes may travel, in milliseconds.
    pub jitter_ms: u64,
    /// Bytes arrive together at multiples of so many milliseconds; 1 delays no bytes.
    pub together_ms: u64,
    /// How many bytes arrive at the client before a reset of the connection.
    pub breaks_after: Option<usize>,
    /// The client of which this client is the return.
    pub again: Option<usize>,
}

/// An operation of a client, or on the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation<K = OperationKind> {
    /// When the operation begins, in milliseconds after the epoch.
    pub at_ms: u64,
    /// The number of the client; without a meaning for an operation on the world.
    pub client: usize,
    /// The kind of the operation.
    #[serde(rename = "what")]
    pub kind: K,
    /// Whether the next operation waits for all consequences of this operation.
    pub settles: bool,
    /// Whether the operation begins before everything else that is due at the same instant.
    pub races: bool,
}

/// A kind of operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// A client sends a request.
    #[serde(rename = "Ask")]
    Request {
        /// The requested resource.
        #[serde(rename = "asked")]
        resource: Resource,
        /// How the request is made.
        #[serde(default)]
        manner: Manner,
        /// After how many bytes the request is cut in two parts.
        cut: Option<usize>,
    },
    /// A client sends bytes that are no HTTP.
    Garbage(String),
    /// A client stops reading for a while.
    Pause,
    /// A client reads on.
    Resume,
    /// A client closes the connection (FIN).
    Close,
    /// A client sends no more (half-close).
    HalfClose,
    /// A client resets the connection (RST).
    Reset,
    /// The time of the world jumps, as for a suspended machine.
    Jump {
        /// The length of the jump in milliseconds.
        ms: u64,
    },
    /// The server is told to end.
    ShutDown,
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
/// Bytes that are no HTTP.
pub(super) const GARBAGE: [&str; 4] = ["\r\n\r\nhello\r\n\r\n", "GET /sse", "GET /sse HTTP/1.1\r\n\r\n", "\0\u{1}\n\n"];
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

impl OperationKind {
    /// Returns the resource and the manner of a request.
    pub(super) fn request(&self) -> Option<(Resource, Manner)> {
        if let Self::Request { resource, manner, .. } = self { Some((*resource, *manner)) } else { None }
    }

    /// Returns whether a client leaves.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::Close | Self::HalfClose | Self::Reset)
    }

    /// Returns whether a client requests a stream with a body.
    pub(super) fn joins_a_stream(&self) -> bool {
        self.request().is_some_and(|(resource, manner)| resource.is_stream() && manner != Manner::Head)
    }

    /// Returns whether a client that is not yet connected connects for the operation.
    pub(super) fn connects(&self) -> bool {
        matches!(self, Self::Request { .. } | Self::Garbage(_) | Self::HalfClose)
    }
}

impl TimedHistory for History {
    type Kind = OperationKind;

    fn clients(&mut self) -> &mut Vec<Link> {
        &mut self.clients
    }

    fn operations(&mut self) -> &mut Vec<Operation> {
        &mut self.operations
    }

    fn end_ms(&mut self) -> &mut u64 {
        &mut self.end_ms
    }
}

impl OperationTime for OperationKind {
    fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Jump { .. } | Self::ShutDown)
    }

    fn lasts_ms(&self) -> u64 {
        if let Self::Jump { ms } = self { *ms } else { 0 }
    }
}

impl Link {
    /// A network without faults.
    pub(crate) const PLAIN: Self = Self {
        window_bytes: 64 * 1024,
        piece_bytes: 4096,
        latency_ms: 0,
        jitter_ms: 0,
        together_ms: 1,
        breaks_after: None,
        again: None,
    };

    /// Draws a network, every second without faults. Where messages are `long`, pieces are not all short.
    pub(crate) fn draw(draws: &mut Draws, long: bool) -> Self {
        if draws.chance(2) {
            return Self::PLAIN;
        }
        let pieces = if long { [4096, 4096, 1000, 100] } else { [4096, 1, 3, 17] };
        Self {
            window_bytes: draws.one_of(&[64 * 1024, 64 * 1024, 1024, 64]),
            piece_bytes: draws.one_of(&pieces),
            latency_ms: draws.one_of(&[0, 0, 1, 40, 1000]),
            jitter_ms: draws.one_of(&[0, 0, 1, 300]),
            together_ms: draws.one_of(&[1, 1, 1, 100, 1000]),
            breaks_after: if draws.chance(8) { Some(draws.index(2000)) } else { None },
            again: None,
        }
    }

    /// Returns how long bytes travel at most, in milliseconds.
    pub(super) fn delay_ms_max(&self) -> u64 {
        self.latency_ms + self.jitter_ms + self.together_ms - 1
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mailbox_events_max < 1024 {
            writeln!(f, "a mailbox holds {} events", self.mailbox_events_max)?;
        }
        if self.connections_max < self.clients.len() {
            writeln!(f, "the server takes on {} connections", self.connections_max)?;
        }
        for (client, link) in self.clients.iter().enumerate() {
            let traits = link.to_string();
            if !traits.is_empty() {
                writeln!(f, "client {client}{traits}")?;
            }
        }
        self.operations.iter().try_for_each(|operation| writeln!(f, "{operation}"))?;
        writeln!(f, "{:>9} ms  all that are still there read on, and close", self.end_ms)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self::PLAIN;
        let traits = [
            self.again.map(|client| format!(" is client {client}, come back")),
            (self.window_bytes != plain.window_bytes).then(|| format!(" has a window of {} B", self.window_bytes)),
            (self.piece_bytes != plain.piece_bytes).then(|| format!(" gets {} B at a time", self.piece_bytes)),
            (self.latency_ms > 0).then(|| format!(" gets them {} ms late", self.latency_ms)),
            (self.jitter_ms > 0).then(|| format!(" or up to {} ms more", self.jitter_ms)),
            (self.together_ms > 1).then(|| format!(" gets them every {} ms", self.together_ms)),
            self.breaks_after.map(|bytes| format!(" is cut off (RST) after {bytes} B")),
        ];
        f.write_str(&traits.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, client, kind, settles, races } = self;
        let subject = if kind.is_of_the_world() { "the server".into() } else { format!("client {client}") };
        let first = if *races { ", before what is due then" } else { "" };
        let then = if *settles { "" } else { ", and at once:" };
        write!(f, "{at_ms:>9} ms  {subject} {kind}{first}{then}")
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { resource, manner, cut } => {
                let target = resource.target();
                let shown: String = target.chars().take(60).collect();
                let more = if shown == target { "" } else { "…" };
                let how = match manner {
                    Manner::Get | Manner::Head => "",
                    Manner::Close => " with Connection: close",
                    Manner::Old => " by HTTP/1.0",
                };
                write!(f, "sends {} {shown}{more}{how}", manner.method())?;
                cut.map_or(Ok(()), |cut| write!(f, ", in two parts, cut after {cut} bytes"))
            }
            Self::Garbage(bytes) => write!(f, "sends what is no HTTP: {}", visible(bytes.as_bytes())),
            Self::Pause => f.write_str("reads no more"),
            Self::Resume => f.write_str("reads on"),
            Self::Close => f.write_str("closes (FIN)"),
            Self::HalfClose => f.write_str("sends no more (half-close)"),
            Self::Reset => f.write_str("resets (RST)"),
            Self::Jump { ms } => write!(f, "is suspended: its time jumps by {ms} ms"),
            Self::ShutDown => f.write_str("is told to end"),
        }
    }
}
