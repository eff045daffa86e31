//! A history: what the clients of one world do, and when. It follows from its seed alone.

use std::fmt;
use std::time::Duration;

use onbeat_server::random::{Random, Seed};

use super::network::Link;
use crate::replay::Stream;
use crate::transcript::visible;

/// What happens in one world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    pub(super) seed: u64,
    /// Events that a client may be behind.
    pub(super) mailbox_events_max: u64,
    /// The network of each client.
    pub(super) links: Vec<Link>,
    /// In the order of time.
    pub(super) deeds: Vec<Deed>,
    /// When those who are still there close.
    pub(super) end_ms: u64,
}

/// Something that a client does, or has done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) at_ms: u64,
    pub(super) client: usize,
    pub(super) what: What,
    /// The next deed waits for all consequences of this one.
    pub(super) settles: bool,
    /// It does not wait for what else is due at its instant.
    pub(super) races: bool,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Sends a request; in two parts, if it is cut somewhere.
    Ask {
        asked: Asked,
        bytes: String,
        cut: Option<usize>,
    },
    /// Sends what is no HTTP.
    Garbage(String),
    /// Reads no more for a while.
    Pause,
    Resume,
    /// Leaves: FIN, half-close, RST.
    Close,
    HalfClose,
    Reset,
    /// The server is told to end.
    ShutDown,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Stream(Stream),
    /// An event with a message that bears this number.
    Broadcast(usize),
    Heartbeat(usize),
    /// A heartbeat without a message: a comment.
    Comment,
    Nothing,
}

impl Asked {
    /// The number of the event that it causes, if it bears one.
    pub(super) fn event(self) -> Option<usize> {
        match self {
            Self::Broadcast(number) | Self::Heartbeat(number) => Some(number),
            Self::Stream(_) | Self::Comment | Self::Nothing => None,
        }
    }

    fn target(self, tail: &str) -> String {
        match self {
            Self::Stream(stream) => stream.path().into(),
            Self::Broadcast(number) => format!("/broadcast-text?msg=n{number}.{tail}"),
            Self::Heartbeat(number) => format!("/send-heartbeat?msg=n{number}.{tail}"),
            Self::Comment => "/send-heartbeat".into(),
            Self::Nothing => "/nothing".into(),
        }
    }
}

/// What follows the number in a message: good and hostile.
const TAILS: [&str; 8] =
    ["", "hello", "%E4%BD%A0%E5%A5%BD", "%0D%0Adata:%20x%0A%0A", "%22%5C%00", "%FF%C3%28", "%zz%", "+%2B"];
/// The greatest number of clients.
const CLIENTS_MAX: u64 = 64;

impl History {
    /// The history of a seed.
    pub(super) fn new(seed: u64) -> Self {
        // No connection of the world has this ordinal.
        let mut author =
            Author { random: Random::new(Seed(seed), u64::MAX, 0), deeds: Vec::new(), events: 0, end_ms: 0 };
        author.end_ms = author.one_of(&[2_000, 12_000, 65_000, 95_000, 300_000, 3_600_000]);
        let clients = if author.chance(30) { 1 + author.below(CLIENTS_MAX) } else { 1 + author.below(8) };
        let links = (0..clients).map(|client| author.client(usize::try_from(client).unwrap_or_default())).collect();
        let mailbox_events_max = author.one_of(&[1024, 1024, 1024, 1, 2, 8]);
        if author.chance(20) {
            author.shut_down();
        }
        let Author { mut deeds, end_ms, .. } = author;
        deeds.sort_by_key(|deed| deed.at_ms);
        Self { seed, mailbox_events_max, links, deeds, end_ms }
    }

    /// Whether the deed `a` was over, with all its consequences, when `b` happened.
    pub(super) fn is_before(&self, a: usize, b: usize) -> bool {
        a < b && (self.deeds[a].at_ms < self.deeds[b].at_ms || self.deeds[a..b].iter().any(|deed| deed.settles))
    }
}

/// Makes up a history.
struct Author {
    random: Random,
    deeds: Vec<Deed>,
    events: usize,
    end_ms: u64,
}

