//! Recordings that are made in a lab: several exchanges, clients that leave, bodies, and secrets.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use onbeat::{Lab, Report, lab, ms, secs};
use tokio::sync::watch;

use crate::against::file;
use crate::applications::{Notifications, chat};
use crate::scripted::{End, Script};

/// How many listeners a room has: each listener sees the number, and each change.
pub(crate) fn room() -> Router {
    struct Seat(Arc<watch::Sender<usize>>);

    impl Drop for Seat {
        fn drop(&mut self) {
            self.0.send_modify(|count| *count -= 1);
        }
    }

    async fn listen(
        State(count): State<Arc<watch::Sender<usize>>>,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        count.send_modify(|count| *count += 1);
        let mut counts = count.subscribe();
        counts.mark_changed();
        let counts = stream::unfold((counts, Seat(count)), |(mut counts, seat)| async move {
            counts.changed().await.ok()?;
            let count = counts.borrow_and_update().to_string();
            Some((Ok(Event::default().data(count)), (counts, seat)))
        });
        Sse::new(counts)
    }
    Router::new().route("/room", get(listen)).with_state(Arc::new(watch::channel(0).0))
}

fn saved(app: Router, name: &str, test: impl AsyncFnOnce(&Lab)) -> PathBuf {
    let path = file(name);
    lab(app, async |lab| {
        test(&lab).await;
        lab.recording().save(&path).unwrap();
    });
    path
}

pub(crate) fn checked(app: Router, path: &PathBuf) -> Report {
    lab(app, async |lab| lab.check_against(path).await.unwrap())
}

/// A listener, another client that publishes twice on one connection, and a listener that comes back.
pub(crate) fn notes(name: &str) -> PathBuf {
    saved(Notifications::new().router(), name, async |lab| {
        let _listener = lab.get("/notes").await;
        let publisher = lab.client();
        lab.advance(ms(250)).await;
        publisher.post("/notes").body("tea").await;
        lab.advance(ms(1)).await;
        publisher.post("/notes").body("cake").await;
        lab.advance(secs(1)).await;
        let _back = lab.get("/notes").header("last-event-id", "1").await;
        publisher.post("/notes").body("bread").await;
        lab.advance(secs(1)).await;
    })
}

/// Returns notifications of which nothing is repeated to a client that comes back.
pub(crate) fn forgetful_notes() -> axum::Router {
    async fn forget_the_last_event_id(mut request: axum::extract::Request, next: axum::middleware::Next) -> Response {
        request.headers_mut().remove("last-event-id");
        next.run(request).await
    }
    Notifications::new().router().layer(axum::middleware::from_fn(forget_the_last_event_id))
}

