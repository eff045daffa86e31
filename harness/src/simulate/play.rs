//! Plays a history in a lab, and returns the observations of all clients.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_wire::Instant;

use super::history::History;
use super::network::LinkNetwork;
use super::operation::{Operation, OperationKind};
use super::resource::ResourceRequest;
use crate::fixtures;
use crate::player::{Action, Bounds, ClientLog, Player};
use crate::world_lab::{self, Overdue, Setup, WorldLab, WorldServer};

/// The observations in a world.
#[derive(Debug)]
pub(super) struct Observations {
    /// The log of each client.
    pub(super) logs: Vec<ClientLog>,
    /// When each operation was done; none if the operation was impossible.
    pub(super) done: Vec<Option<Instant>>,
    /// When the remaining clients had read everything, and closed.
    pub(super) end: Instant,
    /// The first moment with more timers than streams, and the two numbers.
    pub(super) stray_timers: Option<(Instant, usize, usize)>,
    /// The holdings of the server after all clients had left: subscribers of the channel, timers, and tasks.
    pub(super) left_behind: [usize; 3],
}

/// The most that a client takes in: more than the writes of any world.
const BOUNDS: Bounds = Bounds { bytes_max: 1 << 24, entries_max: 1 << 16 };
/// How long the remaining clients read on when all faults have stopped: longer than any delay, and than a shutdown.
const RECOVERY: Duration = Duration::from_secs(6);
/// How long a world may go on after the recovery.
const OVERTIME: Duration = Duration::from_secs(120);

/// Plays `history` on `application`.
pub(super) fn play(application: &WorldServer, history: &History) -> Result<Observations, Overdue> {
    let mut setup = Setup { seed: Seed(history.seed), ..fixtures::setup() };
    let History { mailbox_events_max, connections_max, .. } = *history;
    setup.limits = Limits { mailbox_events_max, connections_max, ..setup.limits };
    let recovery = Duration::from_millis(history.end_ms);
    setup.deadline = recovery + RECOVERY + OVERTIME;
    world_lab::run_with(&setup, application, async |lab| {
        let mut scheduler = HistoryScheduler::new(history);
        let mut done = Vec::with_capacity(history.operations.len());
        let mut stray_timers = None;
        for operation in &history.operations {
            let at = Instant::EPOCH + Duration::from_millis(operation.at_ms);
            if lab.clock().now() < at {
                lab.clock().sleep_until(at).await;
                if !operation.races {
                    lab.settle().await;
                }
            }
            // Takes the time before the operation, which may be a jump.
            let now = lab.clock().now();
            done.push(scheduler.act(lab, operation).await.then_some(now));
            if operation.settles {
                lab.settle().await;
                // Counts only when all is over at the instant, and each timer has to belong to a stream.
                let (timers, streams) = (lab.timers(), scheduler.streams());
                stray_timers = stray_timers.or((timers > streams).then_some((now, timers, streams)));
            }
        }
        // Ends all faults: paused clients read on.
        lab.until(recovery).await;
        for client in scheduler.clients.iter_mut().flatten() {
            client.act(Action::Resume).await;
        }
        lab.until(recovery + RECOVERY).await;
        let end = lab.clock().now();
        // Counts what the server holds when all clients have left.
        let logs = scheduler.close().await;
        lab.settle().await;
        let left_behind = [lab.world().broadcasts().subscribers(), lab.timers(), lab.tasks()];
        Observations { logs, done, end, stray_timers, left_behind }
    })
}

/// Decides which client of a history acts when.
struct HistoryScheduler<'a> {
    history: &'a History,
    /// The clients, each connected at the first action.
    clients: Vec<Option<Player>>,
    /// How many streams each client has requested.
    streams: Vec<usize>,
    is_shut_down: bool,
}

impl<'a> HistoryScheduler<'a> {
    fn new(history: &'a History) -> Self {
        let count = history.clients.len();
        let clients = (0..count).map(|_| None).collect();
        Self { history, clients, streams: vec![0; count], is_shut_down: false }
    }

    /// Returns how many streams the server may be busy with.
    fn streams(&self) -> usize {
        let has_gone = |client: &Option<Player>| client.as_ref().is_some_and(|client| !client.is_connected());
        self.clients.iter().zip(&self.streams).filter(|(client, _)| !has_gone(client)).map(|(_, streams)| streams).sum()
    }

    fn client(&mut self, lab: &mut WorldLab, number: usize) -> &mut Player {
        self.clients[number].get_or_insert_with(|| {
            let (clock, link) = (Arc::clone(lab.clock()), self.history.clients[number].clone());
            let window_bytes = link.window_bytes;
            let network = LinkNetwork::of_client(self.history.seed, number, link, Arc::clone(&clock));
            let ends = lab.pipe_through(window_bytes, network);
            Player::new(clock, ends, BOUNDS)
        })
    }

    /// Does an operation; returns whether the operation was possible: the client is still connected, or can connect, as
    /// the server has not been told to end.
    async fn act(&mut self, lab: &mut WorldLab, operation: &Operation) -> bool {
        let Operation { client: number, kind, .. } = operation;
        match kind {
            OperationKind::ShutDown => {
                self.is_shut_down = true;
                lab.shut_down();
                return true;
            }
            OperationKind::Jump { ms } => {
                lab.jump(Duration::from_millis(*ms)).await;
                return true;
            }
            _ => {}
        }
        let is_possible = match &self.clients[*number] {
            Some(client) => client.is_connected(),
            None => kind.connects() && !self.is_shut_down,
        };
        if !is_possible {
            return false;
        }
        self.streams[*number] += usize::from(kind.joins_a_stream());
        // Lets the server see the first part of a request alone.
        for (part, action) in actions(kind).into_iter().enumerate() {
            if part > 0 {
                lab.settle().await;
            }
            self.client(lab, *number).act(action).await;
        }
        true
    }

    /// Closes all open connections in turn, and returns the log of each client.
    async fn close(self) -> Vec<ClientLog> {
        let mut logs = Vec::new();
        for client in self.clients {
            logs.push(match client {
                Some(client) => client.close().await,
                None => ClientLog::default(),
            });
        }
        logs
    }
}

/// Returns the actions for an operation of a client. The server notices each action before the next.
fn actions(kind: &OperationKind) -> Vec<Action> {
    let OperationKind::Request(ResourceRequest { resource, manner, cut }) = kind else {
        return kind.action().into_iter().collect();
    };
    let request = manner.request(&resource.target());
    let (start, rest) = request.split_at(cut.unwrap_or_default().min(request.len()));
    let request = |bytes: &str| Action::Request { method: manner.method().into(), bytes: bytes.to_owned().into() };
    match start {
        "" => vec![request(rest)],
        start => vec![request(start), Action::Send(rest.to_owned().into())],
    }
}
