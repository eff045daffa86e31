//! The entrance to a world: every request passes it, and is counted.
//!
//! In a world with a backstage a request is also noted, meets its faults, and has its answer watched. Without faults, not
//! a byte of the answer is changed.

mod watch;
mod watched_body;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use onbeat_wire::{How, Instant};

use self::watch::Watch;
use self::watched_body::WatchedBody;
use crate::backstage::Exchange;
use crate::body::Playhead;
use crate::connection::Connection;
use crate::faults::{Head, Kind, Struck};
use crate::log::{self, What, Which};
use crate::origin::{Origin, plain};
use crate::world::World;

/// Counts a request, and in a world with a backstage notes it and watches its answer.
pub(crate) async fn enter(State(world): State<Arc<World>>, mut request: Request, next: Next) -> Response {
    // Put there by `http::serve`; under another server each request counts as a connection of its own.
    let connection = request.extensions().get::<Arc<Connection>>().map(Arc::clone);
    let connection = connection.unwrap_or_else(|| Arc::new(world.next_connection()));
    let (ordinal, number) = world.admit(&connection);
    let at = world.clock().now();
    let playhead = world.backstage().map(|_| Playhead::default());
    let origin =
        Origin { connection: Arc::clone(&connection), ordinal, request: number, at, playhead: playhead.clone() };
    request.extensions_mut().insert(origin);
    let Some((backstage, playhead)) = world.backstage().zip(playhead) else { return next.run(request).await };

    let which = Which { connection: ordinal, request: number };
    let exchange = Arc::new(exchange(&request, number, at));
    backstage.log().note(
        at,
        What::Request {
            which,
            method: request.method().to_string(),
            target: request.uri().path_and_query().map_or("", |target| target.as_str()).to_owned(),
            version: log::version(request.version()),
            headers: log::headers(request.headers()),
        },
    );
    backstage.seat(ordinal, &connection, Arc::clone(&exchange));
    let has_no_body = request.method() == Method::HEAD;
    // If the client leaves before the head, the watch is dropped with the handler.
    let watch = Watch { world: Arc::clone(&world), connection, which, exchange };
    let mut response = next.run(request).await;
    let faults = response.extensions_mut().remove::<Vec<Struck>>().unwrap_or_default();
    if !faults.is_empty() {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    watch.begin(&response);
    if has_no_body || matches!(response.status().as_u16(), 204 | 304) {
        watch.end(How::Complete);
        return response;
    }
    response.map(|body| {
        let is_stream = body.size_hint().exact().is_none();
        Body::new(WatchedBody::new(watch, body, is_stream.then_some(playhead), faults))
    })
}

fn exchange(request: &Request, number: u32, since: Instant) -> Exchange {
    let last_event_id = request.headers().get("last-event-id");
    let last_event_id = last_event_id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    Exchange::new(number, request.method().clone(), plain(request.uri().path()), since, last_event_id)
}

/// Lets a request, whose path is plain already, meet its faults.
pub(crate) async fn meet_faults(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let origin = request.extensions().get::<Origin>();
    let Some((backstage, origin)) = world.backstage().zip(origin) else { return next.run(request).await };
    let has_no_body = request.method() == Method::HEAD;
    let met = backstage.faults().meet(request.uri().path(), origin.ordinal, has_no_body);
    let (of_the_head, of_the_body): (Vec<_>, Vec<_>) =
        met.into_iter().partition(|struck| matches!(struck.fault.kind, Kind::Head(_)));
    let head = of_the_head.first().and_then(|struck| match &struck.fault.kind {
        Kind::Head(head) => Some((head, struck)),
        Kind::Break(_) | Kind::Rewrite(_) => None,
    });
    let mut response = match head {
        Some((Head::Status { status, location, retry_after_s }, struck)) => {
            struck.fired();
            in_place_of_the_endpoint(*status, location.as_ref(), *retry_after_s)
        }
        Some((Head::ContentType(content_type), struck)) => {
            let mut response = next.run(request).await;
            struck.fired();
            response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            response
        }
        None => next.run(request).await,
    };
    response.extensions_mut().insert(of_the_body);
    response
}

fn in_place_of_the_endpoint(
    status: StatusCode,
    location: Option<&HeaderValue>,
    retry_after_s: Option<u32>,
) -> Response {
    let mut response = match status {
        StatusCode::NO_CONTENT => status.into_response(),
        _ => (status, "a fault, as it was asked for\n").into_response(),
    };
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location.clone());
    }
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        // Else a page of another origin could not see it.
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    response
}

