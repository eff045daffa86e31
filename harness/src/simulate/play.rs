//! Plays a history in a lab, and returns the log of every client.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::random::{Random, Seed};
use onbeat_server::world::Limits;
use onbeat_wire::Instant;
use onbeat_wire::recording::LeftHow;

use super::history::{Deed, History, What};
use super::network::Network;
use crate::fixtures;
use crate::lab::{self, Application, Lab, Overdue, Setup};
use crate::player::{Action, Bounds, Client, ClientLog};

/// The outcome of a history.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The log of each client.
    pub(super) logs: Vec<ClientLog>,
    /// When each deed was done; `None` if the client had left before.
    pub(super) done: Vec<Option<Instant>>,
    /// When all had been read, and the remaining clients closed.
    pub(super) end: Instant,
    /// The first moment with more timers than streams, and the two numbers.
    pub(super) stray_timers: Option<(Instant, usize, usize)>,
    /// The server's holdings after all clients had left.
    pub(super) left_behind: LeftBehind,
}

/// The holdings of a server, which must be empty when all clients have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftBehind {
    pub(super) clients: usize,
    pub(super) timers: usize,
    pub(super) tasks: usize,
}

/// The most that a client takes in: more than the writes of any world.
const BOUNDS: Bounds = Bounds { bytes_max: 1 << 24, entries_max: 1 << 16 };
/// How long the remaining clients read on when all faults have stopped: longer than any delay, and than a shutdown.
const RECOVERY: Duration = Duration::from_secs(6);
/// How long a world may go on after the recovery.
const OVERTIME: Duration = Duration::from_secs(120);

/// Plays `history` on `application`.
pub(super) fn play(application: &Application, history: &History) -> Result<Outcome, Overdue> {
    let mut setup = Setup { seed: Seed(history.seed), ..fixtures::setup() };
    let History { mailbox_events_max, connections_max, .. } = *history;
    setup.limits = Limits { mailbox_events_max, connections_max, ..setup.limits };
    setup.deadline = Duration::from_millis(history.end_ms) + RECOVERY + OVERTIME;
    lab::run_with(&setup, application, async |lab| {
        let mut scheduler = HistoryScheduler::new(history);
        let mut done = Vec::with_capacity(history.deeds.len());
        let mut stray_timers = None;
        for deed in &history.deeds {
            let at = Instant::EPOCH + Duration::from_millis(deed.at_ms);
            if lab.clock().now() < at {
                lab.clock().sleep_until(at).await;
                if !deed.races {
                    lab.settle().await;
                }
            }
            let now = lab.clock().now();
            done.push(scheduler.act(lab, deed).await.then_some(now));
            if deed.settles {
                lab.settle().await;
                let (timers, streams) = (lab.timers(), scheduler.streams());
                stray_timers = stray_timers.or((timers > streams).then_some((now, timers, streams)));
            }
        }
        lab.until(Duration::from_millis(history.end_ms)).await;
        for client in scheduler.clients.iter_mut().flatten() {
            client.act(Action::Resume).await;
        }
        lab.until(Duration::from_millis(history.end_ms) + RECOVERY).await;
        let end = lab.clock().now();
        let logs = scheduler.close().await;
        lab.settle().await;
        let left_behind =
            LeftBehind { clients: lab.world().broadcasts().subscribers(), timers: lab.timers(), tasks: lab.tasks() };
        Outcome { logs, done, end, stray_timers, left_behind }
    })
}

/// Decides which client of a history acts when.
struct HistoryScheduler<'a> {
    history: &'a History,
    /// By number; a client connects with the first action.
    clients: Vec<Option<Client>>,
    /// How many streams each has asked for.
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
        let has_gone = |client: &Option<Client>| client.as_ref().is_some_and(|client| !client.is_connected());
        self.clients.iter().zip(&self.streams).filter(|(client, _)| !has_gone(client)).map(|(_, streams)| streams).sum()
    }

    fn client(&mut self, lab: &mut Lab, number: usize) -> &mut Client {
        self.clients[number].get_or_insert_with(|| {
            // Neither a connection of the world nor an author has the same ordinal.
            let random = Random::new(Seed(self.history.seed), u64::MAX - 1 - number as u64, 0);
            let (clock, link) = (Arc::clone(lab.clock()), self.history.clients[number].clone());
            let window_bytes = link.window_bytes;
            let network = |pipe, breaker| Network::new(pipe, breaker, link, Arc::clone(&clock), random);
            let ends = lab.pipe_through(window_bytes, network);
            Client::new(clock, ends, BOUNDS)
        })
    }

    /// Does a deed, and returns whether the deed was possible: the client is still connected, or can connect since the
    /// server has not been told to end.
    async fn act(&mut self, lab: &mut Lab, deed: &Deed) -> bool {
        let Deed { client: number, what, .. } = deed;
        match what {
            What::ShutDown => {
                self.is_shut_down = true;
                lab.shut_down();
                return true;
            }
            What::Jump { ms } => {
                lab.jump(Duration::from_millis(*ms)).await;
                return true;
            }
            _ => {}
        }
        let is_there = match &self.clients[*number] {
            Some(client) => client.is_connected(),
            None => what.connects() && !self.is_shut_down,
        };
        if !is_there {
            return false;
        }
        self.streams[*number] += usize::from(what.joins_a_stream());
        for (part, action) in actions(what).into_iter().enumerate() {
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

/// Returns the actions for a deed of a client; the server notices each action before the next.
fn actions(what: &What) -> Vec<Action> {
    match what {
        What::Ask { asked, manner, cut } => {
            let request = manner.request(&asked.target());
            let (start, rest) = request.split_at(cut.unwrap_or_default().min(request.len()));
            let request =
                |bytes: &str| Action::Request { method: manner.method().into(), bytes: bytes.to_owned().into() };
            match start {
                "" => vec![request(rest)],
                start => vec![request(start), Action::Send(rest.to_owned().into())],
            }
        }
        What::Garbage(bytes) => vec![Action::Send(bytes.clone().into())],
        What::Pause => vec![Action::Pause],
        What::Resume => vec![Action::Resume],
        What::Close => vec![Action::Leave(LeftHow::Closed)],
        What::HalfClose => vec![Action::Leave(LeftHow::HalfClosed)],
        What::Reset => vec![Action::Leave(LeftHow::Reset)],
        What::Jump { .. } | What::ShutDown => Vec::new(),
    }
}
