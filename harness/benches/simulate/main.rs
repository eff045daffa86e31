//! How many random worlds a core simulates, what memory they take, and the same worlds over turmoil:
//! `cargo bench --all-features --bench simulate`.
//!
//! The worlds are those of `onbeat simulate`, on one thread. `ONBEAT_BENCH_WORLDS` sets in how many the memory is
//! watched.
//!
//! turmoil plays the same histories with the same server code: the same requests, pauses and leaves, at the same virtual
//! milliseconds. What is cheaper for it is chosen: all clients share one host, nothing is late or lost, and its ticks are
//! the longest in which every deed and timer has its millisecond (and, to compare, ten times as long). It only plays:
//! its clients drop what they read, and nobody judges it; its links cut nothing into pieces; and since it can't tell when
//! all consequences of a deed are over, none waits for them. That changes what some clients get, such as who is evicted
//! in a burst, so the run fails if the servers' bytes differ by more than [`SAME_BYTES`] allows.
//!
//! turmoil pays for each tick, onbeat for each thing that happens, so the ratio grows with the length of a world, and is
//! printed for each length. The worlds of an hour, a sixth of all, are left out: turmoil would take minutes.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time, not a world's")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod over_turmoil;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use onbeat::simulate::{History, Simulator};
use onbeat::world_lab::WorldServer;
use onbeat_server::connection::Connection;
use onbeat_server::serving;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::over_turmoil::{is_known, over_turmoil};

