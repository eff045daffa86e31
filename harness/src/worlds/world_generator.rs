//! Makes the history of a seed.

use onbeat_server::random::{Random, Seed};

use super::client_request::RequestSource;
use super::world_history::{DrawnRequest, WorldHistory};
use crate::simulate::{Draws, Link, Operation, OperationKind};

/// The lengths of worlds below the greatest, in milliseconds.
const LENGTHS_MS: [u64; 4] = [2_000, 12_000, 35_000, 65_000];
/// How long a client waits before a return, in milliseconds: at once, or as browsers do.
const RETURNS_MS: [u64; 4] = [0, 1, 3000, 5000];
/// How many requests are a flood: more than the buffers of hyper and of a channel hold.
const FLOODS: [u32; 4] = [5, 20, 60, 120];
/// How many draws a flood looks for a request that writes.
const WRITES_SOUGHT: usize = 8;
/// Seeds of draws are short, since people copy them.
const DRAW_MAX: u64 = 1000;

impl WorldHistory {
    /// Returns the history of a seed, of at most `length_ms_max` without the jumps of time.
    pub(super) fn draw(seed: u64, sources: &[RequestSource], length_ms_max: u64) -> Self {
        let draws = Draws::new(Random::new(Seed(seed), u64::MAX, 0));
        let history = Self { seed, clients: Vec::new(), operations: Vec::new(), end_ms: 0 };
        let mut generator = WorldGenerator { draws, history, sources, meetings: [0; 2] };
        generator.generate(length_ms_max);
        generator.history
    }
}

/// Draws a history. Each change of the order of the draws changes the histories of all seeds.
struct WorldGenerator<'a> {
    draws: Draws,
    history: WorldHistory,
    sources: &'a [RequestSource],
    /// Times at which much happens.
    meetings: [u64; 2],
}

