//! What a world holds in memory: bounded, whatever a reader does, and nothing when it is over.

use std::sync::Arc;

use allocation_counter::measure;
use futures_util::FutureExt;
use onbeat::simulate::Simulator;
use onbeat::transport::{Arrival, Sender, Tap};
use onbeat::world_lab::{self, Setup, WorldLab, WorldServer};
use onbeat_clock::Kind;
use onbeat_control::{Access, Monitor, Redaction, RouteSettings, Settings};
use onbeat_server::random::Seed;
use onbeat_server::router::intercepted_router;
use onbeat_server::world::World;

/// How much more may be held with ten times as many events.
const GROWTH_BYTES_MAX: u64 = 64 * 1024;
/// What is kept of what a client sends behind a stream, twice, since it is kept in a buffer that grows.
const AHEAD_BYTES_MAX: u64 = 2 * 64 * 1024;

#[test]
fn a_world_leaves_nothing_behind() {
    let simulator = Simulator::new(WorldServer::embedded());
    // The first ones fill what lives as long as the thread.
    (0..50).for_each(|seed| drop(simulator.world(seed)));
    for seed in 50..400 {
        let held = measure(|| drop(simulator.world(seed))).bytes_current;
        assert_eq!(held, 0, "seed {seed}");
    }
}

#[test]
fn events_that_everybody_has_read_are_freed() {
    let few = held_at_most(100, &[Reader::Reads, Reader::Reads]);
    let many = held_at_most(1000, &[Reader::Reads, Reader::Reads]);
    assert!(many < few + GROWTH_BYTES_MAX, "{few} B for 100 events, {many} B for 1000");
}

#[test]
fn a_reader_that_does_not_read_holds_no_more_than_its_mailbox_does() {
    let few = held_at_most(100, &[Reader::Reads, Reader::Stuck]);
    let many = held_at_most(1000, &[Reader::Reads, Reader::Stuck]);
    assert!(many < few + GROWTH_BYTES_MAX, "{few} B for 100 events, {many} B for 1000");
}

#[test]
fn what_is_kept_of_a_request_is_bounded() {
    let request = format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "m".repeat(23_000));
    let (few, many) = (held_by_logging(10, &request), held_by_logging(300, &request));
    // Four lines of some 500 bytes each in all, and what a closed connection leaves for a while.
    assert!(many < few + 300 * 2048, "{few} B for 10 requests, {many} B for 300");
}

/// What a world holds at most that notes so many requests.
fn held_by_logging(requests: usize, request: &str) -> u64 {
    let setup = Setup::new(Seed(1), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    let noted = WorldServer::with_router(move |world| {
        let clock = Arc::clone(world.clock());
        let monitor = Monitor::new(Arc::clone(&clock), Redaction::default());
        let world = World::new(clock, setup.seed, setup.epoch, setup.limits);
        intercepted_router(Arc::new(world), Arc::new(monitor))
    });
    let scene = async |lab: &mut WorldLab| {
        for _ in 0..requests {
            let (mut sender, mut tap) = lab.pipe();
            sender.send(request.as_bytes()).await.expect("the server reads");
            lab.settle().await;
            skip_all(&mut tap);
        }
    };
    measure(|| world_lab::run_with(&setup, &noted, scene).expect("in time")).bytes_max
}

/// Takes out what has come, until nothing comes.
fn skip_all(tap: &mut Tap) {
    while let Some((_, arrival)) = tap.next().now_or_never() {
        if matches!(arrival, Arrival::End) {
            return;
        }
    }
}

#[test]
fn what_waits_behind_a_stream_holds_its_own_bytes_and_no_more() {
    let nothing = held_behind_a_stream("");
    for target in ["/sse", "/broadcast-text", "/__onbeat/faults", "/__onbeat/log"] {
        let held = held_behind_a_stream(target) - nothing;
        assert!(held < GROWTH_BYTES_MAX + AHEAD_BYTES_MAX, "{target}: {held} B");
    }
}

/// What a server with control holds at most while 59 KB of requests for `target` wait behind a stream, and more behind them.
fn held_behind_a_stream(target: &str) -> u64 {
    let setup = Setup::new(Seed(1), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    let application = WorldServer::with_router(|world| {
        let (seed, epoch, limits) = (world.seed(), world.epoch(), world.limits());
        let settings = Settings {
            clock: Kind::Real,
            seed,
            epoch,
            limits,
            redaction: Redaction::default(),
            routes: RouteSettings::default(),
        };
        let access = Access::new(&[([127, 0, 0, 1], 80).into()], "127.0.0.1", None, &[]).expect("a local address");
        onbeat_control::router(settings, access)
    });
    let scene = async |lab: &mut WorldLab| {
        let (mut sender, mut tap) = ask(lab, "/sse").await;
        skip(&mut tap).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        for bytes in [59_000, 1_000_000] {
            let requests = if target.is_empty() { 0 } else { bytes / request.len() };
            for _ in 0..requests {
                sender.send(request.as_bytes()).await.expect("the server reads");
            }
            lab.settle().await;
        }
    };
    measure(|| world_lab::run_with(&setup, &application, scene).expect("in time")).bytes_max
}

#[derive(Clone, Copy)]
enum Reader {
    Reads,
    Stuck,
}

/// What a world holds at most in which so many events of 3 KB are sent to these readers.
fn held_at_most(events: usize, readers: &[Reader]) -> u64 {
    let mut setup = Setup::new(Seed(1), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    setup.limits.mailbox_events_max = 8;
    let scene = async |lab: &mut WorldLab| {
        let mut clients = Vec::new();
        for reader in readers {
            clients.push((*reader, ask(lab, "/sse").await));
        }
        let (mut sender, mut tap) = ask(lab, "/send-heartbeat").await;
        let request = format!("GET /broadcast-text?msg={} HTTP/1.1\r\nHost: onbeat\r\n\r\n", "x".repeat(3000));
        for _ in 0..events {
            sender.send(request.as_bytes()).await.expect("the server reads");
            lab.settle().await;
            skip(&mut tap).await;
            for (reader, (_, tap)) in &mut clients {
                if matches!(reader, Reader::Reads) {
                    skip(tap).await;
                }
            }
        }
        // The one who does not read has gone, and a stuck reader with it.
        lab.world().broadcasts().subscribers()
    };
    let mut left = 0;
    let held = measure(|| left = world_lab::run(&setup, scene).expect("in time")).bytes_max;
    assert_eq!(left, readers.iter().filter(|reader| matches!(reader, Reader::Reads)).count());
    held
}

async fn ask(lab: &mut WorldLab, target: &str) -> (Sender, Tap) {
    let (mut sender, tap) = lab.pipe();
    let request = format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
    sender.send(request.as_bytes()).await.expect("the server reads");
    lab.settle().await;
    (sender, tap)
}

/// Takes out what has come.
async fn skip(tap: &mut Tap) {
    while let Some((_, arrival)) = tap.next().now_or_never() {
        assert!(matches!(arrival, Arrival::Bytes(_)), "the server goes on");
    }
    tokio::task::yield_now().await;
}
