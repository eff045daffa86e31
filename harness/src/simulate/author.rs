//! The author: makes up the history of a seed.

use onbeat_server::random::{Random, Seed};

use super::history::{Asked, Deed, GARBAGE, History, LONG, Link, Manner, Message, TEXTS, What};
use crate::replay::Stream;

/// The greatest number of clients that begin.
const CLIENTS_MAX: u64 = 64;
/// How long a client waits before it comes back: what `/sse-data` asks for with its `retry`.
const RETRY_MS: u64 = 5000;
/// How long `/sse-data` lasts.
const SSE_DATA_MS: u64 = 20_000;

impl History {
    /// The history of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // No connection of the world has this ordinal.
        let random = Random::new(Seed(seed), u64::MAX, 0);
        let mut author = Author {
            random,
            clients: Vec::new(),
            deeds: Vec::new(),
            messages: 0,
            end_ms: 0,
            meetings: [0; 3],
            long: false,
        };
        author.write();
        let mailboxes = if author.long { [1024, 8, 2, 2, 1, 1] } else { [1024, 1024, 1024, 1, 2, 8] };
        let mailbox_events_max = author.one_of(&mailboxes);
        let connections_max = if author.chance(10) { 1 + author.index(4) } else { 65_536 };
        let Author { mut clients, deeds, end_ms, .. } = author;
        if connections_max < clients.len() {
            // Nobody reads what those send who wait, and sending must not wait.
            for link in &mut clients {
                link.window_bytes = 1 << 20;
            }
        }
        Self { seed, mailbox_events_max, connections_max, clients, deeds, end_ms }
    }
}

/// Makes up a history.
struct Author {
    random: Random,
    clients: Vec<Link>,
    deeds: Vec<Deed>,
    messages: usize,
    end_ms: u64,
    /// Times at which much happens.
    meetings: [u64; 3],
    /// Messages are long, so that the buffers of those who do not read are full soon.
    long: bool,
}