impl WorldGenerator<'_> {
    fn generate(&mut self, length_ms_max: u64) {
        let [a, b, c, d] = LENGTHS_MS;
        self.history.end_ms = self.draws.one_of(&[a, b, c, d, length_ms_max]).min(length_ms_max);
        self.meetings = [self.time(0), self.time(0)];
        // Draws up to 5 clients, and in one world of 20 up to 16.
        let clients = if self.draws.chance(20) { 1 + self.draws.below(16) } else { 1 + self.draws.below(5) };
        for _ in 0..clients {
            let joins = if self.draws.chance(3) { 0 } else { self.time(0) };
            let link = Link::draw(&mut self.draws, true);
            self.visit(link, joins);
        }
        self.history.operations.sort_by_key(|operation| operation.at_ms);
        if self.draws.chance(6) {
            self.jump();
        }
    }

    /// Draws a time not before `from`, often one at which timers fire, or other clients act.
    fn time(&mut self, from: u64) -> u64 {
        let meeting = self.draws.one_of(&self.meetings);
        if meeting >= from && self.draws.chance(3) {
            return meeting;
        }
        let left = self.history.end_ms.saturating_sub(from).max(1);
        let step = self.draws.one_of(&[1, 1, 50, 500, 1000, 5000, 15_000]);
        // Rounds down to a step, so that clients often act at the instants of common timers.
        (from + self.draws.below(left) / step * step).min(self.history.end_ms)
    }

    fn add(&mut self, at_ms: u64, client: usize, kind: OperationKind<DrawnRequest>) {
        let (settles, races) = (!self.draws.chance(3), self.draws.chance(4));
        self.history.operations.push(Operation { at_ms, client, kind, settles, races });
    }

    /// Adds so many requests of a source.
    fn request(&mut self, at_ms: u64, client: usize, source: usize, times: u32) {
        let draw = self.draws.below(DRAW_MAX);
        let cut = if self.draws.chance(6) { Some(1 + self.draws.index(60)) } else { None };
        self.add(at_ms, client, OperationKind::Request(DrawnRequest { source, draw, times, cut }));
    }

    fn source(&mut self) -> usize {
        self.draws.index(self.sources.len())
    }

    /// Draws a source of requests that write, if there seem to be any.
    fn writing_source(&mut self) -> usize {
        for _ in 0..WRITES_SOUGHT {
            let source = self.source();
            let mut draws = Draws::new(Random::new(Seed(self.draws.below(DRAW_MAX)), 0, 0));
            if self.sources[source](&mut draws).is_write() {
                return source;
            }
        }
        self.source()
    }

    /// Adds a client with a network, all of its operations, and its return.
    fn visit(&mut self, link: Link, joins: u64) {
        self.history.clients.push(link);
        let client = self.history.clients.len() - 1;
        let source = self.source();
        self.request(joins, client, source, 1);
        let mut last = joins;
        if self.draws.chance(3) {
            // Adds further requests, each sent only if the response before is complete.
            for _ in 0..=self.draws.below(3) {
                last = if self.draws.chance(3) { last } else { self.time(last) };
                let source = self.source();
                self.request(last, client, source, 1);
            }
        }
        if self.draws.chance(3) {
            self.pause(client, joins);
        }
        self.leave(client, source, last);
    }

    /// Lets a client stop reading, perhaps while another client sends a flood of requests.
    fn pause(&mut self, client: usize, from: u64) {
        let pauses = if self.draws.chance(2) { from } else { self.time(from) };
        self.add(pauses, client, OperationKind::Pause);
        if self.draws.chance(2) {
            // Narrows the window, so that the flood fills the buffers of the paused client.
            self.history.clients[client].window_bytes = self.draws.one_of(&[64, 1024]);
            self.history.clients.push(Link::PLAIN);
            let flooding = self.history.clients.len() - 1;
            let (source, times) = (self.writing_source(), self.draws.one_of(&FLOODS));
            self.request(pauses, flooding, source, times);
        }
        if !self.draws.chance(3) {
            let resumes = self.time(pauses);
            self.add(resumes, client, OperationKind::Resume);
        }
    }

    /// Perhaps lets a client leave, and come back.
    fn leave(&mut self, client: usize, source: usize, from: u64) {
        let breaks_off = self.history.clients[client].breaks_after.is_some();
        if !breaks_off && !self.draws.chance(2) {
            return;
        }
        let left = if self.draws.chance(4) { from } else { self.time(from) };
        let how = self.draws.one_of(&[OperationKind::Close, OperationKind::HalfClose, OperationKind::Reset]);
        self.add(left, client, how);
        let returns = left + self.draws.one_of(&RETURNS_MS);
        if self.draws.chance(2) && returns <= self.history.end_ms {
            // Gives the return the same network, which breaks off no more.
            let link = Link { again: Some(client), breaks_after: None, ..self.history.clients[client].clone() };
            self.history.clients.push(link);
            let again = self.history.clients.len() - 1;
            self.request(returns, again, source, 1);
        }
    }

    /// Adds a jump of time, and delays what would happen in the middle.
    fn jump(&mut self) {
        let ms = self.draws.one_of(&[1, 777, 5000, 30_000, 100_000]);
        let place = self.draws.index(self.history.operations.len() + 1);
        let at_ms = self.history.operations[..place].last().map_or(0, |operation| operation.at_ms);
        let jump = Operation { at_ms, client: 0, kind: OperationKind::Jump { ms }, settles: true, races: false };
        self.history.operations.insert(place, jump);
        let mut now = 0;
        for operation in &mut self.history.operations {
            operation.at_ms = operation.at_ms.max(now);
            now = operation.at_ms + operation.kind.lasts_ms();
        }
        self.history.end_ms = self.history.end_ms.max(now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::worlds::ClientRequest;

    fn histories(count: u64) -> impl Iterator<Item = WorldHistory> {
        histories_up_to(60_000, count)
    }

    fn histories_up_to(length_ms_max: u64, count: u64) -> impl Iterator<Item = WorldHistory> {
        (0..count).map(move |seed| {
            let sources: [RequestSource; 2] = [
                Box::new(|_| ClientRequest::get("/events")),
                Box::new(|draws| ClientRequest::post("/events").body(draws.below(9).to_string())),
            ];
            WorldHistory::draw(seed, &sources, length_ms_max)
        })
    }

    #[test]
    fn a_history_follows_from_its_seed_and_is_read_back_as_it_was_written() {
        for (history, again) in histories(200).zip(histories(200)) {
            assert_eq!(history, again);
            assert_eq!(WorldHistory::read(&history.write(), 2), Ok(history));
        }
    }

    #[test]
    fn some_histories_are_as_long_as_a_history_may_be() {
        for length_ms_max in [1000, 300_000, 7_200_000] {
            let has_jump = |history: &WorldHistory| {
                history.operations.iter().any(|operation| matches!(operation.kind, OperationKind::Jump { .. }))
            };
            let histories = histories_up_to(length_ms_max, 40).filter(|history| !has_jump(history));
            assert_eq!(histories.map(|history| history.end_ms).max(), Some(length_ms_max));
        }
    }

    #[test]
    fn two_hundred_histories_have_all_that_happens_to_a_client() {
        let mut seen = BTreeSet::new();
        for WorldHistory { clients, operations, .. } in histories(200) {
            for link in &clients {
                seen.extend((link.window_bytes == 64).then_some("little room"));
                seen.extend((link.piece_bytes == 100).then_some("small pieces"));
                seen.extend((link.latency_ms + link.jitter_ms > 0).then_some("late"));
                seen.extend((link.together_ms > 1).then_some("slow"));
                seen.extend(link.breaks_after.map(|_| "cut off at any byte"));
                seen.extend(link.again.map(|_| "back"));
            }
            for operation in &operations {
                seen.extend(operation.races.then_some("a race"));
                seen.insert(match &operation.kind {
                    OperationKind::Request(DrawnRequest { times: 120, source: 1, .. }) => "a flood",
                    OperationKind::Request(DrawnRequest { cut: Some(_), .. }) => "a cut request",
                    OperationKind::Request(_) => "a request",
                    OperationKind::Pause => "a pause",
                    OperationKind::Resume => "a resumption",
                    OperationKind::Close => "FIN",
                    OperationKind::HalfClose => "half-close",
                    OperationKind::Reset => "RST",
                    OperationKind::Jump { .. } => "a jump",
                    OperationKind::Garbage(_) | OperationKind::ShutDown => unreachable!("never drawn"),
                });
            }
        }
        assert_eq!(seen.len(), 16, "{seen:?}");
    }
}
