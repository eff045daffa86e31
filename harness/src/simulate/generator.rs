//! The workload generator: makes the history of a seed.

use onbeat_server::random::{Random, Seed};

use super::draws::Draws;
use super::history::{GARBAGE, History};
use super::link::Link;
use super::operation::{Operation, OperationKind};
use super::resource::{LONG, Manner, Message, Resource, ResourceRequest, TEXTS};
use crate::replay::Stream;

/// The greatest number of clients at the beginning.
const CLIENTS_MAX: u64 = 64;
/// How long a client waits before the return: the `retry` of `/sse-data`.
const RETRY_MS: u64 = 5000;
/// How long `/sse-data` lasts.
const SSE_DATA_MS: u64 = 20_000;

impl History {
    /// Returns the history of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Takes an ordinal that no connection of the world has.
        let draws = Draws::new(Random::new(Seed(seed), u64::MAX, 0));
        let (clients, operations) = (Vec::new(), Vec::new());
        let history = Self { seed, mailbox_events_max: 0, connections_max: 0, clients, operations, end_ms: 0 };
        let mut generator = Generator { draws, history, messages: 0, meetings: [0; 3], long: false };
        generator.generate();
        generator.history
    }
}

/// Draws a history from random numbers. Each change of the order of the draws changes the histories of all seeds.
struct Generator {
    draws: Draws,
    history: History,
    /// How many messages have a number.
    messages: usize,
    /// Times at which much happens.
    meetings: [u64; 3],
    /// Whether messages are long: the buffers of clients that do not read are full soon.
    long: bool,
}

impl Generator {
    fn below(&mut self, end: u64) -> u64 {
        self.draws.below(end)
    }

    fn index(&mut self, end: usize) -> usize {
        self.draws.index(end)
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.draws.chance(one_in)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        self.draws.one_of(choices)
    }

    /// Draws a time not before `from`; often a time at which timers fire, or other clients act.
    fn time(&mut self, from: u64) -> u64 {
        let meetings = self.meetings;
        let meeting = self.one_of(&meetings);
        if meeting >= from && self.chance(3) {
            return meeting;
        }
        let left = self.history.end_ms.saturating_sub(from).max(1);
        let step = self.one_of(&[1, 1, 50, 200, 1000, 1500, 30_000]);
        (from + self.below(left) / step * step).min(self.history.end_ms)
    }

    fn generate(&mut self) {
        self.history.end_ms = self.one_of(&[2_000, 12_000, 65_000, 95_000, 300_000, 3_600_000]);
        let (first, second) = (self.time(0), self.time(0));
        // Puts the third time at a heartbeat of a client that joins `/sse` at the first time.
        let third = first + 30_000 * (1 + self.below(3));
        self.meetings = [first, second, if third <= self.history.end_ms { third } else { first }];
        self.long = self.chance(8);
        let clients = if self.chance(30) { 1 + self.below(CLIENTS_MAX) } else { 1 + self.below(8) };
        for _ in 0..clients {
            self.client();
        }
        // Sorts first, since operations on the world are placed among the operations of clients.
        self.history.operations.sort_by_key(|operation| operation.at_ms);
        if self.chance(6) {
            let ms = self.one_of(&[1, 777, 5000, 30_000, 100_000, 1_000_000]);
            self.add_to_world(OperationKind::Jump { ms });
        }
        if self.chance(16) {
            self.add_to_world(OperationKind::ShutDown);
        }
        self.delay_behind_jumps();
        // Draws small mailboxes more often with long messages, which fill the buffers before the mailbox.
        let mailboxes = if self.long { [1024, 8, 2, 2, 1, 1] } else { [1024, 1024, 1024, 1, 2, 8] };
        self.history.mailbox_events_max = self.one_of(&mailboxes);
        self.history.connections_max = if self.chance(10) { 1 + self.index(4) } else { 65_536 };
        if self.history.connections_max < self.history.clients.len() {
            // Widens the windows, since the server does not read from waiting clients, and no client must wait for room.
            self.history.clients.iter_mut().for_each(|link| link.window_bytes = 1 << 20);
        }
    }

