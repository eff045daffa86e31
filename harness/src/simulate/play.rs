//! Plays a history in a lab, and hands out what every client did and saw.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::clock::Instant;
use onbeat_server::world::Limits;

use super::history::{Deed, History, What};
use super::network::{Gate, Link, Network};
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
    /// How many clients the hub had when all had left.
    pub(super) left_behind: usize,
}

/// What one client takes in at most: more than any world's writes.
const BOUNDS: Bounds = Bounds { bytes_max: 1 << 24, notes_max: 1 << 16 };
/// How long after the end a world may go on.
const OVERTIME: Duration = Duration::from_secs(120);

/// Plays `history` on `application`.
pub(super) fn play(application: &Application, history: &History) -> Result<Outcome, Overdue> {
    let mut setup = Setup { seed: onbeat_server::random::Seed(history.seed), ..fixtures::setup() };
    setup.limits = Limits { mailbox_events_max: history.mailbox_events_max, ..setup.limits };
    setup.deadline = Duration::from_millis(history.end_ms) + OVERTIME;
    lab::run_with(&setup, application, async |lab| {
        let mut stage = Stage { actors: history.links.iter().map(|link| Actor::new(*link)).collect() };
        let mut done = Vec::with_capacity(history.deeds.len());
        for deed in &history.deeds {
            let at = Instant::EPOCH + Duration::from_millis(deed.at_ms);
            if lab.world().clock().now() < at {
                lab.world().clock().sleep_until(at).await;
                if !deed.races {
                    lab.settle().await;
                }
            }
            let now = lab.world().clock().now();
            done.push(stage.act(lab, deed).await.then_some(now));
            if deed.settles {
                lab.settle().await;
            }
        }
        lab.until(Duration::from_millis(history.end_ms)).await;
        let accounts = stage.close().await;
        lab.settle().await;
        Outcome { accounts, done, left_behind: lab.world().hub().clients() }
    })
}

struct Stage {
    actors: Vec<Actor>,
}

struct Actor {
    link: Link,
    gate: Arc<Gate>,
    client: Option<Client>,
    account: Account,
    gone: bool,
}

impl Actor {
    fn new(link: Link) -> Self {
        Self { link, gate: Arc::default(), client: None, account: Account::default(), gone: false }
    }

    fn client(&mut self, lab: &mut Lab) -> &mut Client {
        let (link, gate) = (self.link, &self.gate);
        self.client.get_or_insert_with(|| {
            let clock = Arc::clone(lab.world().clock());
            let network = |pipe, _| Network::new(pipe, link, Arc::clone(gate), Arc::clone(&clock));
            let (sender, tap) = lab.pipe_through(link.window_bytes, network);
            Client::bounded(clock, sender, tap, BOUNDS)
        })
    }
}

impl Stage {
    /// Does it, if the client is still there.
    async fn act(&mut self, lab: &mut Lab, deed: &Deed) -> bool {
        if deed.what == What::ShutDown {
            lab.shut_down();
            return true;
        }
        let actor = &mut self.actors[deed.client];
        if actor.gone {
            return false;
        }
        match &deed.what {
            What::Garbage(bytes) => actor.client(lab).send(bytes.as_bytes()).await,
            What::Ask { bytes, cut, .. } => {
                let (start, rest) = bytes.split_at(cut.unwrap_or_default());
                actor.client(lab).expect("GET");
                if !start.is_empty() {
                    actor.client(lab).send(start.as_bytes()).await;
                    lab.settle().await;
                }
                actor.client(lab).send(rest.as_bytes()).await;
            }
            What::Pause => actor.gate.close(),
            What::Resume => actor.gate.open(),
            What::HalfClose => actor.client(lab).half_close().await,
            What::Close | What::Reset => {
                actor.gone = true;
                let client = actor.client.take();
                actor.account = match (client, &deed.what) {
                    (None, _) => Account::default(),
                    (Some(client), What::Close) => client.close().await,
                    (Some(client), _) => client.reset().await,
                };
            }
            What::ShutDown => {}
        }
        true
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
