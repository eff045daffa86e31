//! The entrance to a world: counts every request.
//!
//! In a world with a backstage the entrance also notes the request, and adds the hook through which the answer meets its
//! faults and is watched. Without faults no byte of the answer changes.

mod exchange_hook;
mod watch;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;
use onbeat_wire::{How, Instant};

use self::exchange_hook::ExchangeHook;
use self::watch::Watch;
use crate::backstage::Exchange;
use crate::context::{RequestContext, plain};
use crate::driver::{Driver, HookSlot};
use crate::log::{self, What, Which};
use crate::world::World;

/// Counts a request, and in a world with a backstage notes the request and watches the answer.
pub(crate) async fn enter(State(world): State<Arc<World>>, mut request: Request, next: Next) -> Response {
    // Under another server each request counts as a connection of its own.
    let connection = RequestContext::connection_of(&request).unwrap_or_else(|| Arc::new(world.next_connection()));
    let (ordinal, number) = world.admit(&connection);
    let at = world.clock().now();
    let mut context = RequestContext { ordinal, request: number, at, ..RequestContext::new(connection) };
    let Some(backstage) = world.backstage() else {
        request.extensions_mut().insert(context);
        return next.run(request).await;
    };

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
    backstage.seat(ordinal, &context.connection, Arc::clone(&exchange));
    let has_no_body = request.method() == Method::HEAD;
    let watch = Watch { world: Arc::clone(&world), which, exchange };
    // If the client leaves before the head, the hook is dropped with the handler.
    context.hook = HookSlot::new(Box::new(ExchangeHook::new(watch.clone())));
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).await;
    // The driver of a stream has taken the hook; any other answer is driven from here on.
    let hook = context.hook.take();
    if hook.as_ref().is_some_and(|hook| hook.alters()) {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    watch.begin(&response);
    if has_no_body || matches!(response.status().as_u16(), 204 | 304) {
        watch.end(How::Complete);
        return response;
    }
    let Some(hook) = hook else { return response };
    let who = context.who(watch.exchange.path.clone());
    response.map(|body| Body::new(Driver::of_body(body, hook, world.clock(), who, context.connection, at)))
}

fn exchange(request: &Request, number: u32, since: Instant) -> Exchange {
    let last_event_id = request.headers().get("last-event-id");
    let last_event_id = last_event_id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    Exchange::new(number, request.method().clone(), plain(request.uri().path()), since, last_event_id)
}

#[cfg(test)]
mod tests {
    use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
    use axum::http::{HeaderValue, StatusCode};
    use http_body::Body as _;
    use tower_service::Service;

    use super::*;
    use crate::clock::TokioClock;
    use crate::faults::{Break, Fault, From, Head, Kind, Rewrite, Strikes};
    use crate::log::Preamble;
    use crate::random::Seed;
    use crate::router::router;
    use crate::world::Limits;

    const ANSWER: &str = r#"{"ok":true,"clients":0,"removed":0}"#;

    fn world_with_backstage() -> Arc<World> {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let world = World::new(Arc::new(TokioClock::start()), Seed(42), epoch, Limits::default());
        Arc::new(world.with_backstage())
    }

    async fn ask(world: &Arc<World>, method: Method, target: &str) -> Response {
        let request = Request::builder().method(method).uri(target).header("host", "onbeat").body(Body::empty());
        let answered = router(Arc::clone(world)).call(request.expect("a request")).await;
        answered.expect("a router never fails")
    }

    /// Returns the answer to a `GET`, in a world with a backstage, in which this fault strikes the answer.
    async fn answer(target: &str, kind: Option<Kind>) -> Response {
        let world = world_with_backstage();
        if let Some(kind) = kind {
            let fault = Fault { strikes: Strikes::Path(target.into()), times: 1, from: From::Write(0), kind };
            let added = world.backstage().expect("it has one").add_fault(Instant::EPOCH, fault);
            added.expect("there is room");
        }
        ask(&world, Method::GET, target).await
    }

    #[tokio::test]
    async fn an_answer_without_a_body_is_noted_as_complete_after_its_head() {
        for target in ["/sse", "/stream-text", "/send-heartbeat", "/nowhere"] {
            let world = world_with_backstage();
            drop(ask(&world, Method::HEAD, target).await);
            let preamble = Preamble { seed: world.seed(), epoch: world.epoch(), clock: "real", mailbox: 1 };
            let pieces = world.backstage().expect("it has one").log().read(&preamble);
            let log: Vec<u8> = pieces.flat_map(|piece| piece.expect("the log is there")).collect();
            let log = String::from_utf8(log).expect("UTF-8");
            let lines: Vec<_> = log.lines().skip(2).collect();
            assert!(lines.len() == 2 && lines[0].contains(r#""kind":"head""#), "{target}: {log}");
            assert!(lines[1].ends_with(r#""how":"complete"}"#), "{target}: {log}");
        }
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
