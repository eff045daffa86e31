//! Plays the history of a world in a lab.

use std::time::Duration;

use onbeat_wire::LeftHow;

use super::client_request::ClientRequest;
use super::world_client::{WorldClient, WorldExchange};
use super::world_history::{WorldOperation, WorldPlan};
use crate::lab::{Client, Lab, Peer};
use crate::player::Action;
use crate::simulate::network::LinkNetwork;
use crate::simulate::{Link, OperationKind, Violation};

/// How long the remaining clients read on when all faults have stopped: longer than any delay.
const RECOVERY: Duration = Duration::from_secs(6);
/// How long after the clients the application may still be at work, step by step; the last step is up to the user.
const GRACE_STEPS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(20), Duration::from_secs(300)];

/// The rules that the player itself holds the application against.
const BACKLOG: &str = "a client that reads on is handed no more than the declared backlog";
pub(super) const NOTHING_LEFT: &str = "nothing is left when all clients have gone";

/// The end of a played history.
pub(super) struct PlayedWorld {
    pub(super) clients: Vec<WorldClient>,
    /// The first violation that was seen on the way.
    pub(super) violation: Option<Violation>,
}

/// Plays a history from now on: all clients come and go.
pub(super) async fn play(lab: &Lab, plan: &WorldPlan<'_>) -> PlayedWorld {
    let mut player = WorldPlayer::new(lab, plan);
    for (at, operation) in plan.history.operations.iter().enumerate() {
        player.wait_for(operation).await;
        player.act(at, operation).await;
        if operation.settles {
            lab.settle().await;
        }
    }
    // Ends all faults: paused clients read on.
    player.advance_to(plan.history.end_ms).await;
    for client in 0..player.clients.len() {
        player.resume(client).await;
    }
    lab.advance(RECOVERY).await;
    for client in &player.clients {
        client.client.act_or_reset(Action::Leave(LeftHow::Closed)).await;
    }
    lab.settle().await;
    PlayedWorld { clients: player.clients, violation: player.violation }
}

/// Waits until the application is at rest: no request of a client is open, and no more than `tasks` tasks live. Waits no
/// longer than `grace`, and returns how many tasks live then.
pub(super) async fn rest(lab: &Lab, tasks: usize, grace: Duration) -> usize {
    let begin = lab.now();
    for step in GRACE_STEPS.into_iter().filter(|step| *step < grace).chain([grace]) {
        lab.advance_to(begin + step).await;
        // Looks at requests of clients alone, since an application may ask another host for ever.
        let is_open = lab.open().iter().any(|request| matches!(request.peer, Peer::Client(_)));
        if lab.tasks() <= tasks && !is_open {
            break;
        }
    }
    lab.tasks()
}

/// Looks for tasks that each client leaves behind, when a history has been played: `before` tasks lived at the beginning, and
/// `once` at the end.
///
/// Tasks that begin with the first request, and then serve all clients, are no leak. The history is therefore played again,
/// and may add no more tasks.
pub(super) async fn leak(
    lab: &Lab,
    plan: &WorldPlan<'_>,
    (before, once): (usize, usize),
    grace: Duration,
) -> Option<Violation> {
    if once <= before {
        return None;
    }
    play(lab, plan).await;
    let twice = rest(lab, once, grace).await;
    let detail = || {
        format!(
            "{before} tasks of the application lived before the first client came, {once} lived {} s after all had left, and \
             {twice} after the same clients had come and left once more\n  help: a task that serves a client must end when \
             its client leaves: hold its handle in the body, or let it wait for the closing of its channel.\n  help: if the \
             application may work longer for clients that have left, raise `Worlds::grace`.",
            grace.as_secs_f64()
        )
    };
    (twice > once).then(|| Violation { invariant: NOTHING_LEFT.into(), client: None, detail: detail() })
}

struct WorldPlayer<'a> {
    lab: &'a Lab,
    plan: &'a WorldPlan<'a>,
    begin: Duration,
    clients: Vec<WorldClient>,
    violation: Option<Violation>,
}

impl<'a> WorldPlayer<'a> {
    /// Returns a player whose clients have all connected.
    fn new(lab: &'a Lab, plan: &'a WorldPlan<'a>) -> Self {
        let history = plan.history;
        let client = |client, number, came_back_from, calm_beside| WorldClient {
            client,
            number,
            came_back_from,
            calm_beside,
            exchanges: Vec::new(),
        };
        let of_history = history.clients.iter().enumerate().map(|(number, link)| {
            let came_back_from = link.again.map(|again| again + 1);
            client(connect(lab, history.seed, number, link), number + 1, came_back_from, None)
        });
        let calm = history.operations.iter().zip(&plan.calm_clients).filter_map(|(operation, calm)| {
            calm.map(|calm| client(lab.client(), calm + 1, None, Some(operation.client + 1)))
        });
        let clients = of_history.chain(calm).collect();
        Self { lab, plan, begin: lab.now(), clients, violation: None }
    }

