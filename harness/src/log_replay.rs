//! The log of a served world, played again in virtual time.
//!
//! The log tells the seed, the epoch, every request, and every other action on the world. The same actions in a lab, at
//! the same times and in the same order, must lead to the same bytes.

mod difference;
mod log;
mod meter;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use onbeat_clock::Clock;
use onbeat_control::{Monitor, Redaction};
use onbeat_faults::Fault;
use onbeat_routes::{Model, Routes, read_route};
use onbeat_server::interceptor::Interceptor;
use onbeat_server::router::router_with;
use onbeat_server::world::World;
use onbeat_wire::recording::{ClosedHow, Publish};
use onbeat_wire::{Entry, Instant, What};
use serde_json::Value;

pub use self::difference::{ReplayDifference, Replayed};
pub use self::log::LogError;
use self::meter::{Meter, MeteredClock, metered};
use crate::player::{Action, Bounds, ClientLog, Player};
use crate::transport::WINDOW_BYTES;
use crate::world_lab::{self, Setup, WorldLab, WorldServer};

/// The log of a served world.
#[derive(Debug)]
pub struct LoggedWorld {
    setup: Setup,
    /// Whether the times are exact, since the clock was manual.
    is_exact: bool,
    actions: Vec<TimedAction>,
    answers: Answers,
    /// The name of the routes file.
    routes: Option<String>,
    scenario: Option<String>,
    /// The latest time of a line, and the number of the line.
    end: (Duration, usize),
    /// The most bytes that the clients of a replay may read.
    read_bytes_max: u64,
    /// How many bytes the lines leave out.
    left_out_bytes: usize,
}

/// The time of an action, the number of the line, and the action.
type TimedAction = (Duration, usize, LoggedAction);

/// The answers, by the ordinals of their connection and request.
type Answers = BTreeMap<(u64, u32), LoggedAnswer>;

/// A logged request, and the logged response.
#[derive(Debug)]
struct LoggedAnswer {
    asked: String,
    /// Whether chunks tell the writes apart.
    is_chunked: bool,
    entries: Vec<Entry>,
}

impl LoggedAnswer {
    /// Returns the entries that a client can have seen: none, if the client left before the head.
    fn seen(&self) -> Vec<Entry> {
        let has_begun = self.entries.iter().any(|entry| matches!(entry.what, What::Head(_)));
        if has_begun { self.entries.clone() } else { Vec::new() }
    }
}

/// An action on a world.
#[derive(Debug)]
enum LoggedAction {
    /// A client acts.
    Client {
        connection: u64,
        action: Action,
    },
    /// The control interface writes to the response on a connection.
    Push {
        connection: u64,
        bytes: Bytes,
    },
    /// The control interface closes a connection.
    Close {
        connection: u64,
        how: ClosedHow,
    },
    Fault(Fault),
    DeleteFaults(Vec<u64>),
    Route(Value),
    DeleteRoutes(Vec<u64>),
    Publish(Publish),
}

/// The routes file of a served world, and the folder of the played files.
#[derive(Clone, Debug, Default)]
pub struct LoggedRoutes {
    /// The routes, channels and scenarios.
    pub model: Arc<Model>,
    /// The folder; nothing for a server without a routes file.
    pub folder: Option<PathBuf>,
}

impl LoggedWorld {
    /// Replays the log in virtual time, in a world with the routes file of the served world, if there was one, and compares
    /// the responses.
    ///
    /// # Errors
    ///
    /// If there was a routes file, and none is given, or the other way round; or if the world goes on long after the end of
    /// the log, or far more happens in the world than the log has lines for.
    ///
    /// # Panics
    ///
    /// If the server does.
    pub fn replay(&self, routes: Option<&LoggedRoutes>) -> Result<Replayed, LogError> {
        match (&self.routes, routes) {
            (Some(file), None) => return Err(LogError::NeedsRoutes(file.clone())),
            (None, Some(_)) => return Err(LogError::HasNoRoutes),
            _ => {}
        }
        let given = routes.cloned().unwrap_or_default();
        let folder = given.folder.clone();
        let scenario = self.scenario.clone();
        let has_built_in = routes.is_none();
        // Leaves the lab's own world empty: connections join the observed world with their first request.
        let setup = self.setup;
        let observed: Arc<OnceLock<Observed>> = Arc::default();
        let slot = Arc::clone(&observed);
        let meter = Meter::new(self.read_bytes_max);
        let metered = Arc::clone(&meter);
        let application = WorldServer::with_router(move |world| {
            let clock = MeteredClock { clock: Arc::clone(world.clock()), meter: Arc::clone(&metered) };
            let observed = || Observed::new(Arc::new(clock), &setup, &given.model, scenario.as_deref(), has_built_in);
            // Makes one observed world, however often the lab asks for a router.
            slot.get_or_init(observed).router()
        });
        let (logs, time) = world_lab::run_with(&setup, &application, async |lab| {
            let Observed { world, monitor, routes } = observed.get().expect("the lab has made its router");
            let (clients, meter) = (BTreeMap::new(), Arc::clone(&meter));
            let mut scheduler = LogScheduler { monitor, routes, folder, clients, meter: Arc::clone(&meter) };
            // Keeps the number of the line under way, for the error of a replay without end.
            let line = Cell::new(self.end.1);
            tokio::select! {
                biased;
                // Polls the meter first: a world that writes without end would leave the meter no turn.
                () = meter.passed() => Err(LogError::Unaccounted { line: line.get() }),
                logs = scheduler.play(lab, self, &line) => Ok((logs, world.clock().now().since_epoch())),
            }
        })??;
        Ok(self.compare(&logs, time))
    }
}

