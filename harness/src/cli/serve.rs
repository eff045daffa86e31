//! `onbeat serve`.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::sync::Arc;

use onbeat_server::arrivals::Arrivals;
use onbeat_server::clock::{Kind, TokioClock};
use onbeat_server::control::{self, Access, Settings};
use onbeat_server::listener;
use onbeat_server::random::Seed;
use onbeat_server::router::router;
use onbeat_server::timestamp::Epoch;
use onbeat_server::world::{Limits, World};
use tokio::runtime::Runtime;

use super::{Exit, Output, parse_seed, told_to_end};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:3000", value_parser = parse_addr, value_name = "HOST:PORT")]
    addr: Addr,
    /// How time passes: as on the wall (real), N times as fast (scaled:N), or only when told (manual)
    #[arg(long, default_value = "real", value_name = "real|scaled:N|manual")]
    clock: Kind,
    /// Open the control interface, /__onbeat/…; a manual clock does so anyway
    #[arg(long)]
    control: bool,
    /// What whoever asks for control must know; needed on an address that other machines reach
    #[arg(long, value_name = "TOKEN")]
    control_token: Option<String>,
    /// An origin whose pages may ask for control, like `http://localhost:5173`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    control_origin: Vec<String>,
    /// The seed of the random values
    #[arg(long, default_value = "0", value_parser = parse_seed, value_name = "N", allow_negative_numbers = true)]
    seed: Seed,
    /// The wall-clock time at the start; the machine's without it
    #[arg(long, value_name = "RFC3339")]
    epoch: Option<Epoch>,
    /// Events a client of /sse may be behind before it is evicted
    #[arg(long, default_value_t = Limits::default().mailbox_events_max, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    mailbox: u64,
    /// Connections served at a time; more wait
    #[arg(long, default_value_t = Limits::default().connections_max as u64, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    connections: u64,
}

/// Where to listen, and how that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Addr {
    host: String,
    socket: SocketAddr,
}

fn parse_addr(text: &str) -> Result<Addr, String> {
    let mut addrs =
        text.to_socket_addrs().map_err(|error| format!("expected HOST:PORT, like 127.0.0.1:3000: {error}"))?;
    let socket = addrs.next().ok_or_else(|| format!("{text} has no address"))?;
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    Ok(Addr { host: host.to_owned(), socket })
}

impl Arguments {
    fn settings(&self) -> Settings {
        let limits = Limits {
            mailbox_events_max: self.mailbox,
            connections_max: usize::try_from(self.connections).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let epoch = self.epoch.unwrap_or_else(Epoch::today);
        Settings { clock: self.clock, seed: self.seed, epoch, limits }
    }

    /// Who may drive the server, if anybody may.
    fn access(&self) -> Result<Option<Access>, Box<dyn Error>> {
        if !self.control && self.clock != Kind::Manual {
            return match (&self.control_token, self.control_origin.first()) {
                (None, None) => Ok(None),
                _ => {
                    Err("--control-token and --control-origin mean nothing without --control or --clock manual".into())
                }
            };
        }
        let Addr { host, socket } = &self.addr;
        Ok(Some(Access::new(*socket, host, self.control_token.clone(), &self.control_origin)?))
    }

    /// With a manual clock one thread serves all, so that what arrives first happens first.
    fn runtime(&self) -> io::Result<Runtime> {
        match self.clock {
            Kind::Manual => tokio::runtime::Builder::new_current_thread().enable_all().build(),
            Kind::Real | Kind::Scaled(_) => Runtime::new(),
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    // Each client is a file descriptor; the soft limit is often just 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    let (settings, access) = (arguments.settings(), arguments.access()?);
    arguments.runtime()?.block_on(async {
        let router = match access {
            Some(access) => control::router(settings, access),
            None => uncontrolled(settings),
        };
        let shutdown = told_to_end()?;
        let listener = listener::bind(arguments.addr.socket)?;
        announce(listener.local_addr()?, out)?;
        // With a manual clock one thread serves all, and can tell what has arrived.
        let arrivals = (settings.clock == Kind::Manual).then(Arc::<Arrivals>::default);
        listener::serve_router(listener, router, settings.limits, arrivals, shutdown).await;
        Ok(Exit::Holds)
    })
}

/// A world that nobody drives.
fn uncontrolled(Settings { clock, seed, epoch, limits }: Settings) -> axum::Router {
    let speed = match clock {
        Kind::Scaled(speed) => speed,
        Kind::Real | Kind::Manual => NonZeroU32::MIN,
    };
    router(Arc::new(World::new(Arc::new(TokioClock::scaled(speed)), seed, epoch, limits)))
}

/// The first line on stdout tells where the server is, for scripts that let it choose the port.
fn announce(addr: SocketAddr, out: &mut Output) -> Result<(), Box<dyn Error>> {
    out.line(format_args!("listening on http://{addr}"));
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let socket = "127.0.0.1:0".parse().expect("an address");
        assert_eq!(parse_addr("127.0.0.1:0"), Ok(Addr { host: "127.0.0.1".into(), socket }));
        for wrong in ["", "3000", "127.0.0.1", "127.0.0.1:99999"] {
            let error = parse_addr(wrong).expect_err(wrong);
            assert!(error.starts_with("expected HOST:PORT"), "{error}");
        }
    }
}