    /// Adds an operation on the world, at any time, or close to an operation of a client.
    fn add_to_world(&mut self, kind: OperationKind) {
        let near = self.index(self.history.operations.len());
        let near_ms = self.history.operations[near].at_ms;
        let at_ms = match self.below(3) {
            0 => self.below(self.history.end_ms),
            1 => near_ms,
            // Takes a time at which a write of a stream may be due.
            _ => (near_ms + self.one_of(&[50, 1000, 1500, 30_000]) * (1 + self.below(5))).min(self.history.end_ms),
        };
        let earlier = |operation: &Operation| operation.at_ms <= at_ms;
        // Inserts behind all operations of the same time.
        let place = self.history.operations.iter().rposition(earlier).map_or(0, |last| last + 1);
        if self.chance(2)
            && let Some(before) = self.history.operations[..place].last_mut()
        {
            // Lets the operation before race with the operation on the world.
            before.settles = false;
        }
        let races = self.chance(2) && kind == OperationKind::ShutDown;
        let settles = !self.chance(3) || kind != OperationKind::ShutDown;
        self.history.operations.insert(place, Operation { at_ms, client: 0, kind, settles, races });
    }

    /// Delays operations until the end of a jump: no client acts while time jumps.
    fn delay_behind_jumps(&mut self) {
        let mut now = 0;
        for operation in &mut self.history.operations {
            operation.at_ms = operation.at_ms.max(now);
            if let OperationKind::Jump { ms } = operation.kind {
                operation.races = false;
                now = operation.at_ms + ms;
            }
        }
        self.history.end_ms = self.history.end_ms.max(now);
    }

    fn add_client(&mut self, link: Link) -> usize {
        self.history.clients.push(link);
        self.history.clients.len() - 1
    }

    /// Adds the return of a client.
    fn add_return(&mut self, client: usize) -> usize {
        self.add_client(Link { again: Some(client), breaks_after: None, ..self.history.clients[client].clone() })
    }

    /// Adds a client with all operations, and the return of the client.
    fn client(&mut self) {
        let joins = if self.chance(3) { 0 } else { self.time(0) };
        let link = Link::draw(&mut self.draws, self.long);
        let client = self.add_client(link);
        // Draws, of 12 clients, 5 of the channel, 3 of other streams, 3 publishers, and a sender of garbage.
        match self.below(12) {
            0..5 => self.listen(client, joins),
            5..8 => self.stream(client, joins),
            8..11 => self.publish_now_and_then(client, joins),
            _ => self.send_garbage(client, joins),
        }
    }

    fn add(&mut self, at_ms: u64, client: usize, kind: OperationKind) {
        let (settles, races) = (!self.chance(3), self.chance(2));
        self.history.operations.push(Operation { at_ms, client, kind, settles, races });
    }

    fn request(&mut self, at_ms: u64, client: usize, resource: Resource) {
        let cut = if self.chance(6) { Some(self.index(60)) } else { None };
        let manner = match self.below(24) {
            0 => Manner::Head,
            1 => Manner::Close,
            2 => Manner::Old,
            _ => Manner::Get,
        };
        self.add(at_ms, client, OperationKind::Request(ResourceRequest { resource, manner, cut }));
    }

    /// Adds so many requests that publish events.
    fn publish(&mut self, at_ms: u64, client: usize, count: u64) {
        for _ in 0..count {
            let event = self.event();
            self.request(at_ms, client, event);
        }
    }

    fn listen(&mut self, client: usize, joins: u64) {
        self.request(joins, client, Resource::channel());
        if self.chance(4) {
            // Sends requests behind a stream without end, which are never executed.
            let at = self.time(joins);
            let count = self.one_of(&[1, 2, 4, 13]);
            self.publish(at, client, count);
        }
        if self.chance(if self.long { 2 } else { 5 }) {
            let pauses = if self.chance(2) { joins } else { self.time(joins) };
            self.add(pauses, client, OperationKind::Pause);
            if self.long && self.chance(2) {
                self.flood(client, pauses);
            }
            if !self.chance(3) {
                let resumes = self.time(pauses);
                self.add(resumes, client, OperationKind::Resume);
            }
        }
        if let Some(left) = self.leave(client, joins)
            && self.chance(3)
            && left + RETRY_MS < self.history.end_ms
        {
            let again = self.add_return(client);
            self.listen(again, left + RETRY_MS);
        }
    }