/// The world in which a log is replayed.
struct Observed {
    world: Arc<World>,
    monitor: Arc<Monitor>,
    routes: Arc<Routes>,
}

impl Observed {
    fn new(clock: Arc<dyn Clock>, setup: &Setup, model: &Model, scenario: Option<&str>, has_built_in: bool) -> Self {
        let monitor = Arc::new(Monitor::new(Arc::clone(&clock), Redaction::default()));
        let world = Arc::new(World::new(clock, setup.seed, setup.epoch, setup.limits));
        let routes = Arc::new(Routes::new(Arc::clone(&world), model, scenario, has_built_in));
        Self { world, monitor, routes }
    }

    fn router(&self) -> Router {
        let (monitor, routes) = (Arc::clone(&self.monitor), Arc::clone(&self.routes));
        router_with(Arc::clone(&self.world), Some(monitor as Arc<dyn Interceptor>), routes)
    }
}

/// Decides which client of a log acts when.
struct LogScheduler<'a> {
    monitor: &'a Monitor,
    routes: &'a Routes,
    folder: Option<PathBuf>,
    /// By the ordinals of their connections.
    clients: BTreeMap<u64, Player>,
    meter: Arc<Meter>,
}

impl LogScheduler<'_> {
    /// Does all actions of the log at their times; returns the log of each client.
    async fn play(&mut self, lab: &mut WorldLab, logged: &LoggedWorld, line: &Cell<usize>) -> BTreeMap<u64, ClientLog> {
        for (at, number, action) in &logged.actions {
            // Lets the world settle after each action, since logged actions of an instant have an order.
            line.set(*number);
            if lab.world().clock().now() < Instant::EPOCH + *at {
                lab.until(*at).await;
            }
            self.act(lab, action).await;
            lab.settle().await;
        }
        // Lets time pass to the latest line, which can come long after the last action.
        line.set(logged.end.1);
        lab.until(logged.end.0).await;
        let mut logs = BTreeMap::new();
        for (connection, client) in std::mem::take(&mut self.clients) {
            logs.insert(connection, client.close().await);
        }
        logs
    }

    async fn act(&mut self, lab: &mut WorldLab, logged: &LoggedAction) {
        match logged {
            LoggedAction::Client { connection, action } => {
                let client = self.clients.entry(*connection).or_insert_with(|| {
                    let meter = Arc::clone(&self.meter);
                    let ends = lab.pipe_through(WINDOW_BYTES, |pipe, _| metered(pipe, meter));
                    Player::new(Arc::clone(lab.clock()), ends, Bounds::NONE)
                });
                client.act(action.clone()).await;
            }
            LoggedAction::Push { connection, bytes } => {
                // Ignores a refusal: the served world has lost the write of an ended response as well.
                let _ = self.monitor.push(*connection, None, bytes.clone());
            }
            LoggedAction::Close { connection, how } => {
                self.monitor.close(*connection, *how);
            }
            LoggedAction::Fault(fault) => {
                // Ignores a refusal: the log has only faults for which there was room.
                let _ = self.monitor.add_fault(fault.clone());
            }
            LoggedAction::Route(form) => {
                // Leaves out a route whose played file is gone; the comparison then tells the difference.
                if let Ok(route) = read_route(form.clone(), self.folder.as_deref()) {
                    let _ = self.routes.add(vec![route]);
                }
            }
            LoggedAction::DeleteRoutes(ids) => {
                for id in ids {
                    self.routes.delete(Some(*id));
                }
            }
            LoggedAction::Publish(Publish { channel, id, chunk }) => {
                // Ignores a refusal: the log has only events of known channels.
                let _ = self.routes.publish_bytes(channel, chunk.bytes.clone(), id.clone());
            }
            LoggedAction::DeleteFaults(ids) => {
                for id in ids {
                    self.monitor.delete_faults(Some(*id));
                }
            }
        }
    }
}
