//! A client that leaves, in each way, at each moment.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use onbeat::{How, Response, lab, ms, secs};

use crate::applications::{Notifications, ticker};

/// Leaves by a way with this number.
async fn leave(response: Response, way: usize) {
    match way {
        0 => response.close().await,
        1 => response.reset().await,
        2 => response.half_close().await,
        _ => drop(response),
    }
}

#[test]
fn a_body_is_dropped_at_once_when_its_client_leaves() {
    for way in 0..4 {
        let notifications = Notifications::new();
        lab(notifications.router(), async |lab| {
            let (one, two) = (lab.get("/notes").await, lab.get("/notes").await);
            assert_eq!((notifications.sender.receiver_count(), lab.open().len()), (2, 2));
            leave(one, way).await;
            lab.settle().await;
            assert_eq!((notifications.sender.receiver_count(), lab.open().len()), (1, 1), "{way}");
            assert!(two.is_open());
        });
        assert_eq!(notifications.sender.receiver_count(), 0, "the lab lets all clients leave");
    }
}

#[test]
fn a_handler_is_cancelled_when_its_client_leaves_before_the_head() {
    for way in 0..4 {
        let app = Router::new().route("/never", post(std::future::pending::<()>));
        lab(app, async |lab| {
            let waits = lab.post("/never").body("x").start().await;
            lab.advance(secs(5)).await;
            assert!(!waits.has_head());
            assert_eq!(lab.open()[0].to_string(), "POST /never, client 1, since 0 ms, not answered yet");
            leave(waits, way).await;
            lab.settle().await;
            assert!(lab.open().is_empty(), "{way}");
        });
    }
}

#[test]
fn a_client_that_leaves_between_two_ticks_sees_no_more() {
    lab(ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(ms(31_000)).await;
        ticks.close().await;
        lab.advance(secs(60)).await;
        assert_eq!(ticks.times_ms(), [0, 30_000]);
        assert_eq!((ticks.end(), ticks.ended_ms()), (Some(How::Closed), Some(31_000)));
        assert_eq!(lab.tasks(), 0);
    });
}

#[test]
fn a_connection_serves_one_request_after_another_and_several_at_once() {
    let app = Router::new().route("/", get(async || "hi")).merge(ticker());
    lab(app, async |lab| {
        let client = lab.client();
        assert_eq!(client.get("/").await.text(), "hi");
        assert_eq!(client.get("/").await.text(), "hi");
        let ticks = client.get("/ticks").await;
        let behind = client.get("/").start().await;
        lab.advance(secs(30)).await;
        assert_eq!((ticks.times_ms(), behind.has_head()), (vec![0, 30_000], false));
        assert_eq!(lab.open().len(), 1);
    });
}

#[test]
fn a_body_that_fails_cuts_the_response_and_says_why() {
    let app = Router::new().route(
        "/cut",
        get(async || {
            let pieces = [Ok("data: 1\n\n"), Err(std::io::Error::other("the database is gone"))];
            Body::from_stream(stream::iter(pieces).then(async |piece| {
                tokio::time::sleep(secs(1)).await;
                piece
            }))
        }),
    );
    lab(app, async |lab| {
        let cut = lab.get("/cut").await;
        assert_eq!(cut.ended().await, How::Cut);
        assert_eq!((cut.text().as_str(), cut.failure().as_deref()), ("data: 1\n\n", Some("the database is gone")));
    });
}

#[test]
fn a_service_that_is_no_router_is_tested_too() {
    let hello = tower::service_fn(async |request: axum::http::Request<Body>| {
        Ok::<_, Infallible>(axum::http::Response::new(request.uri().path().to_owned()))
    });
    lab(hello, async |lab| assert_eq!(lab.get("/any").await.text(), "/any"));
}

#[test]
fn a_wait_ends_when_the_client_itself_leaves() {
    lab(ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        let leaving = ticks.client();
        let (end, ()) = tokio::join!(ticks.ended(), async {
            lab.advance(secs(5)).await;
            leaving.close().await;
        });
        assert_eq!((end, lab.now()), (How::Closed, secs(5)));
    });
}
