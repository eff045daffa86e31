//! A small axum application, and its test in virtual time: `cargo run -p onbeat --example ticker`.

use std::convert::Infallible;

use axum::Router;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures_util::{Stream, stream};
use onbeat::{lab, secs};
use tokio::time::interval;

/// The application: a tick every 30 s, and a comment after 15 s without one.
fn application() -> Router {
    #[allow(clippy::disallowed_methods, reason = "an application waits as applications do")]
    async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        let ticks = stream::unfold((interval(secs(30)), 0), async |(mut interval, number)| {
            interval.tick().await;
            Some((Ok(Event::default().id(number.to_string()).data("tick")), (interval, number + 1)))
        });
        Sse::new(ticks).keep_alive(KeepAlive::new().interval(secs(15)))
    }
    Router::new().route("/ticks", get(ticks))
}

pub(crate) fn main() {
    lab(application(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(secs(3600)).await;
        assert_eq!(ticks.times_ms()[..4], [0, 30_000, 60_000, 90_000]);
        assert_eq!((ticks.events().len(), ticks.comments().len()), (121, 120));
        ticks.close().await;
        assert!(lab.open().is_empty(), "the stream has been dropped");
    });
}