#[test]
fn the_exchanges_of_several_clients_are_one_recording_in_one_timeline() {
    let path = notes("notes.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let requests: Vec<&str> = text.lines().filter(|line| line.contains(r#""kind":"request""#)).collect();
    assert_eq!(requests.len(), 5, "{text}");
    assert!(requests[0].starts_with(r#"{"t_ms":0,"kind":"request","connection":0,"request":0,"text":"GET /notes"#));
    assert!(requests[2].starts_with(r#"{"t_ms":251,"kind":"request","connection":1,"request":1,"text":"POST /notes"#));
    assert!(requests[2].ends_with(r#""body":{"text":"cake"}}"#));
    assert!(requests[3].contains(r"last-event-id: 1\r\n"));
    checked(Notifications::new().router(), &path).assert_conforms();
}

#[test]
fn a_bug_that_only_shows_between_clients_is_found() {
    let path = notes("notes-bug.jsonl");
    let text = checked(forgetful_notes(), &path).to_string();
    assert!(text.contains("id: 2⏎event: note⏎data: cake⏎⏎") && text.contains("missing"), "{text}");
    assert_eq!(text.matches("FAIL").count(), 1, "{text}");
}

#[test]
fn clients_leave_at_their_recorded_times() {
    let path = saved(room(), "room.jsonl", async |lab| {
        let stays = lab.get("/room").await;
        lab.advance(ms(300)).await;
        let leaves = lab.get("/room").await;
        lab.advance(ms(407)).await;
        leaves.reset().await;
        lab.advance(secs(1)).await;
        assert_eq!((stays.times_ms(), stays.data()), (vec![0, 300, 707], vec!["1".into(), "2".into(), "1".into()]));
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#"{"t_ms":707,"kind":"end","connection":1,"request":0,"how":"closed"}"#), "{text}");
    checked(room(), &path).assert_conforms();
}

#[test]
fn whichever_way_a_client_leaves_the_recording_says_that_the_client_closed() {
    for how in ["close", "reset", "half_close"] {
        let path = saved(room(), &format!("leave-{how}.jsonl"), async |lab| {
            let _stays = lab.get("/room").await;
            let leaves = lab.get("/room").await;
            lab.advance(ms(500)).await;
            match how {
                "close" => leaves.close().await,
                "reset" => leaves.reset().await,
                _ => leaves.half_close().await,
            }
            lab.advance(secs(1)).await;
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r#"{"t_ms":500,"kind":"end","connection":1,"request":0,"how":"closed"}"#), "{text}");
        checked(room(), &path).assert_conforms();
    }
}

#[test]
fn a_request_without_an_answer_is_sent_again_and_not_judged() {
    let app = || {
        let never = get(async |State(count): State<Arc<watch::Sender<usize>>>| {
            count.send_modify(|count| *count += 10);
            std::future::pending::<()>().await;
        });
        let count = Arc::new(watch::channel(0).0);
        let changes = get(async |State(count): State<Arc<watch::Sender<usize>>>| {
            let counts = stream::unfold(count.subscribe(), async |mut counts| {
                counts.changed().await.ok()?;
                let count = counts.borrow_and_update().to_string();
                Some((Ok::<_, Infallible>(Event::default().data(count)), counts))
            });
            Sse::new(counts)
        });
        Router::new().route("/never", never).route("/changes", changes).with_state(count)
    };
    let path = saved(app(), "never.jsonl", async |lab| {
        let changes = lab.get("/changes").await;
        lab.advance(ms(20)).await;
        let _never = lab.get("/never").start().await;
        lab.advance(ms(20)).await;
        assert_eq!(changes.data(), ["10"]);
    });
    checked(app(), &path).assert_conforms();
    // A recording without any answer holds nothing.
    let path = file("never-alone.jsonl");
    lab(app(), async |lab| {
        let never = lab.get("/never").start().await;
        never.recording().save(&path).unwrap();
        let refused = lab.check_against(&path).await.unwrap_err().to_string();
        assert!(refused.contains("expected a line of kind head, got none"), "{refused}");
    });
}

#[test]
fn a_body_in_chunks_is_recorded_without_the_lines_of_chunks() {
    let echo = || Router::new().route("/echo", axum::routing::post(async |body: String| body));
    let path = saved(echo(), "chunks.jsonl", async |lab| {
        let body = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
        let reply = lab.post("/echo").header("transfer-encoding", "chunked").body(body).await;
        assert_eq!(reply.text(), "hello world");
    });
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""body":{"text":"hello world"}}"#), "{text}");
    checked(echo(), &path).assert_conforms();
}

#[test]
fn requests_of_the_same_millisecond_keep_their_order() {
    let path = saved(Notifications::new().router(), "order.jsonl", async |lab| {
        let (publisher, listener) = (lab.client(), lab.client());
        let first = listener.get("/notes").await;
        publisher.post("/notes").body("first").await;
        first.close().await;
        publisher.post("/notes").body("second").await;
        assert_eq!(first.data(), ["first"]);
    });
    let text = std::fs::read_to_string(&path).unwrap();
    let order: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(r#""text":""#)?.1.split_once(" HTTP"))
        .map(|split| split.0)
        .collect();
    assert_eq!(order, ["GET /notes", "POST /notes", "POST /notes"]);
    checked(Notifications::new().router(), &path).assert_conforms();
}

#[test]
fn a_post_is_recorded_with_its_body_and_sent_again() {
    let path = file("chat.jsonl");
    lab(chat(), async |lab| {
        let reply = lab.post("/chat").json(r#"{"prompt":"three short words"}"#).await;
        reply.ended().await;
        reply.recording().save(&path).unwrap();
    });
    checked(chat(), &path).assert_conforms();
    let slower = Router::new().fallback_service(chat()).layer(axum::middleware::from_fn(
        async |request: axum::extract::Request, next: axum::middleware::Next| {
            tokio::time::sleep(ms(1)).await;
            next.run(request).await
        },
    ));
    let text = checked(slower, &path).to_string();
    assert!(text.contains("FAIL  chat.jsonl:3") && text.contains("401 ms after the request"), "{text}");
    assert_eq!(text.matches("FAIL").count(), 1, "{text}");
}

/// Answers those alone who send the token.
fn guarded() -> Router {
    async fn answer(headers: HeaderMap) -> Response {
        match headers.get("authorization") {
            Some(value) if value == "Bearer open-sesame" => "welcome open-sesame".into_response(),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    }
    Router::new().route("/private", get(answer))
}

#[test]
fn a_secret_is_not_recorded_and_a_missing_one_is_asked_for() {
    let path = file("private.jsonl");
    lab(guarded(), async |lab| {
        let response = lab.get("/private").header("authorization", "Bearer open-sesame").await;
        response.recording().save(&path).unwrap();
    });
    assert!(!std::fs::read_to_string(&path).unwrap().contains("sesame"));
    let report = lab(guarded(), async |lab| {
        lab.check_against(&path).header("authorization", "Bearer open-sesame").await.unwrap()
    });
    report.assert_conforms();
    let text = checked(guarded(), &path).to_string();
    let hint = "The application answers 401, and the recording has no secrets. Send what the recorder left out \
                (authorization): .header(\"authorization\", …).";
    assert!(text.replace("\n  ", " ").contains(hint), "{text}");
}

#[test]
fn a_stream_with_a_cut_is_recorded_and_conforms() {
    let path = file("cut.jsonl");
    let mut script = Script::right();
    script.end = End::Cut(1960);
    lab(script.clone().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    checked(script.application(), &path).assert_conforms();
    let text = checked(Script::right().application(), &path).to_string();
    assert!(text.contains("FAIL  cut.jsonl:11"), "{text}");
}

#[test]
fn an_hour_of_a_stream_is_recorded_and_held() {
    let path = file("hour.jsonl");
    let app = || {
        let ticks = stream::unfold(tokio::time::Instant::now(), |at| async move {
            tokio::time::sleep_until(at).await;
            Some((Ok::<_, Infallible>(Event::default().data("tick")), at + secs(30)))
        });
        Sse::new(ticks.boxed())
    };
    let router = || Router::new().route("/ticks", get(async move || app()));
    lab(router(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(secs(3600)).await;
        assert_eq!(ticks.events().len(), 121);
        ticks.recording().save(&path).unwrap();
    });
    checked(router(), &path).assert_conforms();
}
