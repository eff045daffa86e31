//! Exact times of the four applications.

use onbeat::{How, lab, lab_with, ms, secs};

use crate::applications::{Notifications, chat, jobs, ticker};
use crate::snapshot::assert_snapshot;

#[test]
fn a_ticker_ticks_every_30_seconds_and_pings_between() {
    lab(ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(secs(95)).await;
        assert_eq!(ticks.times_ms(), [0, 30_000, 60_000, 90_000]);
        let pings: Vec<u64> = ticks.comments().iter().map(|ping| ping.at.as_secs()).collect();
        assert_eq!(pings, [10, 20, 40, 50, 70, 80]);
        assert!(ticks.is_open());
        assert_snapshot!("lab-ticker", ticks.transcript());
    });
}

#[test]
fn what_is_due_at_the_last_instant_is_there() {
    lab(ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance_to(ms(29_999)).await;
        assert_eq!(ticks.times_ms(), [0]);
        lab.advance(ms(1)).await;
        assert_eq!(ticks.times_ms(), [0, 30_000]);
        lab.advance_to(ms(5)).await;
        assert_eq!(lab.now_ms(), 30_000);
    });
}

#[test]
fn a_token_stream_comes_by_post_token_for_token() {
    lab(chat(), async |lab| {
        let mut reply = lab.post("/chat").json(r#"{"prompt":"how are you"}"#).await;
        assert_eq!(lab.now_ms(), 400);
        let first = reply.next_event().await.expect("a token");
        assert_eq!((first.at_ms(), first.data.as_str()), (400, r#"{"token":"how"}"#));
        assert_eq!(reply.ended().await, How::Complete);
        assert_eq!(reply.times_ms(), [400, 450, 500, 500]);
        assert_eq!(reply.data().last().map(String::as_str), Some("[DONE]"));
        assert_eq!(reply.next_events(9).await.len(), 3);
        assert_eq!((reply.next_event().await, reply.ended_ms(), reply.lasted()), (None, Some(500), ms(500)));
    });
}

#[test]
fn a_wrong_question_is_refused() {
    lab(chat(), async |lab| {
        let refused = lab.post("/chat").json("{}").await;
        assert_eq!((refused.status().as_u16(), refused.text().as_str()), (422, "no prompt"));
    });
}

#[test]
fn notifications_reach_all_and_are_repeated_to_one_that_comes_back() {
    let notifications = Notifications::new();
    lab(notifications.router(), async |lab| {
        let (mut one, two) = (lab.get("/notes").await, lab.get("/notes").await);
        assert_eq!((one.retries()[0].at_ms(), one.retries()[0].time), (0, secs(3)));
        lab.advance(secs(5)).await;
        lab.post("/notes").body("first").await;
        let first = one.next_event().await.expect("a note");
        assert_eq!(
            (first.at_ms(), first.id.as_str(), first.kind.as_str(), first.data.as_str()),
            (5000, "1", "note", "first")
        );
        assert_eq!(two.data(), ["first"]);
        two.close().await;
        lab.post("/notes").body("second").await;
        lab.post("/notes").body("third").await;
        let back = lab.get("/notes").header("last-event-id", "1").await;
        assert_eq!(back.data(), ["second", "third"]);
        assert_eq!(one.data(), ["first", "second", "third"]);
    });
}

#[test]
fn a_job_tells_its_progress_though_nobody_watches_at_first() {
    lab_with(
        async |_| jobs().await,
        async |lab| {
            lab.post("/job").await;
            assert_eq!(lab.tasks(), 1);
            lab.advance(ms(2500)).await;
            let progress = lab.get("/job/progress").await;
            assert_eq!(progress.ended().await, How::Complete);
            assert_eq!(progress.data().join(" "), "20 30 40 50 60 70 80 90 100");
            assert_eq!((progress.times_ms()[0], progress.ended_ms(), lab.tasks()), (2500, Some(10_000), 0));
        },
    );
}

#[test]
fn an_hour_passes_in_an_instant() {
    lab(ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(secs(3600)).await;
        assert_eq!(ticks.events().len(), 121);
        assert_eq!(ticks.lasted(), secs(3600));
    });
}

#[test]
fn time_does_not_pass_while_a_blocking_task_works() {
    use axum::Router;
    use axum::routing::get;
    let app = Router::new().route(
        "/hash",
        get(async || {
            tokio::time::sleep(ms(50)).await;
            let hashed =
                tokio::task::spawn_blocking(|| (0..3_000_000_u64).fold(7_u64, |hash, n| hash.rotate_left(5) ^ n));
            let _ = hashed.await;
            let again =
                tokio::task::spawn_blocking(|| (0..3_000_000_u64).fold(7_u64, |hash, n| hash.rotate_left(5) ^ n));
            again.await.map(|hash| hash.to_string()).unwrap_or_default()
        }),
    );
    lab(app, async |lab| {
        for round in 1..=20 {
            let hash = lab.get("/hash").start().await;
            lab.advance(ms(50)).await;
            assert!(hash.has_head() && !hash.text().is_empty(), "the answer is there when the call returns");
            assert_eq!(lab.now_ms(), 50 * round);
        }
    });
}

#[test]
fn the_example_holds() {
    crate::example::main();
}
