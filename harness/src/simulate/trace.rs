//! The trace of failed worlds, as `onbeat simulate --trace` writes it: a line with a history, then lines with the seen
//! responses of the clients. A history can be played again, if it is possible.

use std::collections::BTreeSet;

use onbeat_wire::jsonl::{self, Problem, WrongLine, ensure, within};
use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{Line, Notes};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::history::{GARBAGE, History};
use super::link::Link;
use super::operation::{Operation, OperationKind};
use super::resource::{LONG, Resource, ResourceRequest};
use crate::player::ClientLog;

/// The bounds of a history, with room beyond those of the generator. Within these bounds the model knows the invariants.
const CLIENTS_MAX: usize = 512;
const OPERATIONS_MAX: usize = 4096;
const END_MS_MAX: u64 = 86_400_000;
const MAILBOX_EVENTS_MAX: u64 = 65_536;
const CONNECTIONS_MAX: u64 = 65_536;
const WINDOW_BYTES_MAX: u64 = 1 << 20;
const PIECE_BYTES_MAX: u64 = 1 << 16;
const BREAKS_AFTER_MAX: u64 = 1 << 20;
const NUMBER_MAX: u64 = 1 << 32;
/// A client sends no more than this behind a stream: the server reads only so much ahead.
const BEHIND_BYTES_MAX: usize = 48 * 1024;
/// The delays of a network end before the world does.
const DELAY_MS_MAX: u64 = 1000;

/// The number of the client of a line.
#[derive(Serialize, Deserialize)]
struct ClientNumber {
    client: usize,
}

impl Notes for ClientNumber {
    const KEYS: &'static [&'static str] = &["client"];
}

/// Returns the seen responses of all clients, each line with the number of the client.
pub(super) fn responses(logs: Vec<ClientLog>) -> String {
    let of_client = |(client, log): (usize, ClientLog)| -> String {
        let entries = log.into_transcript().entries;
        let lines = entries.iter().map(Line::from).map(|Line { t_ms, exchange, fact, .. }| {
            to_json(&Line { t_ms, exchange, fact, notes: ClientNumber { client } }) + "\n"
        });
        lines.collect()
    };
    logs.into_iter().enumerate().map(of_client).collect()
}

impl Failure {
    /// Returns the lines of the failure in a trace.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        let line = serde_json::json!({ "violation": self.violation, "history": self.history });
        format!("{line}\n{}", self.responses)
    }
}

/// The keys of a line that tell a trace from other files.
#[derive(Deserialize)]
struct TraceLine {
    history: Option<History>,
    client: Option<IgnoredAny>,
    kind: Option<IgnoredAny>,
}

/// Reads the histories in a trace.
///
/// # Errors
///
/// If a line belongs to no trace, or an edited history is impossible.
pub fn histories(text: &str) -> Result<Vec<History>, WrongLine> {
    let mut histories = Vec::new();
    for (number, line) in jsonl::lines(text) {
        histories.extend(history(line).map_err(|wrong| wrong.at(number))?);
    }
    Ok(histories)
}

fn history(line: &str) -> Result<Option<History>, Problem> {
    let TraceLine { history, client, kind } = jsonl::read(line)?;
    if history.is_none() && (client.is_none() || kind.is_none()) {
        return Err(Problem::line("a line of a trace: a history, or what a client saw"));
    }
    history.as_ref().map_or(Ok(()), check)?;
    Ok(history)
}

/// Checks that a history is possible.
pub(super) fn check(history: &History) -> Result<(), Problem> {
    let History { seed: _, mailbox_events_max, connections_max, clients, operations, end_ms } = history;
    within("history.mailbox_events_max", *mailbox_events_max, 1..=MAILBOX_EVENTS_MAX)?;
    within("history.connections_max", *connections_max as u64, 1..=CONNECTIONS_MAX)?;
    within("history.end_ms", *end_ms, 0..=END_MS_MAX)?;
    for (field, count, max) in [("clients", clients.len(), CLIENTS_MAX), ("deeds", operations.len(), OPERATIONS_MAX)] {
        ensure(count <= max, format!("history.{field}"), format_args!("at most {max} {field}, got {count}"))?;
    }
    for (number, link) in clients.iter().enumerate() {
        check_link(number, link)?;
    }
    check_operations(history)?;
    (0..clients.len()).try_for_each(|client| check_client(history, client))
}

fn check_link(number: usize, link: &Link) -> Result<(), Problem> {
    let Link { window_bytes, piece_bytes, latency_ms, jitter_ms, together_ms, breaks_after, again } = link;
    let field = |name| format!("history.clients[{number}].{name}");
    within(field("window_bytes"), *window_bytes as u64, 1..=WINDOW_BYTES_MAX)?;
    within(field("piece_bytes"), *piece_bytes as u64, 1..=PIECE_BYTES_MAX)?;
    within(field("latency_ms"), *latency_ms, 0..=DELAY_MS_MAX)?;
    within(field("jitter_ms"), *jitter_ms, 0..=DELAY_MS_MAX)?;
    within(field("together_ms"), *together_ms, 1..=DELAY_MS_MAX)?;
    within(field("breaks_after"), breaks_after.unwrap_or_default() as u64, 0..=BREAKS_AFTER_MAX)?;
    let again = again.filter(|again| *again >= number);
    ensure(again.is_none(), field("again"), format_args!("a client before this one, got {}", again.unwrap_or_default()))
}