impl Author {
    fn below(&mut self, end: u64) -> u64 {
        self.random.next_below(end)
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or_default()]
    }

    /// A time from then on; often one at which timers fire.
    fn time(&mut self, from: u64) -> u64 {
        let left = self.end_ms.saturating_sub(from).max(1);
        let step = self.one_of(&[1, 1, 50, 200, 1000, 1500, 30_000]);
        (from + self.below(left) / step * step).min(self.end_ms)
    }

    fn deed(&mut self, at_ms: u64, client: usize, what: What) {
        let (settles, races) = (!self.chance(3), self.chance(2));
        self.deeds.push(Deed { at_ms, client, what, settles, races });
    }

    fn ask(&mut self, at_ms: u64, client: usize, asked: Asked) {
        let tail = self.one_of(&TAILS);
        let head = format!("GET {} HTTP/1.1\r\nHost: onbeat\r\n\r\n", asked.target(tail));
        let cut = self.chance(6).then(|| usize::try_from(self.below(head.len() as u64)).unwrap_or_default());
        self.deed(at_ms, client, What::Ask { asked, bytes: head, cut });
    }

    /// All that one client does; returns its network.
    fn client(&mut self, client: usize) -> Link {
        let joins = if self.chance(3) { 0 } else { self.time(0) };
        match self.below(10) {
            0..4 => self.listen(client, joins),
            4..6 => self.stream(client, joins),
            6..9 => self.send_events(client, joins),
            _ => self.break_things(client, joins),
        }
        if self.chance(2) { Link::PLAIN } else { self.link() }
    }

    fn link(&mut self) -> Link {
        Link {
            window_bytes: self.one_of(&[64 * 1024, 64 * 1024, 1024, 64]),
            piece_bytes: self.one_of(&[4096, 1, 3, 17]),
            latency: Duration::from_millis(self.one_of(&[0, 0, 1, 40, 1000])),
        }
    }

    fn listen(&mut self, client: usize, joins: u64) {
        self.ask(joins, client, Asked::Stream(Stream::Sse));
        if self.chance(5) {
            let pauses = self.time(joins);
            self.deed(pauses, client, What::Pause);
            if !self.chance(3) {
                let resumes = self.time(pauses);
                self.deed(resumes, client, What::Resume);
            }
        }
        self.leave(client, joins);
    }

    fn stream(&mut self, client: usize, joins: u64) {
        let stream = self.one_of(&Stream::ALL[1..]);
        self.ask(joins, client, Asked::Stream(stream));
        if self.chance(3) {
            // Behind the stream, or after it.
            let again = if self.chance(2) { joins } else { self.time(joins) };
            let asked = if self.chance(2) { Asked::Nothing } else { self.event() };
            self.ask(again, client, asked);
        }
        self.leave(client, joins);
    }

    fn event(&mut self) -> Asked {
        self.events += 1;
        match self.below(3) {
            0 => Asked::Comment,
            1 => Asked::Heartbeat(self.events),
            _ => Asked::Broadcast(self.events),
        }
    }

    fn send_events(&mut self, client: usize, joins: u64) {
        let mut at = joins;
        for _ in 0..=self.below(4) {
            for _ in 0..=self.one_of(&[0, 0, 1, 5, 20]) {
                let event = self.event();
                self.ask(at, client, event);
            }
            at = self.time(at);
        }
        self.leave(client, at);
    }

    fn break_things(&mut self, client: usize, joins: u64) {
        let garbage = self.one_of(&["\r\n\r\nhello\r\n\r\n", "GET /sse", "GET /sse HTTP/1.1\r\n\r\n", "\0\u{1}\n\n"]);
        self.deed(joins, client, What::Garbage(garbage.into()));
        self.leave(client, joins);
    }

    /// Some time, or right behind something that a client does.
    fn shut_down(&mut self) {
        let deeds = self.deeds.len() as u64;
        let behind = usize::try_from(self.below(deeds)).unwrap_or_default();
        let at_ms = match self.deeds.get_mut(behind) {
            Some(deed) if self.random.next_below(2) == 0 => {
                deed.settles = false;
                deed.at_ms
            }
            _ => self.below(self.end_ms),
        };
        self.deed(at_ms, 0, What::ShutDown);
        // Deeds of one instant stay in their order when they are sorted by time.
        let shut_down = self.deeds.pop();
        let place = if self.deeds.get(behind).is_some_and(|deed| deed.at_ms == at_ms) { behind + 1 } else { behind };
        self.deeds.splice(place..place, shut_down);
    }

    fn leave(&mut self, client: usize, from: u64) {
        if self.chance(2) {
            let at = if self.chance(4) { from } else { self.time(from) };
            let how = match self.below(3) {
                0 => What::Close,
                1 => What::HalfClose,
                _ => What::Reset,
            };
            self.deed(at, client, how);
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mailboxes of {}, until {} ms", self.mailbox_events_max, self.end_ms)?;
        for (client, link) in self.links.iter().enumerate().filter(|(_, link)| **link != Link::PLAIN) {
            let Link { window_bytes, piece_bytes, latency } = link;
            writeln!(
                f,
                "client {client} reads {piece_bytes} B at a time, {latency:?} late, window of {window_bytes} B"
            )?;
        }
        self.deeds.iter().try_for_each(|deed| writeln!(f, "{deed}"))
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, client, what, settles, races } = self;
        let first_line = |bytes: &str| visible(bytes.as_bytes()).replace(" HTTP/1.1␍⏎Host: onbeat␍⏎␍⏎", "");
        let does = match what {
            What::Ask { bytes, cut: None, .. } => format!("sends {}", first_line(bytes)),
            What::Ask { bytes, cut: Some(cut), .. } => format!("sends {}, cut after {cut} bytes", first_line(bytes)),
            What::Garbage(bytes) => format!("sends garbage: {}", visible(bytes.as_bytes())),
            What::Pause => "reads no more".into(),
            What::Resume => "reads on".into(),
            What::Close => "closes (FIN)".into(),
            What::HalfClose => "sends no more (half-close)".into(),
            What::Reset => "resets (RST)".into(),
            What::ShutDown => "(nobody): the server is told to end".into(),
        };
        let first = if *races { ", before what is due then" } else { "" };
        let then = if *settles { "" } else { ", and at once:" };
        write!(f, "{at_ms:>9} ms  client {client} {does}{first}{then}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_follows_from_its_seed() {
        assert_eq!(History::new(7), History::new(7));
        assert_ne!(History::new(7).deeds, History::new(8).deeds);
    }

    #[test]
    fn deeds_are_in_order_and_in_time() {
        for seed in 0..500 {
            let history = History::new(seed);
            assert!(history.deeds.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms), "{history}");
            assert!(history.deeds.iter().all(|deed| deed.at_ms <= history.end_ms), "{history}");
            assert!(history.deeds.iter().all(|deed| deed.client < history.links.len()), "{history}");
        }
    }
}
