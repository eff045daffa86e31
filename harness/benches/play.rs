//! What a write of a team's own route costs, beside the same write of a built-in stream:
//! `cargo bench --all-features --bench play`.
//!
//! One client watches `/sse` in virtual time: as the built-in stream, as a recording of just that, as steps, and as heartbeats
//! beside a response that stays open. The bytes are the same; all are served in the same way and read by the same client.
//! Each is watched in turn with the built-in stream, so that a busy machine slows both down: a ratio is the median over the
//! pairs. The run fails if a write of a route costs more than [`RATIO_MAX`] built-in ones.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time, not a world's")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onbeat::world_lab::{self, Setup, WorldServer};
use onbeat_routes::{Model, Routes, read_text};
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_wire::Transcript;

/// How often each stream is watched beside the built-in one.
const PAIRS: usize = 16;
/// How long, in virtual time: 24 000 heartbeats.
const WATCHED: Duration = Duration::from_secs(24_000 * 30);
/// How many times the cost of a built-in write a write of a route may cost.
const RATIO_MAX: f64 = 1.5;

fn main() -> ExitCode {
    let built_in = WorldServer::embedded();
    let recording = recording();
    let by_file = ROUTES.map(|(name, keys)| {
        let text = format!("onbeat = 1\n[[route]]\npath = \"/sse\"\n{keys}");
        (name, routes(read_text("routes.toml", &text, &recording).expect("a route")))
    });
    println!("a write of /sse beside a built-in one, medians of {PAIRS} pairs");
    let mut is_cheap = true;
    for (name, by_file) in by_file {
        let (mut ns, mut built_in_ns, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..PAIRS {
            // Each goes first in half of the pairs: the memory that the first leaves behind slows the second down.
            let mut pair = [&built_in, &by_file];
            pair.rotate_left(number % 2);
            let mut measured = pair.map(ns_per_write);
            measured.rotate_left(number % 2);
            built_in_ns.push(measured[0]);
            ns.push(measured[1]);
            ratios.push(measured[1] / measured[0]);
        }
        let (ns, built_in_ns, ratio) = (median(ns), median(built_in_ns), median(ratios));
        println!("  {name:<26}{ns:>6.0} ns  built in {built_in_ns:>6.0} ns  {ratio:.2} times");
        is_cheap &= ratio <= RATIO_MAX;
    }
    if is_cheap { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same bytes at the same times as those of the built-in stream, in four forms.
const ROUTES: [(&str, &str); 4] = [
    ("played", r#"play = "sse.jsonl""#),
    (
        "steps",
        r#"headers = { connection = "keep-alive", access-control-allow-origin = "*" }
        steps = [
          { data = '{"message": "连接成功"}' },
          { wait_ms = 30000, send = "heartbeat:\n\n", times = 100000, every_ms = 30000 },
        ]"#,
    ),
    (
        "heartbeats",
        r#"headers = { connection = "keep-alive", access-control-allow-origin = "*" }
        steps = [{ data = '{"message": "连接成功"}' }, { open = true }]
        heartbeat = { every_ms = 30000, send = "heartbeat:\n\n" }"#,
    ),
    (
        "heartbeats after silence",
        r#"headers = { connection = "keep-alive", access-control-allow-origin = "*" }
        steps = [{ data = '{"message": "连接成功"}' }, { open = true }]
        heartbeat = { after_silence_ms = 30000, send = "heartbeat:\n\n" }"#,
    ),
];

/// Watches `/sse` once; returns the nanoseconds per write.
fn ns_per_write(application: &WorldServer) -> f64 {
    let begun = Instant::now();
    let writes = black_box(watch(application)).writes().count();
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(writes).expect("few writes"))
}

/// Watches `/sse` in a new world.
fn watch(application: &WorldServer) -> Transcript {
    let mut setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    setup.deadline = 2 * WATCHED;
    let watched = world_lab::run_with(&setup, application, async |lab| {
        let mut client = lab.connect();
        client.get("/sse").await;
        lab.until(WATCHED).await;
        client.close().await.into_transcript()
    });
    watched.expect("the deadline is later")
}

/// Writes a recording of the built-in stream; returns the folder.
fn recording() -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-play");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("sse.jsonl"), watch(&WorldServer::embedded()).to_jsonl()).expect("a file");
    folder
}

/// Serves routes.
fn routes(model: Model) -> WorldServer {
    WorldServer::with_router(move |world| {
        router_with(Arc::clone(&world), None, Arc::new(Routes::new(world, &model, None, false)))
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