impl Author {
    fn below(&mut self, end: u64) -> u64 {
        self.random.next_below(end)
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or_default()
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// A time from then on; often one at which timers fire, or others do something.
    fn time(&mut self, from: u64) -> u64 {
        let meeting = self.one_of(&self.meetings.clone());
        if meeting >= from && self.chance(3) {
            return meeting;
        }
        let left = self.end_ms.saturating_sub(from).max(1);
        let step = self.one_of(&[1, 1, 50, 200, 1000, 1500, 30_000]);
        (from + self.below(left) / step * step).min(self.end_ms)
    }

    fn write(&mut self) {
        self.end_ms = self.one_of(&[2_000, 12_000, 65_000, 95_000, 300_000, 3_600_000]);
        let (first, second) = (self.time(0), self.time(0));
        // Where somebody joins /sse at the first, it hears a heartbeat at the third.
        let third = first + 30_000 * (1 + self.below(3));
        self.meetings = [first, second, if third <= self.end_ms { third } else { first }];
        self.long = self.chance(8);
        let clients = if self.chance(30) { 1 + self.below(CLIENTS_MAX) } else { 1 + self.below(8) };
        for _ in 0..clients {
            self.client();
        }
        self.deeds.sort_by_key(|deed| deed.at_ms);
        if self.chance(6) {
            let ms = self.one_of(&[1, 777, 5000, 30_000, 100_000, 1_000_000]);
            self.happen(What::Jump { ms });
        }
        if self.chance(16) {
            self.happen(What::ShutDown);
        }
        self.jump();
    }

    /// Something that happens to the world: at some time, or right behind something that a client does.
    fn happen(&mut self, what: What) {
        let behind = self.index(self.deeds.len());
        let deed = self.deeds[behind].at_ms;
        let at_ms = match self.below(3) {
            0 => self.below(self.end_ms),
            1 => deed,
            // When a stream that was asked for then has something due.
            _ => (deed + self.one_of(&[50, 1000, 1500, 30_000]) * (1 + self.below(5))).min(self.end_ms),
        };
        let place = self.deeds.iter().rposition(|deed| deed.at_ms <= at_ms).map_or(0, |last| last + 1);
        if self.chance(2)
            && let Some(before) = self.deeds[..place].last_mut()
        {
            before.settles = false;
        }
        let races = self.chance(2) && what == What::ShutDown;
        let settles = !self.chance(3) || what != What::ShutDown;
        self.deeds.insert(place, Deed { at_ms, client: 0, what, settles, races });
    }

    /// Nobody does anything while time jumps.
    fn jump(&mut self) {
        let mut now = 0;
        for deed in &mut self.deeds {
            deed.at_ms = deed.at_ms.max(now);
            if let What::Jump { ms } = deed.what {
                deed.races = false;
                now = deed.at_ms + ms;
            }
        }
        self.end_ms = self.end_ms.max(now);
    }

    fn connection(&mut self, link: Link) -> usize {
        self.clients.push(link);
        self.clients.len() - 1
    }

    fn link(&mut self) -> Link {
        if self.chance(2) {
            return Link::PLAIN;
        }
        let pieces = if self.long { [4096, 4096, 1000, 100] } else { [4096, 1, 3, 17] };
        Link {
            window_bytes: self.one_of(&[64 * 1024, 64 * 1024, 1024, 64]),
            piece_bytes: self.one_of(&pieces),
            latency_ms: self.one_of(&[0, 0, 1, 40, 1000]),
            jitter_ms: self.one_of(&[0, 0, 1, 300]),
            together_ms: self.one_of(&[1, 1, 1, 100, 1000]),
            breaks_after: if self.chance(8) { Some(self.index(2000)) } else { None },
            again: None,
        }
    }

    /// All that one client does, and what it does when it has come back.
    fn client(&mut self) {
        let joins = if self.chance(3) { 0 } else { self.time(0) };
        let link = self.link();
        let client = self.connection(link);
        match self.below(12) {
            0..5 => self.listen(client, joins),
            5..8 => self.stream(client, joins),
            8..11 => self.send_events(client, joins),
            _ => self.break_things(client, joins),
        }
    }

    fn deed(&mut self, at_ms: u64, client: usize, what: What) {
        let (settles, races) = (!self.chance(3), self.chance(2));
        self.deeds.push(Deed { at_ms, client, what, settles, races });
    }

    fn ask(&mut self, at_ms: u64, client: usize, asked: Asked) {
        let cut = if self.chance(6) { Some(self.index(60)) } else { None };
        let manner = match self.below(24) {
            0 => Manner::Head,
            1 => Manner::Close,
            2 => Manner::Old,
            _ => Manner::Get,
        };
        self.deed(at_ms, client, What::Ask { asked, manner, cut });
    }

    fn listen(&mut self, client: usize, joins: u64) {
        self.ask(joins, client, Asked::listening());
        if self.chance(4) {
            // Behind a stream that never ends: sent all the same, and never executed.
            let at = self.time(joins);
            for _ in 0..=self.one_of(&[0, 1, 3, 12]) {
                let event = self.event();
                self.ask(at, client, event);
            }
        }
        if self.chance(if self.long { 2 } else { 5 }) {
            let pauses = if self.chance(2) { joins } else { self.time(joins) };
            self.deed(pauses, client, What::Pause);
            if self.long && self.chance(2) {
                self.flood(client, pauses);
            }
            if !self.chance(3) {
                let resumes = self.time(pauses);
                self.deed(resumes, client, What::Resume);
            }
        }
        if let Some(left) = self.leave(client, joins)
            && self.chance(3)
            && left + RETRY_MS < self.end_ms
        {
            let link = Link { again: Some(client), breaks_after: None, ..self.clients[client].clone() };
            let again = self.connection(link);
            self.listen(again, left + RETRY_MS);
        }
    }

    /// Another client sends more than fits into the buffers of one that does not read, and its mailbox.
    fn flood(&mut self, stuck: usize, from: u64) {
        self.clients[stuck].window_bytes = 1024;
        let client = self.connection(Link::PLAIN);
        for _ in 0..8 {
            self.messages += 1;
            self.ask(from, client, Asked::Broadcast(Message { number: self.messages, text: LONG }));
        }
        for _ in 0..self.below(12) {
            let event = self.event();
            self.ask(from, client, event);
        }
    }

    fn stream(&mut self, client: usize, joins: u64) {
        let stream = self.one_of(&Stream::all().filter(|stream| stream.ends()).collect::<Vec<_>>());
        self.ask(joins, client, Asked::Stream(stream));
        let mut last = joins;
        if self.chance(2) {
            // Behind the stream, or after it.
            for _ in 0..=self.one_of(&[0, 0, 1, 4]) {
                last = if self.chance(2) { last } else { self.time(last) };
                let asked = match self.below(4) {
                    0 => Asked::Nothing,
                    1 => Asked::Stream(self.one_of(&Stream::all().collect::<Vec<_>>())),
                    2 => Asked::listening(),
                    _ => self.event(),
                };
                self.ask(last, client, asked);
            }
        }
        let left = self.leave(client, last);
        let over = joins + SSE_DATA_MS;
        if stream.name() == "sse-data" && left.is_none() && last == joins && over + RETRY_MS < self.end_ms {
            let link = Link { again: Some(client), breaks_after: None, ..self.clients[client].clone() };
            let again = self.connection(link);
            self.deed(over + RETRY_MS, client, What::Close);
            self.ask(over + RETRY_MS, again, Asked::Stream(stream));
        }
    }

    fn event(&mut self) -> Asked {
        self.messages += 1;
        let text = if self.long && self.chance(2) { LONG } else { self.index(TEXTS.len()) };
        let message = Message { number: self.messages, text };
        match self.below(3) {
            0 => Asked::Comment,
            1 => Asked::Heartbeat(message),
            _ => Asked::Broadcast(message),
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
        let garbage = self.one_of(&GARBAGE);
        self.deed(joins, client, What::Garbage(garbage.into()));
        self.leave(client, joins);
    }

    /// Leaves, or not; tells when.
    fn leave(&mut self, client: usize, from: u64) -> Option<u64> {
        if !self.chance(2) {
            return None;
        }
        let at = if self.chance(4) { from } else { self.time(from) };
        let how = match self.below(3) {
            0 => What::Close,
            1 => What::HalfClose,
            _ => What::Reset,
        };
        self.deed(at, client, how);
        Some(at)
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
            assert!(history.deeds.iter().all(|deed| deed.client < history.clients.len()), "{history}");
        }
    }

    #[test]
    fn a_history_is_read_back_as_it_was_written() {
        for seed in 0..100 {
            let history = History::new(seed);
            let json = serde_json::to_string(&history).expect("JSON");
            assert_eq!(serde_json::from_str::<History>(&json).expect("a history"), history);
        }
    }
}
