//! The history of a random world: what its clients do, and when.

use std::fmt;

use onbeat_server::random::{Random, Seed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client_request::{ClientRequest, RequestSource};
use super::shorthand::{lengthen, shorten};
use crate::simulate::timed_history::TimedHistory;
use crate::simulate::{Draws, Link, Operation, OperationKind};

/// The history of a random world, as data: requests are named by their source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorldHistory {
    pub(super) seed: u64,
    /// The networks of the clients. Each client has one connection.
    pub(super) clients: Vec<Link>,
    /// The operations in the order of time.
    pub(super) operations: Vec<WorldOperation>,
    /// When all faults stop, in milliseconds. The remaining clients read on for a while, and leave.
    pub(super) end_ms: u64,
}

/// One or several requests, each sent when the response before is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DrawnRequest {
    /// The number of the source.
    pub(super) source: usize,
    /// The seed of the draws.
    pub(super) draw: u64,
    /// How many requests are sent.
    pub(super) times: u32,
    /// After how many bytes each request is cut in two parts.
    pub(super) cut: Option<usize>,
}

/// An operation in a random world.
pub(super) type WorldOperation = Operation<DrawnRequest>;

impl TimedHistory for WorldHistory {
    type Request = DrawnRequest;

    fn clients(&mut self) -> &mut Vec<Link> {
        &mut self.clients
    }

    fn operations(&mut self) -> &mut Vec<WorldOperation> {
        &mut self.operations
    }

    fn end_ms(&mut self) -> &mut u64 {
        &mut self.end_ms
    }
}

impl WorldHistory {
    /// Reads a history as a failed run printed the history. An error says what was expected.
    pub(super) fn read(json: &str, sources: usize) -> Result<Self, String> {
        let mut json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !json.is_object() {
            return Err("the JSON is no object".into());
        }
        // Adds the usual fields, which a printed history leaves out.
        lengthen(&mut json);
        let history: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        let Self { clients, operations, end_ms, .. } = &history;
        let mut now = 0;
        for Operation { at_ms, client, kind, .. } in operations {
            let is_known = |source: &usize| *source < sources;
            if let OperationKind::Request(DrawnRequest { source, .. }) = kind
                && !is_known(source)
            {
                return Err(format!("request {source} is not among the {sources} of these worlds"));
            }
            if *client >= clients.len() && !kind.is_of_the_world() {
                return Err(format!("client {client} is not among the {} clients", clients.len()));
            }
            if *at_ms < now {
                return Err(format!("the operation at {at_ms} ms comes after one that lasts until {now} ms"));
            }
            now = at_ms + kind.lasts_ms();
        }
        let is_wrong = |(number, link): (usize, &Link)| {
            // Refuses a return of a later client, and sizes of 0, with which no byte moves.
            link.again.is_some_and(|again| again >= number)
                || [link.window_bytes, link.piece_bytes].contains(&0)
                || link.together_ms == 0
        };
        if let Some(number) = clients.iter().enumerate().position(is_wrong) {
            return Err(format!("the network of client {number} is impossible"));
        }
        if *end_ms < now {
            return Err(format!("the end at {end_ms} ms comes before the last operation is over at {now} ms"));
        }
        Ok(history)
    }

    /// Returns the history in one line, for [`read`](Self::read).
    pub(super) fn write(&self) -> String {
        let mut json = serde_json::to_value(self).expect("a history is plain data");
        shorten(&mut json);
        json.to_string()
    }
}

/// A history with the requests that the sources have drawn.
pub(super) struct WorldPlan<'a> {
    pub(super) history: &'a WorldHistory,
    /// The requests of each operation.
    pub(super) requests: Vec<Vec<ClientRequest>>,
    /// The number of the calm client that asks beside the client of each operation, from 0.
    pub(super) calm_clients: Vec<Option<usize>>,
}

impl<'a> WorldPlan<'a> {
    /// Returns the plan of a history.
    pub(super) fn new(history: &'a WorldHistory, sources: &[RequestSource]) -> Self {
        let mut has_asked = vec![false; history.clients.len()];
        let (mut requests, mut calm_clients) = (Vec::new(), Vec::new());
        let mut clients = history.clients.len();
        for operation in &history.operations {
            let drawn = drawn(&operation.kind, sources);
            // Gives only a first request a calm client: behind an earlier response, a response begins at another moment.
            let is_first = !drawn.is_empty() && !std::mem::replace(&mut has_asked[operation.client], true);
            let has_calm_client = is_first && drawn[0].is_same_for_all;
            calm_clients.push(has_calm_client.then_some(clients));
            clients += usize::from(has_calm_client);
            requests.push(drawn);
        }
        Self { history, requests, calm_clients }
    }
}

/// Draws the requests of an operation.
fn drawn(kind: &OperationKind<DrawnRequest>, sources: &[RequestSource]) -> Vec<ClientRequest> {
    let OperationKind::Request(DrawnRequest { source, draw, times, .. }) = kind else { return Vec::new() };
    let request = |number| sources[*source](&mut Draws::new(Random::new(Seed(*draw), number, 0)));
    (0..u64::from(*times)).map(request).collect()
}

/// Prints for people. Clients are numbered from 1, as the application's lab numbers them.
impl fmt::Display for WorldPlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, link) in self.history.clients.iter().enumerate() {
            let link = Link { again: link.again.map(|again| again + 1), ..link.clone() };
            let traits = link.to_string();
            if !traits.is_empty() {
                writeln!(f, "client {}{traits}", number + 1)?;
            }
        }
        for (at, operation) in self.history.operations.iter().enumerate() {
            let Operation { at_ms, client, kind, settles, races } = operation;
            write!(f, "{at_ms:>9} ms  ")?;
            match kind {
                OperationKind::Jump { ms } => write!(f, "the machine is suspended: time jumps by {ms} ms")?,
                OperationKind::ShutDown => write!(f, "the application is told to end")?,
                kind => write!(f, "client {} {}", client + 1, self.act(at, kind))?,
            }
            let first = if *races { ", before what is due then" } else { "" };
            let then = if *settles { "" } else { ", and at once:" };
            writeln!(f, "{first}{then}")?;
        }
        let end_ms = self.history.end_ms.max(self.history.operations.last().map_or(0, Operation::over_ms));
        write!(f, "{end_ms:>9} ms  all that are still there read on, and leave")
    }
}

impl WorldPlan<'_> {
    /// Returns the act of a client in the operation with this number, in words.
    fn act(&self, at: usize, kind: &OperationKind<DrawnRequest>) -> String {
        let OperationKind::Request(DrawnRequest { times, cut, .. }) = kind else {
            return kind.action().map(|action| action.to_string()).unwrap_or_default();
        };
        let Some(request) = self.requests[at].first() else { return "sends nothing".into() };
        let times = if *times == 1 { String::new() } else { format!(", {times} times, each drawn anew") };
        let cut = cut.map(|cut| format!(", cut after {cut} bytes")).unwrap_or_default();
        let calm = self.calm_clients[at];
        let calm =
            calm.map(|calm| format!(", and client {} the same, which reads at once", calm + 1)).unwrap_or_default();
        format!("sends {request}{times}{cut}{calm}")
    }
}
