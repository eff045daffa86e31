//! The built-in streams as a file: the same heads, chunks, bytes and times.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onbeat::world_lab::{self, Setup, WorldLab, WorldServer};
use onbeat_routes::{Model, Routes, read_file};
use onbeat_server::endpoints::STREAMS;
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_wire::{Entry, What};

use crate::support::{asked, play_model, seen};

/// Longer than every stream that ends, and no multiple of a period.
const LONG_ENOUGH: Duration = Duration::from_millis(80_250);
const ORIGIN: (&str, &str) = ("Origin", "https://front.example");

fn model() -> Model {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tutorial.toml");
    read_file(&file).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Returns the server of the file.
fn of_file() -> WorldServer {
    let model = model();
    WorldServer::with_router(move |world| {
        let routes = Routes::new(Arc::clone(&world), &model, None, false);
        router_with(world, None, Arc::new(routes))
    })
}

/// Returns what clients see: of a connection with a request for each stream, and of a connection for each stream, which are
/// opened one after another, each together with the next request of the first.
async fn scene(lab: &mut WorldLab) -> Vec<Vec<Entry>> {
    let mut first = lab.connect();
    let mut others = Vec::new();
    let ends_first = STREAMS.iter().filter(|stream| stream.ends).chain(STREAMS.iter().filter(|stream| !stream.ends));
    for stream in ends_first {
        first.request("HEAD", stream.path, &[]).await;
        first.request("GET", stream.path, &[ORIGIN]).await;
        let mut client = lab.connect();
        client.get(stream.path).await;
        others.push(client);
        let now = lab.world().clock().now().since_epoch();
        lab.until(now + LONG_ENOUGH).await;
    }
    let mut seen = Vec::new();
    for client in [first].into_iter().chain(others) {
        seen.push(client.close().await.into_transcript().entries);
    }
    seen
}

#[test]
fn the_file_of_the_built_in_streams_gives_the_same_heads_chunks_bytes_and_times() {
    for (seed, epoch) in
        [(0, "2025-12-01T00:00:00Z"), (42, "1999-12-31T23:59:58.999Z"), (u64::MAX, "2024-02-29T12:00:00Z")]
    {
        let setup = Setup::new(Seed(seed), epoch.parse().expect("an epoch"));
        let built_in = world_lab::run(&setup, scene).expect("the scene ends in time");
        let file = world_lab::run_with(&setup, &of_file(), scene).expect("the scene ends in time");
        assert_eq!(built_in.len(), 1 + STREAMS.len());
        for (client, (built_in, file)) in built_in.iter().zip(&file).enumerate() {
            for (number, (expected, came)) in built_in.iter().zip(file).enumerate() {
                assert_eq!(came, expected, "seed {seed}, client {client}, entry {number}");
            }
            assert_eq!(file.len(), built_in.len(), "seed {seed}, client {client}");
        }
        let writes = built_in.iter().flatten().filter(|entry| matches!(entry.what, What::Write(_))).count();
        // Each stream twice; of `/sse` a greeting and two heartbeats.
        assert_eq!(writes, 2 * (82 + 30 + 32 + 57 + 3));
    }
}

#[test]
fn the_file_sends_each_broadcast_and_each_heartbeat_to_every_client() {
    let (greeting, beat) = (r#""data: {\"message\": \"连接成功\"}\n\n""#, r#""heartbeat:\n\n""#);
    let broadcast = r#""event: broadcast\ndata: {\"msg\":\"hi\",\"ts\":\"2025-12-01T00:00:30.000Z\"}\n\n""#;
    let heartbeat = r#""event: heartbeat\ndata: {\"timestamp\":\"2025-12-01T00:00:30.000Z\",\"msg\":\"yo\"}\n\n""#;
    for shown in play_model(model(), None, async |lab| {
        let clients = [asked(lab, "GET", "/sse", "", "").await, asked(lab, "GET", "/sse", "", "").await];
        lab.until(Duration::from_secs(30)).await;
        let _ = asked(lab, "GET", "/broadcast-text?msg=hi", "", "").await;
        let _ = asked(lab, "GET", "/send-heartbeat?msg=yo", "", "").await;
        let [one, other] = clients;
        [seen(lab, one, 0).await, seen(lab, other, 0).await]
    }) {
        let body: Vec<_> = shown.lines().skip(1).collect();
        let expected = [
            format!("0 {greeting}"),
            format!("30000 {beat}"),
            format!("30000 {broadcast}"),
            format!("30000 {heartbeat}"),
            "30000 closed by the client".into(),
        ];
        assert_eq!(body, expected);
    }
}
