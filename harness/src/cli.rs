//! The command line: plain arguments, and what each command makes of them.
//!
//! Results go to stdout, everything else to stderr.

mod check;
mod files;
mod fixtures;
mod replay;
mod serve;
mod simulate;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use onbeat_server::random::Seed;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All holds.
    Holds = 0,
    /// Something does not conform.
    Differs = 1,
    /// Wrong usage, or the harness itself failed.
    Failed = 2,
    /// A second SIGINT or SIGTERM ended a server before its clients had taken the end of their streams.
    Hurried = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A Server-Sent Events server whose every byte can be foretold, and a harness that holds servers to their contract.
#[derive(Debug, Parser)]
#[command(name = "onbeat", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the seven endpoints over TCP, until SIGINT or SIGTERM
    Serve(serve::Arguments),
    /// Play streams in virtual time, each in a world of its own, and print what a client sees
    Replay(replay::Arguments),
    /// Judge a server by the fixtures; without a URL the embedded one, in virtual time
    Check(check::Arguments),
    /// Simulate random worlds under faults; a failing seed is shown with its shortest history
    Simulate(simulate::Arguments),
    /// Write the golden wire-format fixtures, or verify that they have not drifted
    Fixtures(fixtures::Arguments),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> Exit {
    // Wrong usage is explained by clap, which then exits with code 2.
    let arguments = Arguments::parse();
    log_to_stderr();
    let outcome = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Fixtures(arguments) => fixtures::run(&arguments),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(error.as_ref()) => Exit::Holds,
        Err(error) => {
            eprintln!("onbeat: {error}");
            Exit::Failed
        }
    }
}

/// Whoever read our output has seen enough, as in `onbeat replay | head`.
fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Logs at `info`, or as `RUST_LOG` says (`debug`, or `onbeat_server=debug,hyper=info`).
fn log_to_stderr() {
    let asked = std::env::var("RUST_LOG").ok();
    let targets = asked.as_ref().map(|targets| targets.parse::<Targets>());
    let default = Targets::new().with_default(LevelFilter::INFO);
    let wrong = matches!(targets, Some(Err(_)));
    let filter = targets.and_then(Result::ok).unwrap_or(default);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if wrong {
        tracing::warn!(RUST_LOG = asked, "can't be read, and is ignored: expected a level, or target=level,…");
    }
}

fn parse_seed(text: &str) -> Result<Seed, String> {
    text.parse().map(Seed).map_err(|_| "expected a whole number from 0 to 2^64 - 1".into())
}

/// Virtual time ends here: a century.
const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration =
        text.parse::<jiff::SignedDuration>().map_err(|error| format!("expected a time like 95s or 10m: {error}"))?;
    let whole_ms = duration.subsec_nanos() % 1_000_000 == 0;
    match Duration::try_from(duration) {
        Ok(duration) if whole_ms && duration <= DURATION_MAX => Ok(duration),
        _ => Err("expected whole milliseconds, from 0 to a century".into()),
    }
}

/// Ready at the first SIGINT or SIGTERM from now on.
///
/// # Panics
///
/// Outside a runtime.
#[cfg(unix)]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ready at the first Ctrl-C.
#[cfg(not(unix))]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler the machine ends the process itself.
        let _ = tokio::signal::ctrl_c().await;
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn a_duration_is_whole_milliseconds_of_the_future() {
        assert_eq!(parse_duration("95s"), Ok(Duration::from_secs(95)));
        assert_eq!(parse_duration("1m 35s"), Ok(Duration::from_secs(95)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "95", "-1s", "1us", "soon", "1000000000h"] {
            let error = parse_duration(wrong).expect_err(wrong);
            assert!(error.starts_with("expected "), "{error}");
        }
    }
}
