//! What a broadcast costs with many clients, beside a plain axum server, over loopback: `cargo bench --all-features --bench fan_out`.
//!
//! Each server runs in a process of its own, so that its memory and its limits are its own, and on all cores. The
//! clients are one thread that reads whatever is ready: it shares the cores with the server, so it does as little as it
//! can. They check that no event is lost, doubled or out of order; if one is, the run fails.
//!
//! In each round both servers start anew and are measured one after the other, so that drift hits both alike.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time, not a world's")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod client;
mod contender;
mod crowd;
mod figures;
mod plain;
mod process;
mod publisher;
mod socket;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mimalloc::MiMalloc;

use crate::contender::{Contender, serve};
use crate::crowd::Crowd;
use crate::figures::{Column, FIGURES, Figures, median, medians};
use crate::process::Process;

// Serves both with the allocator of the program `onbeat`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Broadcasts that each wait until every client has the one before.
const SINGLE: u32 = 20;
/// Broadcasts back to back; fewer than a mailbox holds.
const BURST: u32 = 200;
/// How long a round may take with one server, before the run is given up.
const ROUND_TIME_MAX: Duration = Duration::from_secs(180);

#[derive(Debug, Parser)]
struct Arguments {
    /// Clients of /sse
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How often each server is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Be this server, until standard input ends
    #[arg(long, hide = true)]
    serve: Option<Contender>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.serve {
        Some(contender) => serve(contender),
        None => compare(arguments.clients, arguments.rounds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fan_out: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures both servers in turn, and prints what came out.
fn compare(clients: u32, rounds: u32) -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    give_up_after(ROUND_TIME_MAX * 2 * rounds);
    let mut measured = Contender::value_variants().iter().map(|&contender| (contender, Vec::new())).collect::<Vec<_>>();
    for _ in 0..rounds {
        for (contender, all) in &mut measured {
            all.push(measure(*contender, clients).map_err(|error| format!("{contender:?}: {error}"))?);
        }
    }
    let cores = thread::available_parallelism()?;
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    println!("{clients} clients over loopback, medians of {rounds} rounds; {cores} cores, {os}, {arch}\n");
    let [onbeat, plain] = [0, 1].map(|i: usize| medians(&measured[i].1));
    println!("{:44}{:>10}{:>10}{:>10}", "", "onbeat", "plain", "ratio");
    for (figure, name) in FIGURES.iter().enumerate() {
        let (onbeat, plain) = (onbeat[figure], plain[figure]);
        let ratio = onbeat.zip(plain).map(|(onbeat, plain)| onbeat / plain);
        println!("{name:44}{}{}{}", Column(onbeat), Column(plain), Column(ratio));
    }
    Ok(())
}

/// Ends the process after a while, come what may. Servers end with it, since their standard input does.
fn give_up_after(time: Duration) {
    thread::spawn(move || {
        thread::sleep(time);
        eprintln!("fan_out: given up after {} s", time.as_secs());
        std::process::exit(1);
    });
}

/// One round with one server.
fn measure(contender: Contender, clients: u32) -> Result<Figures, Box<dyn Error>> {
    let server = Process::start(contender)?;
    let mut crowd = Crowd::new(server.addr)?;
    let per_client = |kib: Option<f64>, before: Option<f64>| Some((kib? - before?) / f64::from(clients));

    let empty = server.memory_kib();
    crowd.join(clients as usize)?;
    let greeted = server.memory_kib();

    let mut single = Vec::new();
    for _ in 0..SINGLE {
        single.push(crowd.timed(|crowd| crowd.broadcast(1))?);
    }
    let slowest = single.iter().copied().reduce(f64::max);

    let before = server.processor_seconds();
    let pipelined = crowd.timed(|crowd| crowd.broadcast(BURST))?;
    let answered = crowd.timed(|crowd| {
        for _ in 0..BURST {
            crowd.request(1)?;
            crowd.until(Crowd::is_answered)?;
        }
        crowd.until(Crowd::is_complete)
    })?;
    let after = server.processor_seconds();
    let busy = before.zip(after).map(|(before, after)| after - before);

    let (burst, crowded) = (f64::from(BURST), f64::from(clients));
    Ok([
        per_client(greeted, empty),
        per_client(server.memory_kib(), empty),
        median(single).map(|seconds| seconds * 1e3),
        slowest.map(|seconds| seconds * 1e3),
        Some(burst / pipelined),
        Some(burst / pipelined * crowded),
        Some(burst / answered),
        Some(burst / answered * crowded),
        busy.map(|seconds| seconds * 1e6 / (2.0 * burst * crowded)),
    ])
}
