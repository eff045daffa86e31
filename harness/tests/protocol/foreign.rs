//! An application that knows nothing of Onbeat, served as the embedded one is: its handlers and bodies go with their client.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};
use onbeat::player::{Action, Player};
use onbeat::world_lab::{self, WorldLab, WorldServer};
use onbeat_clock::Clock;
use onbeat_wire::recording::LeftHow;

use crate::leaving::{WAYS, leave};
use crate::support::{ms, setup, statuses, writes};

/// Counts the handlers and bodies of the application that are under way.
#[derive(Clone, Default)]
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on for ever, and is counted until it is dropped.
    async fn for_ever(self) -> Infallible {
        struct Counted(UnderWay);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(self);
        std::future::pending().await
    }
}

/// One event, and then none.
fn events(under_way: UnderWay) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let one = stream::iter([Ok(Event::default().data("one"))]);
    Sse::new(one.chain(stream::once(under_way.for_ever()).map(|never| match never {})))
}

async fn never(under_way: UnderWay) -> &'static str {
    match under_way.for_ever().await {}
}

/// An answer that comes at once, but not with the first look.
async fn soon() -> &'static str {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    "soon"
}

/// Plays `scene` with the application, and what is under way in it.
fn play<T>(scene: impl AsyncFnOnce(&mut WorldLab, &UnderWay) -> T) -> T {
    let under_way = UnderWay::default();
    let counting = under_way.clone();
    let application = WorldServer::with_router(move |world| {
        let (of_events, of_handlers, clock) = (counting.clone(), counting.clone(), Arc::clone(world.clock()));
        let slow = move |body| slow(body, Arc::clone(&clock));
        Router::new()
            .route("/events", get(async move || events(of_events.clone())))
            .route("/never", get(move || never(of_handlers.clone())))
            .route("/soon", get(soon))
            .route("/slow", post(slow))
    });
    world_lab::run_with(&setup(), &application, async |lab| scene(lab, &under_way).await).expect("no scene is overdue")
}

/// Takes a second for each piece of the body.
async fn slow(body: Body, clock: Arc<dyn Clock>) -> String {
    let mut pieces = body.into_data_stream();
    let mut length = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        length += piece.len();
        clock.sleep_until(clock.now() + ms(1000)).await;
    }
    length.to_string()
}

async fn asks(lab: &mut WorldLab, target: &str, behind: &[&str]) -> Player {
    let mut client = lab.connect();
    client.get(target).await;
    lab.settle().await;
    for target in behind {
        client.get(target).await;
    }
    lab.settle().await;
    client
}

#[test]
fn a_stream_is_dropped_when_its_client_leaves_in_each_way() {
    for way in WAYS {
        for behind in [&[][..], &["/soon"], &["/events", "/never"]] {
            play(async |lab, under_way| {
                let client = asks(lab, "/events", behind).await;
                assert_eq!(under_way.count(), 1, "{way:?} {behind:?}");
                leave(lab, client, way).await;
                assert_eq!(under_way.count(), 0, "{way:?} {behind:?}");
            });
        }
    }
}

#[test]
fn a_handler_is_cancelled_when_its_client_leaves_before_the_head() {
    for way in WAYS {
        for behind in [&[][..], &["/soon"], &["/events", "/never"]] {
            play(async |lab, under_way| {
                let client = asks(lab, "/never", behind).await;
                assert_eq!(under_way.count(), 1, "{way:?} {behind:?}");
                leave(lab, client, way).await;
                assert_eq!(under_way.count(), 0, "{way:?} {behind:?}");
            });
        }
    }
}

#[test]
fn a_scene_ends_with_its_clients() {
    play(async |lab, _| {
        let _clients = [asks(lab, "/events", &[]).await, asks(lab, "/never", &["/events"]).await];
    });
}

#[test]
fn what_is_answered_at_once_is_answered_though_the_client_sends_no_more() {
    for requests in [1, 2, 40] {
        play(async |lab, _| {
            let mut client = lab.connect();
            client.send("GET /soon HTTP/1.1\r\nHost: onbeat\r\n\r\n".repeat(requests).as_bytes()).await;
            client.act(Action::Leave(LeftHow::HalfClosed)).await;
            lab.settle().await;
            let answers = writes(&client.close().await.into_transcript());
            assert_eq!(answers, vec![(0, "soon".to_owned()); requests]);
        });
    }
}

#[test]
fn a_long_body_is_lost_for_no_handler_that_reads_slowly() {
    play(async |lab, _| {
        let mut client = lab.connect();
        client.expect("POST");
        client.send(b"POST /slow HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 1000000\r\n\r\n").await;
        client.send(&vec![b'x'; 1_000_000]).await;
        client.get("/soon").await;
        client.responses(2).await;
        let transcript = client.close().await.into_transcript();
        let answers: Vec<_> = writes(&transcript).into_iter().map(|(_, text)| text).collect();
        assert_eq!(answers, ["1000000", "soon"]);
        assert_eq!(statuses(&transcript), [200, 200]);
    });
}

#[test]
fn a_body_that_is_cut_off_is_told_to_its_handler() {
    for way in [LeftHow::HalfClosed, LeftHow::Closed] {
        play(async |lab, _| {
            let mut client = lab.connect();
            client.expect("POST");
            client.send(b"POST /slow HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 10\r\n\r\n12345").await;
            lab.until(ms(2000)).await;
            let log = leave(lab, client, way).await;
            if way == LeftHow::HalfClosed {
                assert_eq!(writes(&log.into_transcript()), [(2000, "5".to_owned())]);
            }
        });
    }
}
