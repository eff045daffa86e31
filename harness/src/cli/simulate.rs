//! `onbeat simulate`.

use std::error::Error;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use onbeat_clock::{Clock, TokioClock};

use super::{Exit, Output, files, input, parse_count, parse_duration, told_to_end};
use crate::simulate::{Failure, Run, Simulator, histories};
use crate::world_lab::WorldServer;

#[derive(Debug, clap::Args)]
pub(super) struct SimulateArguments {
    /// The seeds of the worlds: from A on, up to but without B, or without an end [default: 0..1000; 0.. with --for]
    #[arg(long, value_parser = parse_seeds, value_name = "A..B", allow_hyphen_values = true)]
    seeds: Option<Range<u64>>,
    /// How many worlds are simulated at a time; as many as there are cores without it
    #[arg(long, value_parser = parse_count::<NonZeroUsize>, value_name = "N", allow_negative_numbers = true)]
    jobs: Option<NonZeroUsize>,
    /// How long to go on, in real time
    #[arg(long = "for", value_parser = parse_duration, value_name = "DURATION", allow_hyphen_values = true)]
    lasts: Option<Duration>,
    /// Write the shortest failing histories, and what every client saw in them, one object a line
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Replay the histories in a trace, and nothing else; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "jobs", "lasts", "trace"])]
    again: Option<PathBuf>,
}

/// In fewer worlds an event of interest may well never occur.
const WORLDS_FOR_COVERAGE: u64 = 1000;

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let range: Option<Range<u64>> = text.split_once("..").and_then(|(from, to)| {
        let to = if to.is_empty() { u64::MAX } else { to.parse().ok()? };
        Some(from.parse().ok()?..to)
    });
    match range {
        None => Err("expected a range like 0..1000, or 0..".into()),
        Some(Range { start, end }) if start >= end => {
            Err("expected a range with at least one seed, like 0..1000: the seed behind the dots is not simulated"
                .into())
        }
        Some(seeds) => Ok(seeds),
    }
}

pub(super) fn run(arguments: &SimulateArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    // Finds an unwritable path out first, since a simulation may take hours.
    let read: Vec<&Path> = arguments.again.as_deref().into_iter().collect();
    files::check_writable(arguments.trace.as_deref(), &read)?;
    let simulator = Simulator::new(WorldServer::embedded());
    if let Some(path) = &arguments.again {
        return again(&simulator, path, out);
    }
    // Lets the time alone end a simulation with `--for`.
    let default = if arguments.lasts.is_some() { 0..u64::MAX } else { 0..1000 };
    let seeds = arguments.seeds.clone().unwrap_or(default);
    let jobs = arguments.jobs.or_else(|| thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let bar = bar(&seeds)?;
    let stop = stop_after(arguments.lasts)?;
    let run = simulator.run(&seeds, jobs, || {
        bar.inc(1);
        !stop.load(Ordering::Relaxed)
    });
    bar.finish_and_clear();
    // Prints before writing the file: a file that can't be written loses no results.
    let verdict = print(&run, seeds.start, out);
    let printed = out.flush();
    if let Some(path) = &arguments.trace {
        let traces: String = run.failures.iter().map(Failure::to_jsonl).collect();
        files::write(path, &traces)?;
    }
    printed?;
    Ok(verdict)
}

fn bar(seeds: &Range<u64>) -> Result<ProgressBar, Box<dyn Error>> {
    let (bar, template) = if seeds.end == u64::MAX {
        (ProgressBar::no_length(), "{spinner} {pos} worlds, {per_sec}, {elapsed}")
    } else {
        (ProgressBar::new(seeds.end - seeds.start), "{bar:40} {pos} of {len} worlds, {per_sec}, {eta} left")
    };
    Ok(bar.with_style(ProgressStyle::with_template(template)?))
}

/// Returns a flag that is set when the time is over, or the process is told to end. The worlds so far are reported then.
fn stop_after(lasts: Option<Duration>) -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Registers the signals here rather than in the thread: a failure ends the command.
    let told_to_end = {
        let _entered = runtime.enter();
        told_to_end()?
    };
    tracing::debug!("simulating; Ctrl-C ends it");
    // Leaves the thread to end with the process.
    thread::spawn(move || {
        runtime.block_on(async {
            let clock = TokioClock::start();
            let over = async {
                match lasts {
                    Some(lasts) => clock.sleep_until(clock.now() + lasts).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = told_to_end => {}
                () = over => {}
            }
            stopped.store(true, Ordering::Relaxed);
        });
    });
    Ok(stop)
}

fn print(run: &Run, from: u64, out: &mut Output) -> Exit {
    for failure in &run.failures {
        let seed = failure.history.seed;
        out.line(format_args!("{failure}\nagain: onbeat simulate --seeds {seed}..{}\n", seed.saturating_add(1)));
    }
    // Fails a run without an event of interest, which proves nothing about the event.
    let mut uncovered = Vec::new();
    if run.worlds >= WORLDS_FOR_COVERAGE {
        for (thing, worlds) in run.coverage.iter() {
            out.line(format_args!("{worlds:>9} worlds had {thing}"));
            uncovered.extend((worlds == 0).then_some(thing));
        }
    }
    let (worlds, failed, hours) = (run.worlds, run.failures.len(), run.virtual_ms / 3_600_000);
    out.line(format_args!(
        "seeds {from}..{}: {worlds} worlds, {failed} failed; {hours} h of virtual time; trace {}",
        from + worlds,
        run.trace()
    ));
    if !uncovered.is_empty() {
        out.line(format_args!("this never occurred: {}", uncovered.join(", ")));
    }
    if run.failures.is_empty() && uncovered.is_empty() { Exit::Holds } else { Exit::Differs }
}

fn again(simulator: &Simulator, path: &Path, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let name = input::name(path);
    let histories = histories(&input::read(path)?).map_err(|wrong| format!("failed to read {name}: {wrong}"))?;
    if histories.is_empty() {
        return Err(format!("{name} has no history: it is not a trace of onbeat simulate").into());
    }
    let stop = stop_after(None)?;
    let (mut played, mut failed) = (0, 0);
    for history in histories {
        // Stops between two histories, so that a history is replayed whole or not at all.
        if stop.load(Ordering::Relaxed) {
            break;
        }
        played += 1;
        if let Err(failure) = simulator.replay(history) {
            failed += 1;
            out.line(failure);
        }
    }
    out.line(format_args!("{played} histories, {failed} failed"));
    Ok(if failed == 0 { Exit::Holds } else { Exit::Differs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(parse_seeds("5..10"), Ok(5..10));
        assert_eq!(parse_seeds("5.."), Ok(5..u64::MAX));
        for wrong in ["", "5", "10..5", "5..5", "a..b", "-1..5", "..5"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