/// Checks each operation, and that operations are in the order of time: no client acts while time jumps.
fn check_operations(history: &History) -> Result<(), Problem> {
    let mut now = 0;
    let mut numbers = BTreeSet::new();
    let mut is_over = false;
    for (number, Operation { at_ms, client, kind, races, .. }) in history.operations.iter().enumerate() {
        let field = |name| format!("history.deeds[{number}].{name}");
        within(field("at_ms"), *at_ms, now..=history.end_ms.max(now))?;
        now = *at_ms;
        let count = history.clients.len();
        let expected = format_args!("the number of a client, below {count}, got {client}");
        ensure(kind.is_of_the_world() || *client < count, field("client"), expected)?;
        match kind {
            OperationKind::Jump { ms } => {
                within(field("what.Jump.ms"), *ms, 1..=history.end_ms.saturating_sub(now).max(1))?;
                now += ms;
                ensure(!races, field("races"), "false, since time jumps when all is over")?;
            }
            OperationKind::ShutDown => {
                ensure(!std::mem::replace(&mut is_over, true), field("what"), "no second shutdown")?;
            }
            OperationKind::Garbage(bytes) => {
                let is_known = GARBAGE.contains(&bytes.as_str());
                ensure(is_known, field("what.Garbage"), format_args!("one of {GARBAGE:?}"))?;
            }
            OperationKind::Request(ResourceRequest {
                resource: Resource::Broadcast(message) | Resource::Heartbeat(message),
                ..
            }) => {
                within(field("what.Ask.asked.text"), message.text as u64, 0..=LONG as u64)?;
                within(field("what.Ask.asked.number"), message.number as u64, 0..=NUMBER_MAX)?;
                let expected = format_args!("a number that no other event has, got {}", message.number);
                ensure(numbers.insert(message.number), field("what.Ask.asked.number"), expected)?;
            }
            _ => {}
        }
    }
    within("history.end_ms", history.end_ms, now..=END_MS_MAX.max(now))
}

/// Checks the operations of a client: the client leaves once, garbage comes alone, and no request waits for room for ever.
fn check_client(history: &History, client: usize) -> Result<(), Problem> {
    let may_wait = history.connections_max < history.clients.len();
    let window = history.clients[client].window_bytes;
    let mut sent = SentSoFar::default();
    for (number, operation) in history.operations.iter().enumerate() {
        if operation.client != client || operation.kind.is_of_the_world() {
            continue;
        }
        let wrong = |expected| Problem::field(format!("history.deeds[{number}].what"), expected);
        sent.add(&operation.kind).map_err(wrong)?;
        let bytes = sent.bytes;
        let expected =
            format_args!("at least the {bytes} bytes that the client sends, which may wait to be served, got {window}");
        let has_room = !may_wait || bytes <= window;
        ensure(has_room, format!("history.clients[{client}].window_bytes"), expected)?;
    }
    Ok(())
}

/// The operations of a client so far.
#[derive(Default)]
struct SentSoFar {
    bytes: usize,
    /// The resource of the first request.
    first: Option<Resource>,
    /// How many bytes the client had sent before the first stream.
    before_stream: Option<usize>,
    has_sent_garbage: bool,
    has_left: bool,
}

impl SentSoFar {
    /// Adds an operation. An error tells what was expected instead.
    fn add(&mut self, kind: &OperationKind) -> Result<(), String> {
        match kind {
            OperationKind::Request(_) | OperationKind::Garbage(_) if self.has_sent_garbage => {
                return Err("nothing more of a client that has sent what is no HTTP".into());
            }
            OperationKind::Garbage(_) if self.first.is_some() => {
                return Err("no garbage of a client that has sent a request".into());
            }
            OperationKind::Pause if !self.first.is_some_and(Resource::hears_broadcasts) => {
                return Err("a pause only of a client whose first request is for /sse".into());
            }
            kind if kind.leaves() && std::mem::replace(&mut self.has_left, true) => {
                return Err("no second leave of a client".into());
            }
            OperationKind::Request(ResourceRequest { resource, manner, .. }) => {
                self.bytes += manner.request(&resource.target()).len();
                self.first.get_or_insert(*resource);
                if resource.is_stream() {
                    // Counts from the end of the request for the first stream.
                    self.before_stream.get_or_insert(self.bytes);
                }
            }
            OperationKind::Garbage(bytes) => {
                self.bytes += bytes.len();
                self.has_sent_garbage = true;
            }
            _ => {}
        }
        if self.before_stream.is_some_and(|before| self.bytes - before > BEHIND_BYTES_MAX) {
            return Err(format!("at most {BEHIND_BYTES_MAX} bytes of requests behind a stream"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onbeat_wire::{How, Instant, What};

    use super::*;
    use crate::player::LogEntry;

    #[test]
    fn a_line_of_a_response_ends_in_the_number_of_the_client() {
        let at = Instant::EPOCH + Duration::from_millis(50);
        let log = ClientLog { entries: vec![(at, LogEntry::Saw(What::End(How::Cut)))] };
        let lines = responses(vec![ClientLog::default(), log]);
        assert_eq!(lines, "{\"t_ms\":50,\"kind\":\"end\",\"how\":\"cut\",\"client\":1}\n");
        assert_eq!(histories(&lines).expect("a trace"), []);
    }

    #[test]
    fn generated_histories_are_possible() {
        for seed in 0..5000 {
            let history = History::new(seed);
            assert_eq!(check(&history), Ok(()), "{history}");
        }
    }
}
