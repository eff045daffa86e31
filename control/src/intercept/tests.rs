//! Exchanges through the router of a monitored world.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http_body::Body as _;
use onbeat_server::clock::{Clock, TokioClock};
use onbeat_server::endpoints::{send_heartbeat, sse, sse_data, stream_text};
use onbeat_server::random::Seed;
use onbeat_server::router::intercepted_router;
use onbeat_server::world::{Limits, World};
use onbeat_wire::recording::LogStart;
use tower_service::Service;

use super::*;
use crate::faults::{Break, Fault, From, Rewrite, Strikes};
use crate::log::Redaction;

const ANSWER: &str = r#"{"ok":true,"clients":0,"removed":0}"#;

/// Returns the monitor of a world, and the router.
fn monitored() -> (Arc<Monitor>, Router) {
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let monitor = Arc::new(Monitor::new(Arc::clone(&clock), Redaction::default()));
    let world = Arc::new(World::new(clock, Seed(42), epoch, Limits::default()));
    let router = intercepted_router(world, Arc::clone(&monitor) as Arc<dyn Interceptor>);
    (monitor, router)
}

async fn ask(mut router: Router, method: Method, target: &str) -> Response {
    let request = Request::builder().method(method).uri(target).header("host", "onbeat").body(Body::empty());
    router.call(request.expect("a request")).await.expect("a router never fails")
}

/// Returns the lines of a log after the first line.
fn lines(monitor: &Monitor) -> Vec<String> {
    let (seed, epoch, clock) = ("42".into(), "2025-12-01T00:00:00.000Z".into(), "real".into());
    let start = LogStart { version: 1, seed, epoch, clock, mailbox: 1, dropped: 0 };
    let log: Vec<u8> = monitor.log().read(start).flat_map(|piece| piece.expect("the log is there")).collect();
    let log = String::from_utf8(log).expect("UTF-8");
    log.lines().skip(1).map(str::to_owned).collect()
}

/// Returns the answer to a `GET` that this fault strikes.
async fn answer(target: &str, kind: Option<Kind>) -> Response {
    let (monitor, router) = monitored();
    if let Some(kind) = kind {
        let fault = Fault { strikes: Strikes::Path(target.into()), times: 1, from: From::Write(0), kind };
        monitor.add_fault(fault).expect("there is room");
    }
    ask(router, Method::GET, target).await
}

#[tokio::test]
async fn an_answer_without_a_body_is_noted_as_complete_after_its_head() {
    for target in [sse::STREAM.path, stream_text::STREAM.path, send_heartbeat::PUBLISHER.path, "/nowhere"] {
        let (monitor, router) = monitored();
        drop(ask(router, Method::HEAD, target).await);
        let lines = lines(&monitor);
        assert!(lines.len() == 3 && lines[1].contains(r#""kind":"head""#), "{target}: {lines:?}");
        assert!(lines[2].ends_with(r#""how":"complete"}"#), "{target}: {lines:?}");
    }
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body that ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn an_answer_without_faults_tells_its_length_though_it_is_watched() {
    let response = answer(send_heartbeat::PUBLISHER.path, None).await;
    assert_eq!(response.body().size_hint().exact(), Some(ANSWER.len() as u64));
    assert_eq!(text(response).await, ANSWER);
    assert_eq!(answer(sse::STREAM.path, None).await.body().size_hint().exact(), None);
}

#[tokio::test]
async fn an_answer_that_is_altered_tells_no_length() {
    for (kind, altered) in [
        (Kind::Rewrite(Rewrite::Duplicate), format!("{ANSWER}{ANSWER}")),
        (Kind::Rewrite(Rewrite::Bom), format!("\u{feff}{ANSWER}")),
        (Kind::Rewrite(Rewrite::Retry(7)), format!("retry: 7\n{ANSWER}")),
        (Kind::Break(Break::End), String::new()),
    ] {
        let response = answer(send_heartbeat::PUBLISHER.path, Some(kind)).await;
        assert!(!response.headers().contains_key(CONTENT_LENGTH) && response.body().size_hint().exact().is_none());
        assert_eq!(text(response).await, altered);
    }
}

#[tokio::test]
async fn another_head_can_be_read_by_a_page_of_another_origin() {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let head = Head::Status { status, location: None, retry_after_s: Some(5) };
    let response = answer(sse::STREAM.path, Some(Kind::Head(head))).await;
    assert_eq!(response.status(), status);
    for (name, value) in
        [("retry-after", "5"), ("access-control-expose-headers", "Retry-After"), ("access-control-allow-origin", "*")]
    {
        assert_eq!(response.headers()[name], value);
    }
    let location = Some(HeaderValue::from_static("/elsewhere"));
    let head = Head::Status { status: StatusCode::FOUND, location, retry_after_s: None };
    let response = answer(stream_text::STREAM.path, Some(Kind::Head(head))).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], "/elsewhere");
    assert!(!response.headers().contains_key(RETRY_AFTER));
    let head = Head::ContentType(HeaderValue::from_static("text/html"));
    let response = answer(sse_data::STREAM.path, Some(Kind::Head(head))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "text/html");
    assert!(!response.headers().contains_key(RETRY_AFTER) && !response.headers().contains_key(LOCATION));
}

#[tokio::test]
async fn a_response_that_is_dropped_is_noted_once_as_closed_by_the_client() {
    let (monitor, router) = monitored();
    drop(ask(router, Method::GET, sse::STREAM.path).await);
    let lines = lines(&monitor);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[2].ends_with(r#""how":"closed"}"#), "{lines:?}");
}
