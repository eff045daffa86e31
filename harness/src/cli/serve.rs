//! `onbeat serve`.

use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use onbeat_server::clock::TokioClock;
use onbeat_server::listener;
use onbeat_server::random::Seed;
use onbeat_server::timestamp::Epoch;
use onbeat_server::world::{Limits, World};

use super::{Exit, parse_seed, told_to_end};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:3000", value_parser = parse_addr, value_name = "HOST:PORT")]
    addr: SocketAddr,
    /// How time passes: as on the wall (real), or N times as fast (scaled:N)
    #[arg(long, default_value = "real", value_name = "real|scaled:N")]
    clock: ClockKind,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockKind {
    Real,
    Scaled(NonZeroU32),
}

impl FromStr for ClockKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let speed = text.strip_prefix("scaled:").and_then(|speed| speed.parse().ok());
        match (text, speed) {
            ("real", _) => Ok(Self::Real),
            (_, Some(speed)) => Ok(Self::Scaled(speed)),
            _ => Err("expected real, or scaled:N with a whole number N from 1 on".into()),
        }
    }
}

impl ClockKind {
    fn start(self) -> TokioClock {
        match self {
            Self::Real => TokioClock::start(),
            Self::Scaled(speed) => TokioClock::scaled(speed),
        }
    }
}

fn parse_addr(text: &str) -> Result<SocketAddr, String> {
    let mut addrs =
        text.to_socket_addrs().map_err(|error| format!("expected HOST:PORT, like 127.0.0.1:3000: {error}"))?;
    addrs.next().ok_or_else(|| format!("{text} has no address"))
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    // Each client is a file descriptor; the soft limit is often just 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let limits = Limits {
            mailbox_events_max: arguments.mailbox,
            connections_max: usize::try_from(arguments.connections).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let epoch = arguments.epoch.unwrap_or_else(Epoch::today);
        let world = World::new(Arc::new(arguments.clock.start()), arguments.seed, epoch, limits);
        let shutdown = told_to_end()?;
        let listener = listener::bind(arguments.addr)?;
        announce(listener.local_addr()?)?;
        listener::serve(listener, Arc::new(world), shutdown).await;
        Ok(Exit::Holds)
    })
}

/// The first line on stdout tells where the server is, for scripts that let it choose the port.
fn announce(addr: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{addr}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_real_or_scaled() {
        assert_eq!("real".parse(), Ok(ClockKind::Real));
        assert_eq!("scaled:100".parse(), Ok(ClockKind::Scaled(NonZeroU32::new(100).expect("not zero"))));
        for wrong in ["", "scaled", "scaled:", "scaled:0", "scaled:-1", "scaled:1.5", "fast"] {
            assert!(wrong.parse::<ClockKind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(parse_addr("127.0.0.1:0"), Ok("127.0.0.1:0".parse().expect("an address")));
        for wrong in ["", "3000", "127.0.0.1", "127.0.0.1:99999"] {
            let error = parse_addr(wrong).expect_err(wrong);
            assert!(error.starts_with("expected HOST:PORT"), "{error}");
        }
    }
}
