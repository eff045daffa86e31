//! Recordings with several exchanges, clients that leave, secrets, and mistakes; and recordings that were made over sockets.

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
fn room() -> Router {
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

fn checked(app: Router, path: &PathBuf) -> Report {
    lab(app, async |lab| lab.check_against(path).await.unwrap())
}

/// A listener, another client that publishes twice on one connection, and a listener that comes back.
fn notes(name: &str) -> PathBuf {
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
    async fn forget_the_last_event_id(mut request: axum::extract::Request, next: axum::middleware::Next) -> Response {
        request.headers_mut().remove("last-event-id");
        next.run(request).await
    }
    let path = notes("notes-bug.jsonl");
    let app = Notifications::new().router().layer(axum::middleware::from_fn(forget_the_last_event_id));
    let text = checked(app, &path).to_string();
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
fn what_may_vary_may_vary_in_a_lab_too() {
    let path = file("vary.jsonl");
    let with_value = |value: &str| {
        let mut script = Script::right();
        for write in &mut script.writes {
            write.1 = write.1.replace("\"n\":", &format!("\"run\":\"{value}\",\"n\":"));
        }
        script.application()
    };
    lab(with_value("a1"), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    let text = checked(with_value("b2"), &path).to_string();
    let hint = r#""vary":[{"pointer":"/run","as":"string"}]"#;
    assert!(text.contains("The same values differ in 3 lines.") && text.replace("\n  ", " ").contains(hint), "{text}");
    let loosened = std::fs::read_to_string(&path).unwrap().replacen("\"exact\"}", &format!("\"exact\",{hint}}}"), 1);
    std::fs::write(&path, loosened).unwrap();
    checked(with_value("b2"), &path).assert_conforms();
}

#[test]
fn what_comes_is_accepted_and_keeps_what_may_vary() {
    let path = file("accept.jsonl");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let may = "\": ping\\n\\n\",\"may\":true";
    std::fs::write(&path, OVER_SOCKETS.replace("\": ping\\n\\n\"", may)).unwrap();
    let other = || {
        let mut script = Script::right();
        script.writes[2].1 = "data: other\n\n".into();
        script.application()
    };
    lab(other(), async |lab| {
        let part = lab.check_against(&path).skip("accept.jsonl:3").accept().await.unwrap_err().to_string();
        assert!(part.starts_with("expected a whole check to accept what comes"), "{part}");
        assert!(!lab.check_against(&path).accept().await.unwrap().conforms());
        lab.check_against(&path).await.unwrap().assert_conforms();
    });
    let accepted = std::fs::read_to_string(&path).unwrap();
    assert!(accepted.contains(may) && accepted.contains("data: other"), "{accepted}");
    // The request stays as it was recorded, and the times are those of the lab from now on.
    assert!(accepted.contains("Host: 127.0.0.1:8000") && accepted.contains(r#""times":"exact""#), "{accepted}");
    let path = notes("accept-notes.jsonl");
    let several = lab(other(), async |lab| lab.check_against(&path).accept().await.unwrap_err().to_string());
    assert!(several.contains("accept-notes.jsonl stays as it was: expected one whole exchange"), "{several}");
}

/// A recording as `onbeat record` makes one over sockets, a few milliseconds late all along.
const OVER_SOCKETS: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/tokens","framing":"chunked"}
{"t_ms":0,"kind":"request","text":"GET /tokens HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: onbeat/0.2.0\r\nAccept: */*\r\n\r\n"}
{"t_ms":404,"kind":"head","status":200,"headers":[["content-type","text/event-stream"],["x-room","7"],["transfer-encoding","chunked"],["date","Mon, 01 Dec 2025 00:00:00 GMT"]]}
{"t_ms":404,"kind":"write","text":"retry: 3000\n\n"}
{"t_ms":404,"kind":"write","text":"id: 1\nevent: token\ndata: {\"n\":1,\"text\":\"Hel\"}\n\n"}
{"t_ms":461,"kind":"write","text":"id: 2\nevent: token\ndata: {\"n\":2,\"text\":\"lo\"}\n\n"}
{"t_ms":662,"kind":"write","text":": ping\n\n"}
{"t_ms":1671,"kind":"write","text":"id: 3\nevent: token\n","first_ms":1669}
{"t_ms":1671,"kind":"write","text":"data: {\"n\":3,\"text\":\" you\"}\n\n"}
{"t_ms":1975,"kind":"write","text":"data: [DONE]\n\n"}
{"t_ms":1978,"kind":"end","how":"complete"}
"#;

#[test]
fn a_recording_over_sockets_keeps_its_tolerance_in_a_lab() {
    let path = file("sockets.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    checked(Script::right().application(), &path).assert_conforms();
    let mut late = Script::right();
    late.writes[6].0 += 300;
    late.end = End::Complete(2300);
    let text = checked(late.clone().application(), &path).to_string();
    assert!(text.contains("FAIL  sockets.jsonl:10") && text.contains("ms too late"), "{text}");
    let report = lab(late.application(), async |lab| lab.check_against(&path).tolerance(ms(350)).await.unwrap());
    report.assert_conforms();
    let mut wrong = Script::right();
    wrong.writes[2].1 = "data: other\n\n".into();
    assert!(checked(wrong.application(), &path).to_string().contains("FAIL  sockets.jsonl:6"));
}

#[test]
fn the_recordings_of_a_folder_are_clients_at_once_unless_one_by_one_is_asked_for() {
    let folder = file("folder");
    let record = |name: &str, others: u64| {
        lab(room(), async |lab| {
            let before = lab.get("/room").await;
            let stays = if others == 0 { before } else { lab.get("/room").await };
            lab.advance(secs(1)).await;
            stays.recording().save(folder.join(name)).unwrap();
        });
    };
    // Each was recorded alone: at once, each sees the other.
    record("a.jsonl", 0);
    record("b.jsonl", 0);
    assert!(!checked(room(), &folder).conforms());
    let report = lab(room(), async |lab| lab.check_against(&folder).one_by_one().await.unwrap());
    report.assert_conforms();
    // The second of two clients sees two.
    record("b.jsonl", 1);
    let report = lab(room(), async |lab| lab.check_against(&folder).only("b.jsonl:*").await.unwrap());
    assert!(!report.conforms(), "alone it is one: {report}");
}

#[test]
fn a_selection_and_a_time_limit_judge_a_part() {
    let path = file("part.jsonl");
    lab(Script::right().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    let mut script = Script::right();
    script.headers[1].1 = "8";
    lab(script.application(), async |lab| {
        assert!(!lab.check_against(&path).await.unwrap().conforms());
        lab.check_against(&path).skip("part.jsonl:3").await.unwrap().assert_conforms();
        lab.check_against(&path).only("part.jsonl:[456]").await.unwrap().assert_conforms();
        let report = lab.check_against(&path).watch_for(secs(1)).skip("part.jsonl:3").await.unwrap();
        assert!(report.conforms() && report.to_string().contains("it needs more time than was given"), "{report}");
    });
}

#[test]
fn mistakes_name_the_file_the_line_and_what_was_expected() {
    let broken = file("broken.jsonl");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, OVER_SOCKETS.replace("\"status\":200", "\"status\":\"200\"")).unwrap();
    let sockets = file("mistakes.jsonl");
    std::fs::write(&sockets, OVER_SOCKETS).unwrap();
    let times = file("times.jsonl");
    std::fs::write(&times, OVER_SOCKETS.replacen("\"chunked\"}", "\"chunked\",\"times\":\"rough\"}", 1)).unwrap();
    lab(Script::right().application(), async |lab| {
        let missing = lab.check_against("recordings/missing.jsonl").await.unwrap_err().to_string();
        assert!(missing.starts_with("failed to read recordings/missing.jsonl: No such file"), "{missing}");
        let wrong = lab.check_against(&broken).await.unwrap_err().to_string();
        assert!(wrong.starts_with("failed to read broken.jsonl: line 3, field \"status\": expected "), "{wrong}");
        let rough = lab.check_against(&times).await.unwrap_err().to_string();
        assert!(rough.starts_with("failed to read times.jsonl: line 1, field \"times\": "), "{rough}");
        let typo = lab.check_against(&sockets).only("mistakes.jsonl:99").await.unwrap_err().to_string();
        assert!(typo.contains("no case matches \"mistakes.jsonl:99\": an id is the name of a recording"), "{typo}");
        let pattern = lab.check_against(&sockets).only("[").await.unwrap_err().to_string();
        assert!(pattern.starts_with("failed to read the pattern \"[\": "), "{pattern}");
        let header = lab.check_against(&sockets).header("content-length", "5").await.unwrap_err();
        assert!(header.to_string().contains("a check decides about this one itself"), "{header}");
        // What `unwrap` shows is the message.
        assert_eq!(format!("{header:?}"), header.to_string());
        let response = lab.get("/tokens").await;
        let into_a_file = response.recording().save(sockets.join("a.jsonl")).unwrap_err().to_string();
        assert!(into_a_file.contains("mistakes.jsonl"), "{into_a_file}");
    });
}

#[test]
fn a_panic_of_the_application_ends_a_check_in_the_words_of_the_lab() {
    async fn fail() -> &'static str {
        panic!("no such model")
    }
    let path = file("panic.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    let panic = std::panic::catch_unwind(|| checked(Router::new().route("/tokens", get(fail)), &path)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("the application panicked at work on GET /tokens"), "{message}");
}

#[test]
fn an_error_of_the_application_is_told_where_no_answer_comes() {
    let path = file("error.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    let app = tower::service_fn(async |_: axum::extract::Request| {
        Err::<axum::http::Response<axum::body::Body>, _>(std::io::Error::other("the model is away"))
    });
    let text = lab(app, async |lab| lab.check_against(&path).await.unwrap()).to_string();
    assert!(text.contains("the application failed: the model is away"), "{text}");
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
