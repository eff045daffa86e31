//! `onbeat serve`.

use std::error::Error;
use std::io;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;

use onbeat_clock::{Kind, TokioClock};
use onbeat_control::{Access, NoSuchScenario, Redaction, RouteSettings, Settings};
use onbeat_routes::Routes;
use onbeat_server::arrivals::Arrivals;
use onbeat_server::limits::Limits;
use onbeat_server::listener::{self, Sockets};
use onbeat_server::random::Seed;
use onbeat_server::router::{router, router_with};
use onbeat_server::world::World;
use onbeat_wire::Epoch;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::addr::{self, Addr};
use super::{Exit, Output, open_files, parse_count, parse_seed, routes, told_to_end};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArguments {
    /// Serve the routes in this file, instead of the built-in endpoints
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// Serve this scenario of the file first
    #[arg(long, value_name = "NAME", requires = "routes")]
    scenario: Option<String>,
    /// Where to listen: on all addresses of a name, such as localhost; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:3000", value_parser = addr::parse, value_name = "HOST:PORT")]
    addr: Addr,
    /// How time passes: as on the wall (real), N times as fast (scaled:N), or only when told (manual)
    #[arg(long, default_value = "real", value_name = "real|scaled:N|manual")]
    clock: Kind,
    /// Open the control interface, /__onbeat/…; a manual clock does so anyway
    #[arg(long)]
    control: bool,
    /// The token that every control request must have; needed on an address that other machines reach
    #[arg(long, value_name = "TOKEN")]
    control_token: Option<String>,
    /// An origin whose pages may ask for control, like `http://localhost:5173`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    control_origin: Vec<String>,
    /// A name by which control may be asked for without a token, like `host.docker.internal`; may be repeated
    #[arg(long, value_name = "NAME")]
    control_host: Vec<String>,
    /// A header, query parameter, field of a form or key of JSON whose values the log leaves out, beside the usual ones; may be
    /// repeated
    #[arg(long, value_name = "NAME")]
    redact: Vec<String>,
    /// The seed of the random values
    #[arg(long, default_value = "0", value_parser = parse_seed, value_name = "N", allow_negative_numbers = true)]
    seed: Seed,
    /// The wall-clock time at the start; without it the machine's, or 2025-12-01T00:00:00Z with a manual clock
    #[arg(long, value_name = "RFC3339")]
    epoch: Option<Epoch>,
    /// Events a client of /sse may be behind before it is evicted
    #[arg(long, default_value_t = Limits::default().mailbox_events_max, value_parser = parse_limit, value_name = "N", allow_negative_numbers = true)]
    mailbox: u64,
    /// Connections served at a time; more wait
    #[arg(long, default_value_t = Limits::default().connections_max as u64, value_parser = parse_limit, value_name = "N", allow_negative_numbers = true)]
    connections: u64,
}

fn parse_limit(text: &str) -> Result<u64, String> {
    parse_count(text).map(NonZeroU64::get)
}

