//! The history of a random world: what its clients do, and when.

use std::fmt;

use onbeat_server::random::{Random, Seed};
use onbeat_wire::LeftHow;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client_request::{ClientRequest, RequestSource};
use super::shorthand::{lengthen, shorten};
use crate::player::Action;
use crate::simulate::timed_history::{OperationTime, TimedHistory, over_ms};
use crate::simulate::{Draws, Link, Operation};

/// The history of a random world, as data: requests are named by their source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorldHistory {
    pub(super) seed: u64,
    /// The networks of the clients. Each client has one connection.
    pub(super) clients: Vec<Link>,
    /// The operations in the order of time.
    pub(super) operations: Vec<Operation<ClientAct>>,
    /// When all faults stop, in milliseconds. The remaining clients read on for a while, and leave.
    pub(super) end_ms: u64,
}

/// An act of a client, or of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ClientAct {
    /// Sends a request, or several, each when the response before is complete.
    Request {
        /// The number of the source.
        source: usize,
        /// The seed of the draws.
        draw: u64,
        /// How many requests are sent.
        times: u32,
        /// After how many bytes each request is cut in two parts.
        cut: Option<usize>,
    },
    /// Stops reading.
    Pause,
    /// Reads on.
    Resume,
    /// Closes the connection (FIN).
    Close,
    /// Sends no more (half-close).
    HalfClose,
    /// Resets the connection (RST).
    Reset,
    /// The time of the world jumps, as on a suspended machine.
    Jump {
        /// The length of the jump in milliseconds.
        ms: u64,
    },
}

impl TimedHistory for WorldHistory {
    type Kind = ClientAct;

    fn clients(&mut self) -> &mut Vec<Link> {
        &mut self.clients
    }

    fn operations(&mut self) -> &mut Vec<Operation<ClientAct>> {
        &mut self.operations
    }

    fn end_ms(&mut self) -> &mut u64 {
        &mut self.end_ms
    }
}

impl OperationTime for ClientAct {
    fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Jump { .. })
    }

    fn lasts_ms(&self) -> u64 {
        if let Self::Jump { ms } = self { *ms } else { 0 }
    }
}

impl ClientAct {
    /// Returns the action of the client; none for a request, and for a jump.
    pub(super) fn action(&self) -> Option<Action> {
        Some(match self {
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Close => Action::Leave(LeftHow::Closed),
            Self::HalfClose => Action::Leave(LeftHow::HalfClosed),
            Self::Reset => Action::Leave(LeftHow::Reset),
            Self::Request { .. } | Self::Jump { .. } => return None,
        })
    }
}

impl WorldHistory {
    /// Reads a history as a failed run printed the history. An error says what was expected.
    pub(super) fn read(json: &str, sources: usize) -> Result<Self, String> {
        let mut json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !json.is_object() {
            return Err("the JSON is no object".into());
        }
        lengthen(&mut json);
        let history: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        let Self { clients, operations, end_ms, .. } = &history;
        let mut now = 0;
        for Operation { at_ms, client, kind, .. } in operations {
            let is_known = |source: &usize| *source < sources;
            if let ClientAct::Request { source, .. } = kind
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
            // Behind an earlier response, a response begins at another moment.
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
fn drawn(act: &ClientAct, sources: &[RequestSource]) -> Vec<ClientRequest> {
    let ClientAct::Request { source, draw, times, .. } = act else { return Vec::new() };
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
                ClientAct::Jump { ms } => write!(f, "the machine is suspended: time jumps by {ms} ms")?,
                kind => write!(f, "client {} {}", client + 1, self.act(at, kind))?,
            }
            let first = if *races { ", before what is due then" } else { "" };
            let then = if *settles { "" } else { ", and at once:" };
            writeln!(f, "{first}{then}")?;
        }
        let end_ms = self.history.end_ms.max(self.history.operations.last().map_or(0, over_ms));
        write!(f, "{end_ms:>9} ms  all that are still there read on, and leave")
    }
}

impl WorldPlan<'_> {
    /// Returns the act of the operation with this number, in words.
    fn act(&self, at: usize, act: &ClientAct) -> String {
        let ClientAct::Request { times, cut, .. } = act else {
            return act.action().map(|action| action.to_string()).unwrap_or_default();
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
