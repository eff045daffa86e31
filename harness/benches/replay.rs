//! What a write costs in a replay, beside a bare axum stream over the same kind of pipe: `cargo bench --all-features --bench replay`.
//!
//! The throughput is in writes, so criterion prints the time for each. The peer sends the same number of chunks of the
//! usual size with a wait before each, reads them, and does nothing else: no script, no hub, no transcript.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::stream::{self, Stream as Chunks};
use onbeat::replay::{Stream, replay};
use onbeat::world_lab::Setup;
use onbeat_clock::{Clock, TokioClock};
use onbeat_server::random::Seed;
use onbeat_wire::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Plays all five streams, `/sse` for ten minutes times `times`; returns how many writes that were.
fn replay_all(times: u32) -> u64 {
    let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    let watched = Duration::from_secs(600) * times;
    let streams = Stream::all().flat_map(|stream| (0..if stream.ends() { times } else { 1 }).map(move |_| stream));
    let writes = streams.map(|stream| black_box(replay(stream, &setup, watched).expect("in time")).writes().count());
    writes.sum::<usize>() as u64
}

/// A bare axum stream of `writes` chunks, 50 ms apart, over a duplex pipe.
fn bare_axum(writes: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async move {
        let router = axum::Router::new().route("/", get(move || async move { Body::from_stream(chunks(writes)) }));
        let (server, mut client) = tokio::io::duplex(64 * 1024);
        let service = hyper_util::service::TowerToHyperService::new(router);
        let served =
            hyper::server::conn::http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(server), service);
        let served = tokio::spawn(served);
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("the server listens");
        let mut buffer = Vec::with_capacity(4096);
        while client.read_buf(&mut buffer).await.expect("the server answers") > 0 {
            black_box(&buffer);
            buffer.clear();
        }
        served.await.expect("no panic").expect("no error");
    });
}

fn chunks(count: u64) -> impl Chunks<Item = Result<&'static str, Infallible>> {
    stream::unfold((TokioClock::start(), 0), move |(clock, sent)| async move {
        clock.sleep_until(Instant::EPOCH + Duration::from_millis(50 * sent)).await;
        let chunk = "data: {\"char\":\"欢\",\"messageIndex\":0,\"charIndex\":0,\"done\":false}\n\n";
        (sent < count).then_some((Ok(chunk), (clock, sent + 1)))
    })
}

fn writes(criterion: &mut Criterion) {
    for times in [1, 100] {
        let writes = replay_all(times);
        let mut group = criterion.benchmark_group(format!("{writes} writes"));
        group.throughput(Throughput::Elements(writes)).sample_size(if times == 1 { 100 } else { 20 });
        group.bench_function("onbeat replay", |bencher| bencher.iter(|| replay_all(times)));
        group.bench_function("bare axum stream", |bencher| bencher.iter(|| bare_axum(writes)));
        group.finish();
    }
}

criterion_group!(benches, writes);
criterion_main!(benches);
