//! `onbeat simulate`.

use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::Exit;
use crate::lab::Application;
use crate::simulate::{Coverage, Failure, Simulator, Trace};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The seeds of the worlds: from A on, up to but without B
    #[arg(long, default_value = "0..1000", value_parser = parse_seeds, value_name = "A..B")]
    seeds: Range<u64>,
    /// How many worlds are simulated at a time; as many as there are cores without it
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Write what every client saw in the shortest failing histories, one object a line
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Every so many worlds one is played twice, since the same seed must give the same trace.
const TWICE_EVERY: u64 = 16;

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.filter(|seeds: &Range<u64>| !seeds.is_empty()).ok_or_else(|| "expected a range like 0..1000".into())
}

/// What came of all worlds.
#[derive(Default)]
struct Tally {
    failures: Vec<Failure>,
    /// The traces' hashes, added up, so that their order does not matter.
    trace: [u8; 32],
    worlds: u64,
    virtual_ms: u64,
    coverage: Coverage,
}

/// In fewer worlds something of interest may well never occur.
const WORLDS_FOR_COVERAGE: u64 = 1000;

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    let simulator = Simulator::new(Application::embedded());
    let jobs = arguments.jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let bar = ProgressBar::new(arguments.seeds.end - arguments.seeds.start);
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} worlds, {per_sec}, {eta} left")?);
    let (next, tally) = (AtomicU64::new(arguments.seeds.start), Mutex::new(Tally::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !arguments.seeds.contains(&seed) {
                return;
            }
            let outcome = world(&simulator, seed);
            bar.inc(1);
            let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            tally.worlds += 1;
            match outcome {
                Ok(trace) => {
                    tally.virtual_ms += trace.virtual_ms;
                    tally.trace.iter_mut().zip(part(seed, &trace)).for_each(|(sum, byte)| *sum ^= byte);
                    tally.coverage.add(&trace.coverage);
                }
                Err(failure) => tally.failures.push(*failure),
            }
        }
    };
    thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    bar.finish_and_clear();
    let mut tally = tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.failures.sort_by_key(|failure| failure.seed);
    if let Some(path) = &arguments.trace {
        let traces: String = tally.failures.iter().map(|failure| failure.transcripts.as_str()).collect();
        std::fs::write(path, traces).map_err(|error| format!("failed to write {}: {error}", path.display()))?;
    }
    print(&tally);
    let missed: Vec<&str> = tally.coverage.iter().filter(|(_, worlds)| *worlds == 0).map(|(thing, _)| thing).collect();
    let uncovered = tally.worlds >= WORLDS_FOR_COVERAGE && !missed.is_empty();
    if uncovered {
        println!("this never occurred: {}", missed.join(", "));
    }
    Ok(if tally.failures.is_empty() && !uncovered { Exit::Holds } else { Exit::Differs })
}

/// The trace of a world; every now and then of two, which must be the same.
fn world(simulator: &Simulator, seed: u64) -> Result<Trace, Box<Failure>> {
    let trace = simulator.world(seed)?;
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = simulator.world(seed)?;
        if trace != again {
            let violation = "the same seed gives the same trace\n  it gave another the second time".into();
            let (history, account, transcripts) = (String::new(), String::new(), String::new());
            return Err(Box::new(Failure { seed, violation, history, account, transcripts }));
        }
    }
    Ok(trace)
}

/// A world's part of the run's trace.
fn part(seed: u64, trace: &Trace) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(trace.hash);
    hash.finalize().into()
}

fn print(tally: &Tally) {
    for Failure { seed, violation, history, account, .. } in &tally.failures {
        println!("seed {seed}: {violation}\n");
        println!("the shortest history found:\n{history}");
        if !account.is_empty() {
            println!("what that client did and saw:\n{account}");
        }
        println!("again: onbeat simulate --seeds {seed}..{}\n", seed + 1);
    }
    if tally.worlds >= WORLDS_FOR_COVERAGE {
        for (thing, worlds) in tally.coverage.iter() {
            println!("{worlds:>9} worlds had {thing}");
        }
    }
    let hash: String = tally.trace[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let (worlds, failed, hours) = (tally.worlds, tally.failures.len(), tally.virtual_ms / 3_600_000);
    println!("{worlds} worlds, {failed} failed; {hours} h of virtual time; trace {hash}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(parse_seeds("5..10"), Ok(5..10));
        for wrong in ["", "5", "10..5", "5..5", "a..b", "-1..5"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
