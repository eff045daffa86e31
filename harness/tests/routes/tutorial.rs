//! The built-in streams as a file: the same bytes, chunks and times.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onbeat::lab::{self, Application, Lab, Setup};
use onbeat_routes::{Routes, read_file};
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_wire::{Entry, What};

/// What clients see of all streams: one after another on one connection, and each on a connection of its own.
async fn scene(lab: &mut Lab) -> Vec<Vec<Entry>> {
    let one_after_another = ["/sse-data", "/stream-json", "/dynamic-counter", "/stream-text", "/sse"];
    let mut first = lab.connect();
    first.get("/stream-json").await;
    let mut others = Vec::new();
    for path in one_after_another {
        let mut client = lab.connect();
        client.get(path).await;
        others.push(client);
        let now = lab.world().clock().now().since_epoch();
        lab.until(now + Duration::from_millis(80_250)).await;
        first.get(path).await;
    }
    let now = lab.world().clock().now().since_epoch();
    lab.until(now + Duration::from_secs(100)).await;
    let mut seen = Vec::new();
    for client in others.into_iter().chain([first]) {
        seen.push(client.close().await.into_transcript().entries);
    }
    seen
}

/// The file, as an application.
fn from_file() -> Application {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tutorial.toml");
    let model = read_file(&file).unwrap_or_else(|problems| panic!("{problems}"));
    Application::with_router(move |world| {
        let routes = Routes::new(Arc::clone(&world), &model, None, false);
        router_with(world, None, Arc::new(routes))
    })
}

#[test]
fn the_file_of_the_built_in_streams_gives_the_same_bytes_chunks_and_times() {
    for (seed, epoch) in
        [(0, "2025-12-01T00:00:00Z"), (42, "1999-12-31T23:59:58.999Z"), (u64::MAX, "2024-02-29T12:00:00Z")]
    {
        let setup = Setup::new(Seed(seed), epoch.parse().expect("an epoch"));
        let built_in = lab::run(&setup, scene).expect("the scene ends in time");
        let file = lab::run_with(&setup, &from_file(), scene).expect("the scene ends in time");
        let mut writes = 0;
        for (built_in, file) in built_in.iter().zip(&file) {
            assert_eq!(built_in.len(), file.len());
            for (built_in, file) in built_in.iter().zip(file) {
                assert_eq!(built_in.at, file.at, "{built_in}");
                match (&built_in.what, &file.what) {
                    // The fields of the connection are the server's own.
                    (What::Head(built_in), What::Head(file)) => {
                        for name in ["content-type", "cache-control", "transfer-encoding"] {
                            assert_eq!(built_in.header(name), file.header(name), "{name}");
                        }
                        assert_eq!(built_in.status, file.status);
                    }
                    (built_in, file) => assert_eq!(built_in, file),
                }
                writes += usize::from(matches!(file.what, What::Write(_)));
            }
        }
        // Each stream twice, and one more; of `/sse` a greeting and the heartbeats until the end of the scene.
        assert!(writes > 2 * (30 + 57 + 32 + 82) + 57, "{writes}");
    }
}
