//! Clients that read slowly, in pieces, late, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use onbeat::{Network, lab, ms, secs};

/// An endless body of pieces with 100 bytes, and the number of pieces that have been asked for.
fn endless() -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().route(
        "/endless",
        get(async move || {
            let pieces = stream::repeat_with(move || {
                count.fetch_add(1, Ordering::Relaxed);
                format!("data: {}\n\n", "x".repeat(92))
            });
            Body::from_stream(pieces.then(async |piece| {
                tokio::time::sleep(ms(10)).await;
                Ok::<_, std::io::Error>(piece)
            }))
        }),
    );
    (app, asked)
}

#[test]
fn a_client_that_does_not_read_makes_the_application_wait() {
    let (app, asked) = endless();
    lab(app, async |lab| {
        let client = lab.client_over(Network::new().window(1024));
        let paused = client.get("/endless").await;
        paused.pause().await;
        lab.advance(secs(60)).await;
        let waiting = asked.load(Ordering::Relaxed);
        assert!(waiting < 40, "{waiting} pieces of 100 bytes have been asked for");
        paused.resume().await;
        lab.advance(secs(1)).await;
        assert!(asked.load(Ordering::Relaxed) > waiting + 90);
    });
}

#[test]
fn a_slow_client_gets_its_bytes_at_its_pace() {
    let (app, asked) = endless();
    lab(app, async |lab| {
        let slow = lab.client_over(Network::new().window(512).pace(100, ms(1000)));
        let response = slow.get("/endless").await;
        lab.advance(secs(60)).await;
        let (got, asked) = (response.body().len(), asked.load(Ordering::Relaxed));
        assert!((4500..6100).contains(&got), "{got} bytes");
        assert!(asked < 100, "{asked} pieces of 100 bytes have been asked for");
    });
}

#[test]
fn bytes_in_pieces_and_late_make_the_same_events() {
    use crate::applications::ticker;
    lab(ticker(), async |lab| {
        let far = Network::new().latency(ms(80));
        let far = [far.clone().pieces(3), far.clone().random_pieces(7, 1..=9), far.random_pieces(8, 1..=9)];
        let [threes, some, others] = far.map(|network| lab.client_over(network).get("/ticks").start());
        let (threes, some, others) = (threes.await, some.await, others.await);
        lab.advance(ms(60_080)).await;
        for response in [threes, some, others] {
            assert_eq!(response.times_ms(), [80, 30_080, 60_080]);
        }
    });
}
