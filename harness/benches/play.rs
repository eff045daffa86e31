//! What a write costs that is played from a recording, beside the same write of a built-in stream: `cargo bench --all-features --bench play`.
//!
//! One client watches `/sse` in virtual time: as the built-in stream, as a recording of just that, and as the steps of
//! `examples/tutorial.toml`. All three are served in the same way and read by the same client. The rounds take turns, so that
//! a busy machine slows all of them down. The run fails if a played write costs more than [`RATIO_MAX`] built-in ones.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time, not a world's")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onbeat::world_lab::{self, Application, Setup};
use onbeat_routes::{Model, Routes, read_file, read_text};
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_wire::Transcript;

/// How often each stream is watched.
const ROUNDS: usize = 15;
/// How long, in virtual time: 24 000 heartbeats.
const WATCHED: Duration = Duration::from_secs(24_000 * 30);
/// How many times the cost of a built-in write a played one may cost.
const RATIO_MAX: f64 = 1.5;

fn main() -> ExitCode {
    let (built_in, recording) = (Application::embedded(), recording());
    let played = routes(read_text("play.toml", PLAY, &recording).expect("a route"));
    let steps = routes(read_file(&examples().join("tutorial.toml")).expect("an example"));
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (costs, application) in costs.iter_mut().zip([&built_in, &played, &steps]) {
            let begun = Instant::now();
            let writes = black_box(watch(application)).writes().count();
            costs.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(writes).expect("few writes")));
        }
    }
    let [built_in, played, steps] = costs.map(median);
    println!("a write of /sse, median of {ROUNDS} rounds");
    println!("  built in  {built_in:>6.0} ns");
    println!("  played    {played:>6.0} ns  {:.2} times", played / built_in);
    println!("  steps     {steps:>6.0} ns  {:.2} times", steps / built_in);
    if played <= RATIO_MAX * built_in { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const PLAY: &str = "onbeat = 1\n[[route]]\npath = \"/sse\"\nplay = \"sse.jsonl\"\n";

/// Watches `/sse` in a new world.
fn watch(application: &Application) -> Transcript {
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
    fs::write(folder.join("sse.jsonl"), watch(&Application::embedded()).to_jsonl()).expect("a file");
    folder
}

/// Serves routes.
fn routes(model: Model) -> Application {
    Application::with_router(move |world| {
        router_with(Arc::clone(&world), None, Arc::new(Routes::new(world, &model, None, false)))
    })
}

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