    /// Lets time pass until so many milliseconds after the beginning of the history.
    async fn advance_to(&self, at_ms: u64) {
        self.lab.advance_to(self.begin + Duration::from_millis(at_ms)).await;
    }

    /// Waits for the time of an operation. An operation that races begins before everything else that is due then.
    async fn wait_for(&self, operation: &WorldOperation) {
        let at = self.begin + Duration::from_millis(operation.at_ms);
        if operation.races && at > self.lab.now() {
            self.lab.sleep_until(at).await;
        } else if at > self.lab.now() {
            self.lab.advance_to(at).await;
        }
    }

    /// Does an operation, if the operation is possible.
    async fn act(&mut self, at: usize, operation: &WorldOperation) {
        let client = operation.client;
        match &operation.kind {
            OperationKind::Request(request) => self.request(at, client, request.cut).await,
            OperationKind::Jump { ms } => self.lab.jump(Duration::from_millis(*ms)).await,
            OperationKind::ShutDown => self.lab.shut_down().await,
            OperationKind::Resume => self.resume(client).await,
            kind => {
                if let Some(action) = kind.action() {
                    self.clients[client].client.act_or_reset(action).await;
                }
            }
        }
    }

    /// Sends the requests of an operation, each when the response before is complete. A client whose request the application
    /// does not take in at once gives up: no other client waits.
    async fn request(&mut self, at: usize, client: usize, cut: Option<usize>) {
        let plan = self.plan;
        let came_back_from = plan.history.clients[client].again;
        let last_event_id = came_back_from.and_then(|before| self.clients[before].last_event_id());
        for (number, request) in plan.requests[at].iter().enumerate() {
            let is_busy = self.clients[client].exchanges.last().is_some_and(|last| last.response.is_open());
            if is_busy || !self.clients[client].client.is_connected() {
                return;
            }
            let calm_client = plan.calm_clients[at].filter(|_| number == 0);
            // Lets everything happen first: both clients must find the application in the same state.
            if calm_client.is_some() || number > 0 {
                self.lab.settle().await;
            }
            self.send(client, request, last_event_id.as_deref(), cut, calm_client).await;
            if let Some(calm) = calm_client {
                // Lets the request reach the application before the same request of the calm client.
                self.lab.settle().await;
                self.send(calm, request, last_event_id.as_deref(), None, None).await;
                self.lab.settle().await;
            }
            // Waits for the response to a request of a flood, since a busy client sends no further request.
            if plan.requests[at].len() > 1 {
                self.lab.settle().await;
            }
        }
    }

    async fn send(
        &mut self,
        client: usize,
        request: &ClientRequest,
        last_event_id: Option<&str>,
        cut: Option<usize>,
        calm_client: Option<usize>,
    ) {
        let client = &mut self.clients[client];
        let name = format!("{}, client {}", request.name(), client.number);
        let (mut action, mut rest) = (request.action(last_event_id), None);
        if let (Action::Request { bytes, .. }, Some(cut)) = (&mut action, cut) {
            rest = Some(bytes.split_off(cut.min(bytes.len()))).filter(|rest| !rest.is_empty());
        }
        let response = client.client.request_or_reset(action, name).await;
        let calm_client = calm_client.map(|calm| calm + 1);
        client.exchanges.push(WorldExchange { request: request.clone(), response, calm_client });
        if let Some(rest) = rest {
            // Lets the application see the first part of the request alone.
            self.lab.settle().await;
            client.client.act_or_reset(Action::Send(rest)).await;
        }
    }

    /// Lets a client read on, and measures what the application hands over at once.
    async fn resume(&mut self, client: usize) {
        let WorldClient { client, number, exchanges, .. } = &self.clients[client];
        let max = exchanges.last().and_then(|exchange| exchange.request.backlog_bytes_max);
        let Some(max) = max else {
            client.act_or_reset(Action::Resume).await;
            return;
        };
        // Lets this instant pass first, so that only bytes after the resume count.
        self.lab.settle().await;
        let before = client.body_bytes();
        client.act_or_reset(Action::Resume).await;
        self.lab.settle().await;
        let backlog = client.body_bytes() - before;
        if backlog > max && self.violation.is_none() {
            let detail = format!("{backlog} B at {} ms, declared are at most {max} B", self.lab.now_ms());
            self.violation = Some(Violation { invariant: BACKLOG.into(), client: Some(*number), detail });
        }
    }
}

/// Returns a client behind a network.
fn connect(lab: &Lab, seed: u64, number: usize, link: &Link) -> Client {
    if (Link { again: None, ..link.clone() }) == Link::PLAIN {
        return lab.client();
    }
    lab.client_through(link.window_bytes, LinkNetwork::of_client(seed, number, link.clone(), lab.clock()))
}