#[cfg(test)]
mod tests {
    use tower_service::Service;

    use super::*;
    use crate::clock::TokioClock;
    use crate::faults::{Break, Fault, From, Rewrite, Strikes};
    use crate::random::Seed;
    use crate::router::router;
    use crate::world::Limits;

    const ANSWER: &str = r#"{"ok":true,"clients":0,"removed":0}"#;

    /// The answer to a `GET`, in a world with a backstage, in which this fault strikes it.
    async fn answer(target: &str, kind: Option<Kind>) -> Response {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let world = World::new(Arc::new(TokioClock::start()), Seed(42), epoch, Limits::default()).with_backstage();
        if let Some(kind) = kind {
            let fault = Fault { strikes: Strikes::Path(target.into()), times: 1, from: From::Write(0), kind };
            let added = world.backstage().expect("it has one").add_fault(Instant::EPOCH, fault);
            added.expect("there is room");
        }
        let request = Request::builder().uri(target).header("host", "onbeat").body(Body::empty());
        let answered = router(Arc::new(world)).call(request.expect("a request")).await;
        answered.expect("a router never fails")
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body that ends");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[tokio::test]
    async fn an_answer_without_faults_tells_its_length_though_it_is_watched() {
        let response = answer("/send-heartbeat", None).await;
        assert_eq!(response.body().size_hint().exact(), Some(ANSWER.len() as u64));
        assert_eq!(text(response).await, ANSWER);
        assert_eq!(answer("/sse", None).await.body().size_hint().exact(), None);
    }

    #[tokio::test]
    async fn an_answer_that_is_altered_tells_no_length() {
        for (kind, altered) in [
            (Kind::Rewrite(Rewrite::Duplicate), format!("{ANSWER}{ANSWER}")),
            (Kind::Rewrite(Rewrite::Bom), format!("\u{feff}{ANSWER}")),
            (Kind::Rewrite(Rewrite::Retry(7)), format!("retry: 7\n{ANSWER}")),
            (Kind::Break(Break::End), String::new()),
        ] {
            let response = answer("/send-heartbeat", Some(kind)).await;
            assert!(!response.headers().contains_key(CONTENT_LENGTH) && response.body().size_hint().exact().is_none());
            assert_eq!(text(response).await, altered);
        }
    }

    #[tokio::test]
    async fn another_head_can_be_read_by_a_page_of_another_origin() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let head = Head::Status { status, location: None, retry_after_s: Some(5) };
        let response = answer("/sse", Some(Kind::Head(head))).await;
        assert_eq!(response.status(), status);
        for (name, value) in [
            ("retry-after", "5"),
            ("access-control-expose-headers", "Retry-After"),
            ("access-control-allow-origin", "*"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let location = Some(HeaderValue::from_static("/sse"));
        let head = Head::Status { status: StatusCode::FOUND, location, retry_after_s: None };
        let response = answer("/stream-text", Some(Kind::Head(head))).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(response.headers()[LOCATION], "/sse");
        assert!(!response.headers().contains_key(RETRY_AFTER));
        let head = Head::ContentType(HeaderValue::from_static("text/html"));
        let response = answer("/sse-data", Some(Kind::Head(head))).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html");
        assert!(!response.headers().contains_key(RETRY_AFTER) && !response.headers().contains_key(LOCATION));
    }
}
