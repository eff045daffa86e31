//! A history: what the clients of one world do, and when.

use std::fmt;

use onbeat_server::endpoints::{broadcast_text, send_heartbeat};
use onbeat_wire::printable::visible;
use serde::{Deserialize, Serialize};

use crate::replay::Stream;

/// What happens in one world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The world's seed.
    pub seed: u64,
    /// Events that a client may be behind.
    pub mailbox_events_max: u64,
    /// Connections that the server serves at a time.
    pub connections_max: usize,
    /// Each client is on a connection of its own, over a network of its own.
    pub clients: Vec<Link>,
    /// In the order of time.
    pub deeds: Vec<Deed>,
    /// When all faults stop, in milliseconds after the epoch. Those who are still there read on for a while, and close.
    pub end_ms: u64,
}

/// The network between a client and the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// How many bytes may be on their way in each direction.
    pub window_bytes: usize,
    /// How many bytes go at a time, at most.
    pub piece_bytes: usize,
    /// How long bytes are on their way to the client, in milliseconds.
    pub latency_ms: u64,
    /// How much longer they may be.
    pub jitter_ms: u64,
    /// Bytes are held back and arrive together, at multiples of so many milliseconds; 1 holds nothing back.
    pub together_ms: u64,
    /// The connection is reset after so many bytes have arrived at the client.
    pub breaks_after: Option<usize>,
    /// The client is this one, come back.
    pub again: Option<usize>,
}

/// Something that a client does, or has done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When, in milliseconds after the epoch.
    pub at_ms: u64,
    /// Who; for a deed of the world it says nothing.
    pub client: usize,
    /// What.
    pub what: What,
    /// The next deed waits for all consequences of this one.
    pub settles: bool,
    /// It does not wait for what else is due at its instant.
    pub races: bool,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// A client sends a request; in two parts, if it is cut after so many bytes.
    Ask {
        /// What it asks for.
        asked: Asked,
        /// How it is asked for.
        #[serde(default)]
        manner: Manner,
        /// Where it is cut.
        cut: Option<usize>,
    },
    /// A client sends what is no HTTP.
    Garbage(String),
    /// A client reads no more for a while.
    Pause,
    /// A client reads on.
    Resume,
    /// A client closes the connection (FIN).
    Close,
    /// A client sends no more (half-close).
    HalfClose,
    /// A client resets the connection (RST).
    Reset,
    /// The world's time jumps, as a machine's does that was suspended.
    Jump {
        /// By so much.
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

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// A stream.
    Stream(Stream),
    /// A `broadcast` event.
    Broadcast(Message),
    /// A `heartbeat` event.
    Heartbeat(Message),
    /// A heartbeat without a message: a comment.
    Comment,
    /// A path that is not there.
    Nothing,
}

/// A message that bears the number of its event, and a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number: no other event of the world has it.
    pub number: usize,
    /// Which of a few texts: good ones, hostile ones, and with the greatest number one of up to 10 000 bytes.
    pub text: usize,
}

/// What follows the number in a message, good and hostile: in the query, and in the JSON that comes of it.
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
/// What is no HTTP, and is sent all the same.
pub(super) const GARBAGE: [&str; 4] = ["\r\n\r\nhello\r\n\r\n", "GET /sse", "GET /sse HTTP/1.1\r\n\r\n", "\0\u{1}\n\n"];
/// The text with this number is long; how long depends on the message's number, so that buffers are full at any place.
pub(super) const LONG: usize = TEXTS.len();

impl Message {
    fn long(self) -> String {
        "x".repeat(200 + self.number * 997 % 9800)
    }

    fn query(self) -> String {
        let Self { number, text } = self;
        let text = TEXTS.get(text).map_or_else(|| self.long(), |(query, _)| (*query).to_owned());
        format!("?msg=n{number}.{text}")
    }

