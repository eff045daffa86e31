//! The options of a server to start.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Kind;
use onbeat_control::{Redaction, RouteSettings, Settings};
use onbeat_routes::{Model, read_file, read_inline};
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use tokio::sync::oneshot;

use super::thread::ServerThread;
use super::{Reply, Server, ServerError};

/// How long clients are waited for, unless a test says otherwise, in the machine's time.
const PATIENCE: Duration = Duration::from_secs(10);

/// The options of a server to start. Without options, the server is as by [`Server::start`].
///
/// ```
/// # use onbeat::Server;
/// let server = Server::builder()
///     .routes(r#"
///         [[route]]
///         path = "/news"
///         steps = [{ subscribe = "news" }]
///
///         [channel.news]
///         history = 100
///
///         [[scenario.offline.route]]
///         path = "/news"
///         status = 503
///     "#)
///     .seed(42)
///     .start()
///     .wait()?;
/// assert_eq!(server.publish("news", "data: hello\n\n").wait()?.clients, 0);
/// # Ok::<(), onbeat::server::ServerError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a server starts with `.start()`"]
pub struct ServerBuilder {
    routes: RoutesSource,
    folder: Option<PathBuf>,
    scenario: Option<String>,
    has_built_in: bool,
    seed: u64,
    epoch: Option<String>,
    clock: Kind,
    port: u16,
    patience: Duration,
}

/// Where the routes are from.
#[derive(Clone, Debug)]
enum RoutesSource {
    None,
    Text(String),
    File(PathBuf),
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            routes: RoutesSource::None,
            folder: None,
            scenario: None,
            has_built_in: false,
            seed: 0,
            epoch: None,
            clock: Kind::Manual,
            port: 0,
            patience: PATIENCE,
        }
    }
}

impl ServerBuilder {
    /// Serves the routes, channels and scenarios in this text: TOML in the form of a routes file, or the same in JSON. The
    /// line `onbeat = 1` may be left out. Replaces what an earlier call of [`routes`](Self::routes) or
    /// [`routes_file`](Self::routes_file) has named.
    pub fn routes(self, text: impl Into<String>) -> Self {
        Self { routes: RoutesSource::Text(text.into()), ..self }
    }

    /// Serves the routes, channels and scenarios of a routes file in TOML. A relative path counts from the folder of the
    /// process: of the package, under `cargo test`.
    pub fn routes_file(self, file: impl Into<PathBuf>) -> Self {
        Self { routes: RoutesSource::File(file.into()), ..self }
    }

    /// Has routes of a text find the recordings that they play from this folder; from the folder of the process without it.
    /// The routes of a file find recordings from the folder of the file.
    pub fn folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..self }
    }

    /// Serves this scenario of the routes first.
    pub fn scenario(self, name: impl Into<String>) -> Self {
        Self { scenario: Some(name.into()), ..self }
    }

    /// Serves the built-in streams, such as `/sse`, where no route matches.
    pub fn built_in_streams(self) -> Self {
        Self { has_built_in: true, ..self }
    }

    /// Seeds the random values of the streams; 0 without it.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the wall-clock time at 0 ms, such as `2025-12-01T00:00:00Z` (RFC 3339). Without it the time is the machine's, or
    /// 2025-12-01T00:00:00Z with a manual clock.
    pub fn epoch(self, epoch: impl Into<String>) -> Self {
        Self { epoch: Some(epoch.into()), ..self }
    }

    /// Lets time pass as on the wall, or faster: [`ClockKind::Real`](super::ClockKind::Real) or
    /// [`ClockKind::Scaled`](super::ClockKind::Scaled). Without it time passes only by [`Server::advance`].
    pub fn clock(self, clock: Kind) -> Self {
        Self { clock, ..self }
    }

    /// Lets time pass `times` as fast as on the wall, from 1 on.
    ///
    /// # Panics
    ///
    /// If `times` is 0.
    pub fn scaled_clock(self, times: u32) -> Self {
        self.clock(Kind::Scaled(NonZeroU32::new(times).expect("time passes at least as fast as on the wall")))
    }

    /// Listens on this port of 127.0.0.1; on any free port without it.
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Waits at most so long for clients, in [`Server::connected`] and [`Server::subscribed`], in the machine's time; 10
    /// seconds without it.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// If the routes have problems (all of these), there is no such scenario, the epoch can't be read, or the port is taken.
    pub fn start(self) -> Reply<Server> {
        Reply::new(move || {
            let (addr, patience) = (SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), self.patience);
            match self.settings() {
                Ok(settings) => ServerThread::start(settings, addr, patience),
                // Answers at once, without a thread.
                Err(error) => {
                    let (refused, answer) = oneshot::channel();
                    let _ = refused.send(Err(error));
                    answer
                }
            }
        })
    }

    fn settings(self) -> Result<Settings, ServerError> {
        let epoch = match &self.epoch {
            Some(text) => text.parse().map_err(|error| ServerError::wrong(format!("epoch: {error}, got {text:?}")))?,
            None => self.clock.epoch(),
        };
        let seed = Seed(self.seed);
        let (limits, redaction) = (Limits::default(), Redaction::default());
        Ok(Settings { clock: self.clock, seed, epoch, limits, redaction, routes: self.route_settings()? })
    }

    fn route_settings(self) -> Result<RouteSettings, ServerError> {
        let folder = self.folder.unwrap_or_else(|| PathBuf::from("."));
        let of_text = |model: Model| RouteSettings {
            model: Arc::new(model),
            folder: Some(folder.clone()),
            ..RouteSettings::default()
        };
        let settings = match &self.routes {
            RoutesSource::None => of_text(Model::default()),
            RoutesSource::Text(text) => of_text(read_inline(text, &folder)?),
            RoutesSource::File(file) => RouteSettings::of_file(file, read_file(file)?),
        };
        // Checks the name now, since a world without the scenario would start without a word.
        if let Some(name) = &self.scenario {
            settings.check_scenario(name)?;
        }
        Ok(RouteSettings { scenario: self.scenario, alone: !self.has_built_in, ..settings })
    }
}