    /// Adds a client that publishes more than the buffers and the mailbox of a stuck client hold.
    fn flood(&mut self, stuck: usize, from: u64) {
        // Narrows the window, so that the buffers are full soon.
        self.history.clients[stuck].window_bytes = 1024;
        let client = self.add_client(Link::PLAIN);
        // Fills the buffers with long messages, so that later events wait in the mailbox.
        for _ in 0..8 {
            self.messages += 1;
            self.request(from, client, Resource::Broadcast(Message { number: self.messages, text: LONG }));
        }
        let count = self.below(12);
        self.publish(from, client, count);
    }

    fn stream(&mut self, client: usize, joins: u64) {
        let stream = self.one_of(&Stream::all().filter(|stream| stream.ends()).collect::<Vec<_>>());
        self.request(joins, client, Resource::Stream(stream));
        let mut last = joins;
        if self.chance(2) {
            // Sends requests behind the stream, or after the end.
            for _ in 0..=self.one_of(&[0, 0, 1, 4]) {
                last = if self.chance(2) { last } else { self.time(last) };
                let resource = match self.below(4) {
                    0 => Resource::Nothing,
                    1 => Resource::Stream(self.one_of(&Stream::all().collect::<Vec<_>>())),
                    2 => Resource::channel(),
                    _ => self.event(),
                };
                self.request(last, client, resource);
            }
        }
        // Lets a client come back that sees the whole of `/sse-data`, as `retry` asks.
        let left = self.leave(client, last);
        let returns = joins + SSE_DATA_MS + RETRY_MS;
        if stream.name() == "sse-data" && left.is_none() && last == joins && returns < self.history.end_ms {
            let again = self.add_return(client);
            self.add(returns, client, OperationKind::Close);
            self.request(returns, again, Resource::Stream(stream));
        }
    }

    fn event(&mut self) -> Resource {
        self.messages += 1;
        let text = if self.long && self.chance(2) { LONG } else { self.index(TEXTS.len()) };
        let message = Message { number: self.messages, text };
        match self.below(3) {
            0 => Resource::Comment,
            1 => Resource::Heartbeat(message),
            _ => Resource::Broadcast(message),
        }
    }

    fn publish_now_and_then(&mut self, client: usize, joins: u64) {
        let mut at = joins;
        for _ in 0..=self.below(4) {
            let count = self.one_of(&[1, 1, 2, 6, 21]);
            self.publish(at, client, count);
            at = self.time(at);
        }
        self.leave(client, at);
    }

    fn send_garbage(&mut self, client: usize, joins: u64) {
        let garbage = self.one_of(&GARBAGE);
        self.add(joins, client, OperationKind::Garbage(garbage.into()));
        self.leave(client, joins);
    }

    /// Perhaps has a client leave; returns when.
    fn leave(&mut self, client: usize, from: u64) -> Option<u64> {
        if !self.chance(2) {
            return None;
        }
        let at = if self.chance(4) { from } else { self.time(from) };
        let how = match self.below(3) {
            0 => OperationKind::Close,
            1 => OperationKind::HalfClose,
            _ => OperationKind::Reset,
        };
        self.add(at, client, how);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_follows_from_its_seed() {
        assert_eq!(History::new(7), History::new(7));
        assert_ne!(History::new(7).operations, History::new(8).operations);
    }

    #[test]
    fn operations_are_in_order_and_in_time() {
        for seed in 0..500 {
            let history = History::new(seed);
            assert!(history.operations.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms), "{history}");
            assert!(history.operations.iter().all(|operation| operation.at_ms <= history.end_ms), "{history}");
            assert!(history.operations.iter().all(|operation| operation.client < history.clients.len()), "{history}");
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