    /// As it is to be found in an event's data: a string, or an array of strings where there are several.
    pub(super) fn json(self) -> String {
        let Self { number, text } = self;
        let json = match TEXTS.get(text) {
            Some((_, json)) => format!("\"n{number}{json}"),
            None => format!("\"n{number}.{}\"", self.long()),
        };
        if json.contains("\",\"") { format!("[{json}]") } else { json }
    }
}

impl Asked {
    /// The message that it causes to be sent.
    pub(super) fn message(self) -> Option<Message> {
        match self {
            Self::Broadcast(message) | Self::Heartbeat(message) => Some(message),
            Self::Stream(_) | Self::Comment | Self::Nothing => None,
        }
    }

    /// Returns a request for the stream that hears broadcasts.
    pub(super) fn listening() -> Self {
        let hears = Stream::all().find(|stream| stream.hears_broadcasts());
        Self::Stream(hears.expect("a stream hears broadcasts"))
    }

    /// Returns whether the client is to be sent every broadcast.
    pub(super) fn hears_broadcasts(self) -> bool {
        matches!(self, Self::Stream(stream) if stream.hears_broadcasts())
    }

    /// Whether it sends something to the clients of `/sse`.
    pub(super) fn is_sent(self) -> bool {
        matches!(self, Self::Broadcast(_) | Self::Heartbeat(_) | Self::Comment)
    }

    /// The request's target.
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

    /// Whether the connection is closed after the answer.
    pub(super) fn closes(self) -> bool {
        matches!(self, Self::Close | Self::Old)
    }

    /// Returns the head of the request for `target`.
    #[must_use]
    pub fn request(self, target: &str) -> String {
        let version = if self == Self::Old { "1.0" } else { "1.1" };
        let option = match self {
            Self::Get | Self::Head => "",
            Self::Close => "Connection: close\r\n",
            Self::Old => "Connection: keep-alive\r\n",
        };
        format!("{} {target} HTTP/{version}\r\nHost: onbeat\r\n{option}\r\n", self.method())
    }
}

impl What {
    /// Whether a client leaves by it.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::Close | Self::HalfClose | Self::Reset)
    }

    /// Whether it is done to the world, and not by a client.
    pub(super) fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Jump { .. } | Self::ShutDown)
    }

    /// Returns whether a client asks for a stream, and gets its body.
    pub(super) fn joins_a_stream(&self) -> bool {
        matches!(self, Self::Ask { asked: Asked::Stream(_), manner, .. } if *manner != Manner::Head)
    }

    /// Whether a client connects for it, if it has not yet.
    pub(super) fn connects(&self) -> bool {
        matches!(self, Self::Ask { .. } | Self::Garbage(_) | Self::HalfClose)
    }
}

impl Link {
    /// A network that does nothing.
    pub(super) const PLAIN: Self = Self {
        window_bytes: 64 * 1024,
        piece_bytes: 4096,
        latency_ms: 0,
        jitter_ms: 0,
        together_ms: 1,
        breaks_after: None,
        again: None,
    };

    /// How long bytes are on their way at most.
    pub(super) fn delay_ms_max(&self) -> u64 {
        self.latency_ms + self.jitter_ms + self.together_ms - 1
    }
}

impl History {
    /// The batch of each deed. All consequences of one batch are over when the next begins; within a batch deeds race.
    pub(super) fn batches(&self) -> Vec<usize> {
        let mut batch = 0;
        let of = |at: usize| {
            if at > 0 && (self.deeds[at - 1].at_ms != self.deeds[at].at_ms || self.deeds[at - 1].settles) {
                batch += 1;
            }
            batch
        };
        (0..self.deeds.len()).map(of).collect()
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
        self.deeds.iter().try_for_each(|deed| writeln!(f, "{deed}"))?;
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

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, client, what, settles, races } = self;
        let who = if what.is_of_the_world() { "the server".into() } else { format!("client {client}") };
        let first = if *races { ", before what is due then" } else { "" };
        let then = if *settles { "" } else { ", and at once:" };
        write!(f, "{at_ms:>9} ms  {who} {what}{first}{then}")
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { asked, manner, cut } => {
                let target = asked.target();
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
