//! The command line: arguments, and the work of each command.
//!
//! Results go to stdout, everything else to stderr.

mod addr;
mod check;
mod duration;
mod files;
mod fixtures;
mod open_files;
mod output;
mod record;
mod replay;
mod routes;
mod serve;
mod simulate;

use std::io;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueEnum};
use onbeat_server::random::Seed;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use self::duration::{parse_duration, parse_watched};
use self::output::{Output, Stderr, tell};
use crate::input;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All holds.
    Holds = 0,
    /// A server, or a file, does not conform.
    Differs = 1,
    /// Wrong usage, an unusable file or server, or a failure of the harness itself.
    Failed = 2,
    /// A second SIGINT, SIGTERM or SIGHUP ended a server before its clients had taken the end of their streams.
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
    /// Serve your own routes, or the seven built-in endpoints, over TCP, until SIGINT, SIGTERM or SIGHUP
    Serve(serve::ServeArguments),
    /// Check files of your own routes, or print the JSON Schema of such files
    Routes(routes::RoutesArguments),
    /// Play streams in virtual time, each in a world of its own, and print what a client sees
    Replay(replay::ReplayArguments),
    /// Record what a server answers, chunk by chunk with times: one exchange, or as a proxy all that pass
    Record(record::RecordArguments),
    /// Judge a server by the fixtures; without a URL the embedded one, in virtual time
    Check(check::CheckArguments),
    /// Simulate random worlds under faults; a failing seed is shown with its shortest history
    Simulate(simulate::SimulateArguments),
    /// Write the golden wire-format fixtures, or verify that they have not drifted
    Fixtures(fixtures::FixturesArguments),
}

/// Runs the program with the process's arguments.
///
/// A reader that leaves early, such as `head`, changes no exit code. A result that can't be printed is a failure.
#[must_use]
pub fn main() -> Exit {
    let mut out = Output::new();
    let outcome = match Arguments::try_parse() {
        Ok(arguments) => {
            log_to_stderr();
            run(&arguments.command, &mut out)
        }
        // Prints help on request, or the problem of a wrong usage.
        Err(message) => Ok(out.clap(&message)),
    };
    // Prints the results before reporting a failure.
    let printed = out.flush();
    match (outcome, printed) {
        (Ok(exit), Ok(())) => exit,
        (outcome, printed) => {
            outcome.err().into_iter().for_each(tell);
            printed.err().into_iter().for_each(tell);
            Exit::Failed
        }
    }
}

fn run(command: &Command, out: &mut Output) -> Result<Exit, Box<dyn std::error::Error>> {
    match command {
        Command::Serve(arguments) => serve::run(arguments, out),
        Command::Routes(arguments) => Ok(routes::run(arguments, out)),
        Command::Replay(arguments) => replay::run(arguments, out),
        Command::Record(arguments) => record::run(arguments, out),
        Command::Check(arguments) => check::run(arguments, out),
        Command::Simulate(arguments) => simulate::run(arguments, out),
        Command::Fixtures(arguments) => fixtures::run(arguments, out),
    }
}

/// Logs to stderr at `info`, or as `RUST_LOG` says (`debug`, or `onbeat_server=debug,hyper=info`).
fn log_to_stderr() {
    let asked = std::env::var("RUST_LOG").ok();
    let targets = asked.as_ref().map(|targets| targets.parse::<Targets>());
    let default = Targets::new().with_default(LevelFilter::INFO);
    let wrong = matches!(targets, Some(Err(_)));
    // Reports a wrong RUST_LOG by the log itself, and so only when the log exists.
    let filter = targets.and_then(Result::ok).unwrap_or(default);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Stderr).with_ansi(Stderr::is_terminal());
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if wrong {
        tracing::warn!(RUST_LOG = asked, "can't be read, and is ignored: expected a level, or target=level,…");
    }
}

/// How to print results.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Aligned columns, for people
    Text,
    /// One object a line, for programs
    Jsonl,
}

/// Reads a number that can't be zero.
fn parse_count<T: FromStr>(text: &str) -> Result<T, String> {
    // Names the bound of the type, which `parse` enforces without naming.
    let max = if size_of::<T>() == 4 { "2^32 - 1" } else { "2^64 - 1" };
    text.parse().map_err(|_| format!("expected a whole number from 1 to {max}"))
}

/// Reads a seed.
fn parse_seed(text: &str) -> Result<Seed, String> {
    text.parse().map(Seed).map_err(|_| "expected a whole number from 0 to 2^64 - 1".into())
}

/// Waits for the first SIGINT, SIGTERM or SIGHUP from now on; under `nohup` SIGHUP does not count.
///
/// # Panics
///
/// Outside a runtime.
#[cfg(unix)]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    use futures_util::future::select_all;
    use tokio::signal::unix::{SignalKind, signal};

    // Leaves SIGHUP ignored under `nohup`, whose purpose is to outlive the terminal.
    let hangup = (!ignores_hangup()).then(SignalKind::hangup);
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
    let mut signals = kinds.map(signal).collect::<io::Result<Vec<_>>>()?;
    // Registers all signals before the wait, so that no signal from here on kills the process.
    Ok(async move {
        select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    })
}

/// Returns whether SIGHUP is ignored from the start of the process, as under `nohup`. Only Linux tells without unsafe code.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Reads a mask in hexadecimal, whose lowest bit is signal 1, SIGHUP.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Waits for the first Ctrl-C.
#[cfg(not(unix))]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Ignores a failure: without a handler the operating system ends the process.
        let _ = tokio::signal::ctrl_c().await;
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
