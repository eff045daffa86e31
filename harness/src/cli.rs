//! The command line: plain arguments, and what each command makes of them.
//!
//! Results go to stdout, everything else to stderr.

mod check;
mod fixtures;
mod replay;
mod serve;
mod simulate;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
