//! Plays the exchanges of recordings on an application in a lab: each request, and each leave, at its recorded time.

use std::collections::BTreeMap;
use std::time::Duration;

use onbeat_wire::{Instant, whole_ms};

use super::compare::CompareRules;
use super::contract::{RecordingContract, requests};
use super::facts::{ResponseFacts, SeenResponse};
use super::request::MoreHeaders;
use super::results::PlayedExchange;
use super::schedule::{PlannedExchange, Round};
use crate::check::ExtraHeaders;
use crate::lab::{Client, Lab};
use crate::record::LabExchange;

/// Plays recordings on an application in a lab.
pub(super) struct LabPlayer<'p> {
    pub(super) lab: &'p Lab,
    pub(super) contracts: &'p [RecordingContract],
    /// Further headers: in place of what the recorder left out, or else for all requests.
    pub(super) headers: &'p ExtraHeaders,
    pub(super) rules: CompareRules,
    /// How long each response is watched, if that was asked for.
    pub(super) watched: Option<Duration>,
}

/// A step of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ClientStep {
    /// When, in milliseconds since the beginning of the round.
    at_ms: u64,
    /// The line of the recording: steps of the same time come in the order of their lines.
    place: (usize, usize),
    /// The exchange in the round, by index.
    exchange: usize,
    does: StepKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StepKind {
    /// Sends the request.
    Send,
    /// Leaves, unless the response has ended.
    Leave,
}

/// A connection of a recording: by recording, and by the number there, or by the exchange that has the connection alone.
type ConnectionKey = (usize, Option<u64>, usize);

/// The clients of a round, and the place of each exchange that was sent.
#[derive(Default)]
struct RoundClients {
    clients: BTreeMap<ConnectionKey, Client>,
    /// For each exchange of the round, the connection, and the ordinal of the request there.
    sent: BTreeMap<usize, (ConnectionKey, usize)>,
}

impl LabPlayer<'_> {
    /// Plays a round, and returns what came, when all clients have left.
    pub(super) async fn round(&self, round: &Round) -> Vec<PlayedExchange> {
        let (start, mut clients) = (self.lab.now(), RoundClients::default());
        for step in self.steps(round) {
            let planned = &round[step.exchange];
            // Makes only a future: no time passes until the future is awaited.
            let due = self.lab.advance_to(start + Duration::from_millis(step.at_ms));
            match step.does {
                StepKind::Send => {
                    due.await;
                    self.send(step.exchange, planned, &mut clients).await;
                }
                // Waits only for as long as the response is open.
                StepKind::Leave => tokio::select! {
                    biased;
                    () = clients.answered(step.exchange) => {}
                    () = due => clients.leave(step.exchange).await,
                },
            }
        }
        let now = Instant::EPOCH + self.lab.now();
        let seen = round.iter().enumerate().map(|(number, planned)| {
            let (client, ordinal) = clients.of(number).expect("each exchange of a round is sent");
            let watched_ms = whole_ms(self.watched(round, planned));
            played(*planned, watched_ms, client, ordinal, now)
        });
        // Reads all logs before the first client closes: a close adds an end to an open response.
        let seen = seen.collect();
        for client in clients.clients.values() {
            client.close().await;
        }
        seen
    }

    /// Returns the steps of all clients in their order.
    fn steps(&self, round: &Round) -> Vec<ClientStep> {
        let mut steps: Vec<ClientStep> = Vec::new();
        for (number, planned) in round.iter().enumerate() {
            let (_, recorded) = planned.of(self.contracts);
            // Sorts a leave without a recorded line behind all lines of the same time.
            let end = recorded.response.end.map_or(usize::MAX, |end| end.line);
            let leave_ms = planned.start_ms + whole_ms(self.watched(round, planned));
            let step =
                |at_ms, line, does| ClientStep { at_ms, place: (planned.contract, line), exchange: number, does };
            steps.push(step(planned.start_ms, recorded.line, StepKind::Send));
            steps.push(step(leave_ms, end, StepKind::Leave));
        }
        steps.sort_unstable();
        steps
    }

    /// Returns how long a response is watched at most.
    fn watched(&self, round: &Round, planned: &PlannedExchange) -> Duration {
        let (contract, recorded) = planned.of(self.contracts);
        let length = Duration::from_millis(recorded.response.length_ms());
        let tolerance = if contract.has_exact_times { Duration::ZERO } else { self.rules.times.tolerance };
        let response = &recorded.response;
        // Leaves an endless response at the recorded time, unless no step follows.
        let leaves = response.is_endless() && contract.has_exact_times && !self.is_last(round, planned);
        let usual = if leaves { length } else { response.usual_watch(length, tolerance) };
        response.watch(usual, self.watched)
    }

    /// Returns whether nothing follows the end of an exchange. Before that a client leaves at the recorded time, since others
    /// may see the leave.
    fn is_last(&self, round: &Round, planned: &PlannedExchange) -> bool {
        let end_ms = |planned: &PlannedExchange| planned.start_ms + planned.of(self.contracts).1.response.length_ms();
        let line = |planned: &PlannedExchange| planned.of(self.contracts).1.response.end.map_or(0, |end| end.line);
        let end = (end_ms(planned), planned.contract, line(planned));
        let begins = |other: &PlannedExchange| (other.start_ms, other.contract, other.of(self.contracts).1.line);
        round.iter().all(|other| end_ms(other) <= end.0 && begins(other) <= end)
    }

    /// Sends the request of an exchange on its connection.
    async fn send(&self, number: usize, planned: &PlannedExchange, clients: &mut RoundClients) {
        let (_, recorded) = planned.of(self.contracts);
        // Gives each exchange without a recorded connection a connection of its own.
        let alone = if recorded.connection.is_none() { planned.exchange } else { 0 };
        let key = (planned.contract, recorded.connection, alone);
        let client = clients.clients.entry(key).or_insert_with(|| self.lab.client());
        let request = &recorded.request;
        let headers = MoreHeaders::of(self.headers, requests(self.contracts));
        let ordinal = client.send_request(&request.method, request.in_lab(&headers)).await;
        clients.sent.insert(number, (key, ordinal));
    }
}

impl RoundClients {
    /// Returns the client of an exchange, and the ordinal of the request on the connection.
    fn of(&self, exchange: usize) -> Option<(&Client, usize)> {
        let (key, ordinal) = self.sent.get(&exchange)?;
        Some((self.clients.get(key)?, *ordinal))
    }

    /// Waits until no more comes of the response.
    async fn answered(&self, exchange: usize) {
        if let Some((client, ordinal)) = self.of(exchange) {
            client.answered(ordinal).await;
        }
    }

    async fn leave(&self, exchange: usize) {
        if let Some((client, _)) = self.of(exchange) {
            client.close().await;
        }
    }
}

/// Returns what came of an exchange.
fn played(planned: PlannedExchange, watched_ms: u64, client: &Client, ordinal: usize, now: Instant) -> PlayedExchange {
    let Some(LabExchange { lines, began, broken, .. }) = LabExchange::of(&client.ordered_log(), ordinal, now) else {
        let trouble = Some("the client had left before".to_owned());
        let seen = SeenResponse { facts: ResponseFacts::default(), began: now, trouble };
        return PlayedExchange { planned, seen, lines: Vec::new(), watched_ms };
    };
    let facts = ResponseFacts::of(&lines);
    let failed = client.failure(ordinal).map(|why| format!("the application failed: {why}"));
    let trouble = if facts.head.is_none() { failed.or(broken) } else { broken };
    PlayedExchange { planned, seen: SeenResponse { facts, began, trouble }, lines, watched_ms }
}