impl ServeArguments {
    fn settings(&self) -> Result<Settings, Box<dyn Error>> {
        let limits = Limits {
            mailbox_events_max: self.mailbox,
            connections_max: usize::try_from(self.connections).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let epoch = self.epoch.unwrap_or_else(|| self.clock.epoch());
        let redaction = Redaction::with(&self.redact).map_err(|error| format!("--redact: {error}"))?;
        Ok(Settings { clock: self.clock, seed: self.seed, epoch, limits, redaction, routes: self.route_settings()? })
    }

    /// Reads the routes in the file; none without a file.
    fn route_settings(&self) -> Result<RouteSettings, Box<dyn Error>> {
        let Some(file) = &self.routes else { return Ok(RouteSettings::default()) };
        let mut settings = RouteSettings::of_file(file, routes::read(file)?);
        if let Some(name) = &self.scenario {
            settings.check_scenario(name).map_err(|NoSuchScenario { known, given }| {
                let expected = match known[..] {
                    [] => format!("no scenario: {} has none", file.display()),
                    _ => format!("one of {}", known.join(", ")),
                };
                format!("--scenario: expected {expected}, got {given}")
            })?;
        }
        settings.scenario.clone_from(&self.scenario);
        Ok(settings)
    }

    /// Returns which clients may drive the server; none without a control interface.
    fn access(&self) -> Result<Option<Access>, Box<dyn Error>> {
        if self.control || self.clock == Kind::Manual {
            let Addr { host, sockets, .. } = &self.addr;
            let access = Access::new(sockets, host, self.control_token.clone(), &self.control_origin)?;
            return Ok(Some(access.with_hosts(&self.control_host)?));
        }
        // Refuses options without an effect: someone would take the server for protected, or a log for redacted.
        let needless = [
            ("--control-token", self.control_token.is_some()),
            ("--control-origin", !self.control_origin.is_empty()),
            ("--control-host", !self.control_host.is_empty()),
            ("--redact", !self.redact.is_empty()),
        ];
        match needless.iter().find(|(_, is_given)| *is_given) {
            None => Ok(None),
            Some((option, _)) => Err(format!("{option} means nothing without --control or --clock manual").into()),
        }
    }

    /// Returns a runtime. With a manual clock a single thread serves all connections, in the order of arrival.
    fn runtime(&self) -> io::Result<Runtime> {
        match self.clock {
            Kind::Manual => tokio::runtime::Builder::new_current_thread().enable_all().build(),
            Kind::Real | Kind::Scaled(_) => Runtime::new(),
        }
    }
}

pub(super) fn run(arguments: &ServeArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    open_files::raise();
    let (settings, access) = (arguments.settings()?, arguments.access()?);
    let limits = settings.limits;
    // Counts arrivals only with a manual clock, whose single thread can tell which bytes have arrived.
    let arrivals = (settings.clock == Kind::Manual).then(Arc::<Arrivals>::default);
    arguments.runtime()?.block_on(async {
        let router = match access {
            Some(access) => onbeat_control::router(settings, access),
            None => uncontrolled(settings),
        };
        // Registers the signals before listening, and prints the URL after: a script may connect or end the server at once.
        let (told, hurried) = told_to_end_and_to_hurry()?;
        let sockets = Sockets::bind(&arguments.addr.sockets)?;
        let addrs = sockets.addrs()?;
        if addrs.len() > 1 {
            tracing::info!(?addrs, "listening");
        }
        announce(&arguments.addr.url(&addrs), out)?;
        tokio::select! {
            biased;
            // Polls the second signal first, so that a busy server can't delay the end.
            () = hurried => Ok(Exit::Hurried),
            () = listener::serve_router(sockets, router, limits, arrivals, told) => Ok(Exit::Holds),
        }
    })
}

/// Returns a wait for the first SIGINT, SIGTERM or SIGHUP, and a wait for the second.
fn told_to_end_and_to_hurry() -> io::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let first = told_to_end()?;
    let (tell, told) = oneshot::channel();
    let told_to_end = async move {
        first.await;
        // Registers the second signal after the first; ignores a receiver that is gone together with the server.
        let _ = tell.send(super::told_to_end());
    };
    let told_to_hurry = async move {
        match told.await {
            Ok(Ok(second)) => second.await,
            _ => std::future::pending().await,
        }
    };
    Ok((told_to_end, told_to_hurry))
}

/// Returns the router of a world without a control interface.
fn uncontrolled(Settings { clock, seed, epoch, limits, routes, .. }: Settings) -> axum::Router {
    let speed = match clock {
        Kind::Scaled(speed) => speed,
        Kind::Real | Kind::Manual => NonZeroU32::MIN,
    };
    let world = Arc::new(World::new(Arc::new(TokioClock::scaled(speed)), seed, epoch, limits));
    if !routes.alone {
        return router(world);
    }
    let application = Routes::new(Arc::clone(&world), &routes.model, routes.scenario.as_deref(), false);
    router_with(world, None, Arc::new(application))
}

/// Prints the URL of the server as the first line on stdout, for scripts that let the server choose the port.
fn announce(url: &str, out: &mut Output) -> Result<(), Box<dyn Error>> {
    out.line(format_args!("listening on {url}"));
    Ok(out.flush()?)
}