/// How often each figure is measured.
const ROUNDS: usize = 5;
/// Worlds of each round.
const WORLDS: u32 = 2000;
/// Worlds in which the memory is watched, unless the environment says otherwise.
const WATCHED_WORLDS: u64 = 20_000;
/// How many worlds turmoil plays: the first ones that are short enough.
const SAMPLE: usize = 24;
/// The longest world that turmoil plays.
const SAMPLE_MS_MAX: u64 = 300_000;
/// How often a round plays the sample without turmoil, since once is over too soon to be measured.
const REPEATS: u32 = 20;
/// How much turmoil simulates at a time: what all deeds and timers are whole multiples of.
const TICK: Duration = Duration::from_millis(1);
/// Ten times that: messages are then up to 10 ms late, or early.
const COARSE_TICK: Duration = Duration::from_millis(10);
/// What the servers write may differ by one byte in so many.
const SAME_BYTES: u64 = 10;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match speed().and_then(|()| memory()).and_then(|()| beside_turmoil()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints how many worlds a core simulates, and how much faster than real time.
fn speed() -> Outcome<()> {
    let simulator = Simulator::new(WorldServer::embedded());
    let (mut took, mut virtual_ms) = ([0.0; ROUNDS], 0);
    for seconds in &mut took {
        (*seconds, virtual_ms) = timed(|| worlds(&simulator, 0..u64::from(WORLDS)))?;
    }
    let (seconds, lasted) = (median(took), Duration::from_millis(virtual_ms).as_secs_f64());
    println!("{WORLDS} worlds on one core, median of {ROUNDS} rounds");
    println!("  {:.0} worlds a second", f64::from(WORLDS) / seconds);
    println!("  {:.0} times real time", lasted / seconds);
    Ok(())
}

/// Simulates these worlds; returns how long they lasted, in virtual milliseconds.
fn worlds(simulator: &Simulator, mut seeds: impl Iterator<Item = u64>) -> Outcome<u64> {
    seeds.try_fold(0, |virtual_ms, seed| {
        let trace = simulator.world(seed).map_err(|failure| format!("seed {seed}: {}", failure.violation))?;
        Ok(virtual_ms + trace.virtual_ms)
    })
}

/// Prints how much memory the process holds after each tenth of a long run.
fn memory() -> Outcome<()> {
    let simulator = Simulator::new(WorldServer::embedded());
    let count = match std::env::var("ONBEAT_BENCH_WORLDS") {
        Ok(count) => count.parse().map_err(|_| format!("ONBEAT_BENCH_WORLDS is no number of worlds: {count}"))?,
        Err(_) => WATCHED_WORLDS,
    };
    println!("\nmemory over {count} worlds, resident");
    for tenth in 0..10 {
        let (from, to) = (count * tenth / 10, count * (tenth + 1) / 10);
        worlds(&simulator, from..to)?;
        let Some(kib) = resident_kib() else {
            println!("  not measured: this system has no /proc/self/status");
            break;
        };
        println!("  {to:>9} worlds  {kib:>7} KiB");
    }
    Ok(())
}

/// What of the process is in memory, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Prints how long the same worlds take over turmoil.
fn beside_turmoil() -> Outcome<()> {
    let sample: Vec<History> = (0..).map(History::new).filter(is_in_sample).take(SAMPLE).collect();
    println!("\nthe first {SAMPLE} worlds of at most {} min, beside turmoil", SAMPLE_MS_MAX / 60_000);
    compare(&over_onbeat(&sample)?, &over_turmoil(&sample, TICK)?)?;
    let mut lengths: BTreeMap<u64, Vec<History>> = BTreeMap::new();
    for history in sample {
        lengths.entry(history.end_ms).or_default().push(history);
    }
    println!("  medians of {ROUNDS} rounds, in milliseconds; and times onbeat's\n");
    println!("{:>16}{:>10}{:>22}{:>22}", "", "onbeat", "turmoil", "in ticks of 10 ms");
    let mut all = Rounds::default();
    for (length_ms, worlds) in lengths {
        let rounds = Rounds::of(&worlds)?;
        println!("{:>2} of {:>8} s{rounds}", worlds.len(), Duration::from_millis(length_ms).as_secs());
        all.add(&rounds);
    }
    println!("{:>16}{all}", "all");
    Ok(())
}

/// How long the same worlds took in each round, in seconds.
#[derive(Default)]
struct Rounds {
    onbeat: [f64; ROUNDS],
    turmoil: [f64; ROUNDS],
    /// In coarse ticks.
    coarse: [f64; ROUNDS],
}

impl Rounds {
    fn of(worlds: &[History]) -> Outcome<Self> {
        let mut rounds = Self::default();
        for round in 0..ROUNDS {
            let repeated = || (0..REPEATS).try_for_each(|_| over_onbeat(worlds).map(drop));
            rounds.onbeat[round] = timed(repeated)?.0 / f64::from(REPEATS);
            rounds.turmoil[round] = timed(|| over_turmoil(worlds, TICK))?.0;
            rounds.coarse[round] = timed(|| over_turmoil(worlds, COARSE_TICK))?.0;
        }
        Ok(rounds)
    }

    fn add(&mut self, more: &Self) {
        let add = |sum: &mut [f64; ROUNDS], more: [f64; ROUNDS]| {
            sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        };
        add(&mut self.onbeat, more.onbeat);
        add(&mut self.turmoil, more.turmoil);
        add(&mut self.coarse, more.coarse);
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [onbeat, turmoil, coarse] = [self.onbeat, self.turmoil, self.coarse].map(median);
        write!(f, "{:>10.2}", onbeat * 1000.0)?;
        [turmoil, coarse].iter().try_for_each(|took| write!(f, "{:>12.1} {:>8.1}x", took * 1000.0, took / onbeat))
    }
}

/// Whether a world is short enough, and nothing happens in it that can't be done over turmoil.
fn is_in_sample(history: &History) -> bool {
    let breaks = history.clients.iter().any(|link| link.breaks_after.is_some());
    let waits = history.connections_max < history.clients.len();
    history.end_ms <= SAMPLE_MS_MAX
        && !breaks
        && !waits
        && history.operations.iter().all(|operation| is_known(&operation.kind))
}

/// Fails unless the servers wrote the same, as nearly as it can be.
fn compare(ours: &[Vec<u64>], theirs: &[Vec<u64>]) -> Outcome<()> {
    let total = |written: &[Vec<u64>]| written.iter().flatten().sum::<u64>();
    let pairs = ours.iter().flatten().count().max(theirs.iter().flatten().count());
    let same = ours.iter().zip(theirs).flat_map(|(ours, theirs)| ours.iter().zip(theirs));
    let same = same.filter(|(ours, theirs)| ours == theirs).count();
    let (ours, theirs) = (total(ours), total(theirs));
    println!("  bytes written by the servers: {ours} over onbeat's links, {theirs} over turmoil's;");
    println!("  the very same number on {same} of {pairs} connections");
    if ours.abs_diff(theirs) <= ours / SAME_BYTES { Ok(()) } else { Err("that is not the same work".into()) }
}

/// Runs it; returns how many seconds it took, and its outcome.
fn timed<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<(f64, T)> {
    let start = std::time::Instant::now();
    let outcome = run()?;
    Ok((start.elapsed().as_secs_f64(), outcome))
}

fn median(mut values: [f64; ROUNDS]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many bytes a server has written to each connection.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Vec<u64>>>);

impl Tally {
    fn add(&self, connection: &Connection, bytes: usize) {
        let mut written = self.0.lock();
        let place = usize::try_from(connection.ordinal().unwrap_or_default()).unwrap_or_default();
        if written.len() <= place {
            written.resize(place + 1, 0);
        }
        written[place] += bytes as u64;
    }

    fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// A server's end of a connection whose writes are counted.
struct Counted<I> {
    io: I,
    connection: Arc<Connection>,
    tally: Tally,
}

impl<I: AsyncRead + Unpin> AsyncRead for Counted<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Counted<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.tally.add(&self.connection, count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Simulates these worlds as `onbeat simulate` does; returns what each connection of each was sent.
fn over_onbeat(sample: &[History]) -> Outcome<Vec<Vec<u64>>> {
    let tally = Tally::default();
    let counting = tally.clone();
    let mut application = WorldServer::embedded();
    application.serve = Arc::new(move |io, connection, router, head_time_max| {
        let io = Counted { io, connection: Arc::clone(&connection), tally: counting.clone() };
        serving::serve(io, connection, router, head_time_max).boxed()
    });
    let simulator = Simulator::new(application);
    let world = |history: &History| {
        simulator.replay(history.clone()).map_err(|failure| failure.violation.clone())?;
        Ok(tally.take())
    };
    sample.iter().map(world).collect()
}
