//! Plays a history in a lab, and hands out what every client did and saw.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::random::{Random, Seed};
use onbeat_server::world::Limits;
use onbeat_wire::Instant;

use super::history::{Asked, Deed, History, Link, Manner, What};
use super::network::{Gate, Network};
use crate::account::Account;
use crate::client::{Bounds, Client};
use crate::fixtures;
use crate::lab::{self, Application, Lab, Overdue, Setup};

/// What came of a history.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The account of each client.
    pub(super) accounts: Vec<Account>,
    /// When each deed was done; nothing if its client had left before.
    pub(super) done: Vec<Option<Instant>>,
    /// When all had been read, and those who were still there closed.
    pub(super) end: Instant,
    /// More timers than streams, where that was ever so.
    pub(super) stray_timers: Option<(Instant, usize, usize)>,
    /// What the server still held when all had left.
    pub(super) left_behind: LeftBehind,
}

/// What a server holds while it serves, and no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftBehind {
    pub(super) clients: usize,
    pub(super) timers: usize,
    pub(super) tasks: usize,
}

/// What one client takes in at most: more than any world's writes.
const BOUNDS: Bounds = Bounds { bytes_max: 1 << 24, notes_max: 1 << 16 };
/// How long those who are still there read on when all faults have stopped; longer than any delay and than a shutdown.
const RECOVERY: Duration = Duration::from_secs(6);
/// How long after that a world may go on.
const OVERTIME: Duration = Duration::from_secs(120);

/// Plays `history` on `application`.
pub(super) fn play(application: &Application, history: &History) -> Result<Outcome, Overdue> {
    let mut setup = Setup { seed: Seed(history.seed), ..fixtures::setup() };
    let History { mailbox_events_max, connections_max, .. } = *history;
    setup.limits = Limits { mailbox_events_max, connections_max, ..setup.limits };
    setup.deadline = Duration::from_millis(history.end_ms) + RECOVERY + OVERTIME;
    lab::run_with(&setup, application, async |lab| {
        let mut stage = Stage::new(history);
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
            done.push(stage.act(lab, deed).await.then_some(now));
            if deed.settles {
                lab.settle().await;
                let (timers, streams) = (lab.timers(), stage.streams());
                stray_timers = stray_timers.or((timers > streams).then_some((now, timers, streams)));
            }
        }
        lab.until(Duration::from_millis(history.end_ms)).await;
        stage.actors.iter().for_each(|actor| actor.gate.open());
        lab.until(Duration::from_millis(history.end_ms) + RECOVERY).await;
        let end = lab.clock().now();
        let accounts = stage.close().await;
        lab.settle().await;
        let left_behind =
            LeftBehind { clients: lab.world().broadcasts().subscribers(), timers: lab.timers(), tasks: lab.tasks() };
        Outcome { accounts, done, end, stray_timers, left_behind }
    })
}

struct Stage {
    seed: u64,
    actors: Vec<Actor>,
    shut_down: bool,
}

#[derive(Default)]
struct Actor {
    link: Option<Link>,
    gate: Arc<Gate>,
    client: Option<Client>,
    account: Account,
    /// The streams that it has asked for.
    streams: usize,
    gone: bool,
}

impl Stage {
    fn new(history: &History) -> Self {
        let actors = history.clients.iter().map(|link| Actor { link: Some(link.clone()), ..Actor::default() });
        Self { seed: history.seed, actors: actors.collect(), shut_down: false }
    }

    /// The streams that the server may be busy with.
    fn streams(&self) -> usize {
        self.actors.iter().filter(|actor| !actor.gone).map(|actor| actor.streams).sum()
    }

    fn client(&mut self, lab: &mut Lab, client: usize) -> &mut Client {
        let actor = &mut self.actors[client];
        actor.client.get_or_insert_with(|| {
            // No connection of the world has this ordinal, and no author.
            let random = Random::new(Seed(self.seed), u64::MAX - 1 - client as u64, 0);
            let (clock, gate) = (Arc::clone(lab.clock()), Arc::clone(&actor.gate));
            let link = actor.link.clone().unwrap_or(Link::PLAIN);
            let window_bytes = link.window_bytes;
            let network = |pipe, breaker| Network::new(pipe, breaker, link, gate, Arc::clone(&clock), random);
            let (sender, tap) = lab.pipe_through(window_bytes, network);
            Client::bounded(clock, sender, tap, BOUNDS)
        })
    }

    /// Does it, if the client is still there; a client that is not connected finds nobody when the server has been told
    /// to end.
    async fn act(&mut self, lab: &mut Lab, deed: &Deed) -> bool {
        let Deed { client, what, .. } = deed;
        match what {
            What::ShutDown => {
                self.shut_down = true;
                lab.shut_down();
                return true;
            }
            What::Jump { ms } => {
                lab.jump(Duration::from_millis(*ms)).await;
                return true;
            }
            _ => {}
        }
        let actor = &mut self.actors[*client];
        if actor.gone || actor.client.is_none() && (self.shut_down || !what.connects()) {
            return false;
        }
        match what {
            What::Garbage(bytes) => self.client(lab, *client).send(bytes.as_bytes()).await,
            What::Ask { asked, manner, cut } => {
                actor.streams += usize::from(matches!(asked, Asked::Stream(_)) && *manner != Manner::Head);
                self.ask(lab, *client, *asked, *manner, *cut).await;
            }
            What::Pause => actor.gate.close(),
            What::Resume => actor.gate.open(),
            What::HalfClose => self.client(lab, *client).half_close().await,
            What::Close | What::Reset => {
                actor.gone = true;
                if let Some(client) = actor.client.take() {
                    actor.account = if *what == What::Close { client.close().await } else { client.reset().await };
                }
            }
            What::Jump { .. } | What::ShutDown => {}
        }
        true
    }

    async fn ask(&mut self, lab: &mut Lab, client: usize, asked: Asked, manner: Manner, cut: Option<usize>) {
        let request = manner.request(&asked.target());
        let (start, rest) = request.split_at(cut.unwrap_or_default().min(request.len()));
        self.client(lab, client).expect(manner.method());
        if !start.is_empty() {
            self.client(lab, client).send(start.as_bytes()).await;
            lab.settle().await;
        }
        self.client(lab, client).send(rest.as_bytes()).await;
    }

    async fn close(self) -> Vec<Account> {
        let mut accounts = Vec::new();
        for actor in self.actors {
            accounts.push(match actor.client {
                Some(client) => client.close().await,
                None => actor.account,
            });
        }
        accounts
    }
}
