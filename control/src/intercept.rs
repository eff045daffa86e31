//! The monitor as the interceptor of a world: notes each exchange in the log and in the connection table, and lets each
//! response pass the faults. Without faults no byte of a response changes.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, Version, request, response};
use bytes::Bytes;
use onbeat_faults::{Alterations, Tally};
use onbeat_server::connection::Connection;
use onbeat_server::context::{RequestContext, plain_path};
use onbeat_server::driver::{HeadChange, ResponseHook};
use onbeat_server::interceptor::Interceptor;
use onbeat_server::script::Action;
use onbeat_wire::recording::{Body, End, Exchange, Request, ResponseHead, Write};
use onbeat_wire::{How, Instant, header_text};

use crate::connections::{LiveExchange, NotTaken, PushedWrite, RequestTarget};
use crate::monitor::Monitor;

impl Interceptor for Monitor {
    fn request(self: Arc<Self>, context: &RequestContext, head: &request::Parts) -> Box<dyn ResponseHook> {
        let path = plain_path(head.uri.path());
        let last_event_id = head.headers.get("last-event-id").map(|id| header_text(id.as_bytes()));
        let target = RequestTarget::new(&head.uri, self.log().redaction());
        let exchange = LiveExchange::new(context, head.method.clone(), target, last_event_id);
        // Writes the target as sent; only the faults compare the plain path.
        let request = Request {
            method: head.method.to_string(),
            target: head.uri.path_and_query().map_or("", |target| target.as_str()).to_owned(),
            version: if head.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }.to_owned(),
            headers: fields(&head.headers),
            body: (!context.body.is_empty()).then(|| Body { bytes: context.body.clone(), is_cut: false }),
        };
        self.log().note(context.at, exchange.ordinals(), request);
        // Lists the exchange only after the note: no other line about the exchange can come first.
        let exchange = Arc::new(exchange);
        self.connections().add(&context.connection, Arc::clone(&exchange));
        Box::new(ExchangeHook {
            monitor: self,
            exchange,
            connection: Arc::clone(&context.connection),
            path,
            alterations: Alterations::default(),
            written: Tally::default(),
        })
    }

    fn head(&self, context: &RequestContext, head: &response::Parts) {
        if let Some(exchange) = self.connections().exchange(context.ordinal, context.request) {
            exchange.update(|progress| progress.status = Some(head.status.as_u16()));
            // Refuses pushed writes from here on, which would break the length.
            if head.headers.contains_key(CONTENT_LENGTH) {
                exchange.refuse_pushes(NotTaken::LengthTold);
            }
        }
        let ordinals = Exchange { connection: Some(context.ordinal), request: Some(context.request) };
        self.note(ordinals, ResponseHead { status: head.status.as_u16(), headers: fields(&head.headers) });
    }
}

/// Returns header fields in order, without the fields that frame a message.
fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _)| **name != TRANSFER_ENCODING && **name != CONTENT_LENGTH);
    shown.map(|(name, value)| (name.as_str().to_owned(), header_text(value.as_bytes()))).collect()
}

/// The hook of one response: applies the faults, and notes the result.
struct ExchangeHook {
    monitor: Arc<Monitor>,
    exchange: Arc<LiveExchange>,
    connection: Arc<Connection>,
    /// The whole path of the request, until the response has met the faults for this path.
    path: String,
    alterations: Alterations,
    written: Tally,
}

impl ExchangeHook {
    fn since_request(&self, at: Instant) -> Duration {
        at - self.exchange.since
    }
}

impl ResponseHook for ExchangeHook {
    fn change_head(&mut self) -> HeadChange {
        let has_no_body = self.exchange.method == Method::HEAD;
        // Frees the path, which no later call needs.
        let path = std::mem::take(&mut self.path);
        let mut change = HeadChange::None;
        for applied in self.monitor.faults().meet(&path, self.exchange.connection, has_no_body) {
            match applied.fault.kind.head_change() {
                HeadChange::None => self.alterations.add(applied, self.written, Duration::ZERO),
                // Counts a change of the head as an alteration at once, since the head follows.
                changed => {
                    applied.fired();
                    change = changed;
                }
            }
        }
        change
    }

    fn alters(&self) -> bool {
        !self.alterations.is_empty() || self.exchange.has_pushed()
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.alterations.take_in(self.since_request(at), action);
    }

    fn pushed(&mut self, until: Bound<Instant>) -> Option<(Instant, Bytes)> {
        let PushedWrite { at, bytes, turn } = self.exchange.take_pushed(until)?;
        // Holds the turn until the write has been sent, for the test that waits for the write.
        self.connection.hold_until_sent(turn);
        Some((at, bytes))
    }

    fn pass_time(&mut self, now: Instant) {
        self.alterations.look(self.since_request(now));
    }

    fn next(&mut self, at: Instant) -> Option<Action> {
        for applied in self.exchange.take_late_faults() {
            self.alterations.add(applied, self.written, self.since_request(at));
        }
        // Notes a stall only when no action comes out, not while actions still pass.
        let next = self.alterations.next_action();
        if next.is_none() && !self.alterations.is_empty() {
            let is_stalled = self.alterations.is_stalled();
            self.exchange.update(|progress| progress.is_stalled = is_stalled);
        }
        next
    }

    fn deadline(&self, after: Instant) -> Option<Instant> {
        let deadline = self.alterations.deadline(self.since_request(after))?;
        Some(self.exchange.since + deadline)
    }

    fn wrote(&mut self, bytes: &Bytes) {
        if self.written.writes == 0 {
            self.exchange.note_first_write(bytes);
        }
        self.written.count(bytes.len());
        self.exchange.update(|progress| progress.written = self.written);
        self.monitor.note(self.exchange.ordinals(), Write { bytes: bytes.clone() });
    }

    fn ended(&mut self, how: How) {
        let at = self.monitor.now();
        self.exchange.update(|progress| progress.end = Some((at, how)));
        self.monitor.connections().note_end(Arc::clone(&self.exchange));
        // Refuses pushed writes before the end is noted: no write can follow the end in the log.
        self.exchange.refuse_pushes(NotTaken::Over);
        // Notes the end before waking the waiting tasks: a close is answered after the line.
        self.monitor.note(self.exchange.ordinals(), End { how });
        self.monitor.note_ended();
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
    use axum::http::{HeaderValue, StatusCode};
    use axum::response::Response;
    use http_body::Body as _;
    use onbeat_clock::{Clock, TokioClock};
    use onbeat_server::connection::Ending;
    use onbeat_server::endpoints::{send_heartbeat, sse, sse_data, stream_text};
    use onbeat_server::limits::Limits;
    use onbeat_server::random::Seed;
    use onbeat_server::router::intercepted_router;
    use onbeat_server::world::World;
    use onbeat_wire::recording::LogStart;
    use tower_service::Service;

    use super::*;
    use crate::log::Redaction;
    use crate::monitor::{END_TIME_MAX, PushError, Pushed};
    use onbeat_faults::{ContentTypeChange, Fault, Kind, Place, ReconnectionTime, StatusChange, Target};

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
        let start = LogStart { version: 1, seed, epoch, clock, mailbox: 1, ..LogStart::default() };
        let log: Vec<u8> = monitor.log().read(start).flat_map(|piece| piece.expect("the log is there")).collect();
        let log = String::from_utf8(log).expect("UTF-8");
        log.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_late_fault_begins_at_the_time_that_the_response_has_reached() {
        let (monitor, _) = monitored();
        let mut context = RequestContext::new(Arc::new(Connection::new(0)));
        context.ordinal = 0;
        let (head, ()) = axum::http::Request::new(()).into_parts();
        let mut hook = Arc::clone(&monitor).request(&context, &head);
        hook.change_head();
        let (target, from) = (Target::Connection(0), Place::Ms(3000));
        monitor.add_fault(Fault { target, times: 1, from, kind: Kind::Cut }).expect("there is room");
        // The time of the fault has passed, so the fault acts before time passes again.
        let cut = hook.next(context.at + Duration::from_millis(5000));
        assert!(matches!(cut, Some(Action::End(How::Cut))), "{cut:?}");
    }

    /// Returns the answer to a `GET` that this fault strikes.
    async fn answer(target: &str, kind: Option<Kind>) -> Response {
        let (monitor, router) = monitored();
        if let Some(kind) = kind {
            let fault = Fault { target: Target::Path(target.into()), times: 1, from: Place::Write(0), kind };
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
            (Kind::Duplicate, format!("{ANSWER}{ANSWER}")),
            (Kind::Bom, format!("\u{feff}{ANSWER}")),
            (Kind::Retry(ReconnectionTime { retry_ms: 7 }), format!("retry: 7\n{ANSWER}")),
            (Kind::End, String::new()),
        ] {
            let response = answer(send_heartbeat::PUBLISHER.path, Some(kind)).await;
            assert!(!response.headers().contains_key(CONTENT_LENGTH) && response.body().size_hint().exact().is_none());
            assert_eq!(text(response).await, altered);
        }
    }

    #[tokio::test]
    async fn another_head_can_be_read_by_a_page_of_another_origin() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let head = Kind::Status(StatusChange { status, location: None, retry_after_s: Some(5) });
        let response = answer(sse::STREAM.path, Some(head)).await;
        assert_eq!(response.status(), status);
        for (name, value) in [
            ("retry-after", "5"),
            ("access-control-expose-headers", "Retry-After"),
            ("access-control-allow-origin", "*"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let location = Some(HeaderValue::from_static("/elsewhere"));
        let head = Kind::Status(StatusChange { status: StatusCode::FOUND, location, retry_after_s: None });
        let response = answer(stream_text::STREAM.path, Some(head)).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(response.headers()[LOCATION], "/elsewhere");
        assert!(!response.headers().contains_key(RETRY_AFTER));
        let head = Kind::ContentType(ContentTypeChange { content_type: HeaderValue::from_static("text/html") });
        let response = answer(sse_data::STREAM.path, Some(head)).await;
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
    #[tokio::test(start_paused = true)]
    async fn pushed_writes_come_when_nothing_else_is_due() {
        let (monitor, router) = monitored();
        let mut body = ask(router, Method::GET, sse::STREAM.path).await.into_body();
        let mut frame = async || {
            let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
            frame.expect("the stream is open").expect("a frame").into_data().expect("data")
        };
        monitor.push(0, None, Bytes::from("a")).expect("the response is under way");
        monitor.push(0, Some(0), Bytes::from("b")).expect("the response is under way");
        assert!(frame().await.starts_with(b"data: {\"message\""));
        assert_eq!([frame().await, frame().await, frame().await], ["a", "b", "heartbeat:\n\n"]);
        assert!(matches!(monitor.push(0, Some(1), Bytes::from("c")), Err(PushError::OtherRequest(_))));
    }

    #[tokio::test]
    async fn a_response_that_has_told_its_length_takes_no_pushed_write() {
        let (monitor, router) = monitored();
        let response = ask(router, Method::GET, "/nowhere").await;
        assert!(response.headers().contains_key(CONTENT_LENGTH));
        assert_eq!(monitor.push(0, None, Bytes::from("a")), Err(PushError::LengthTold(0)));
        assert_eq!(text(response).await, "not found\n");
        assert!(matches!(monitor.push(0, None, Bytes::from("a")), Err(PushError::NotOpen(_))));
        assert!(!lines(&monitor).iter().any(|line| line.contains("push")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_a_response_never_takes_is_told_and_waited_for_no_longer_than_need_be() {
        let clock = Arc::new(TokioClock::start());
        let monitor = Arc::new(Monitor::new(Arc::clone(&clock) as Arc<dyn Clock>, Redaction::default()));
        let (head, ()) = axum::http::Request::new(()).into_parts();
        let connection = Arc::new(Connection::new(0));
        let mut hook = Arc::clone(&monitor).request(&RequestContext::new(Arc::clone(&connection)), &head);
        let bytes = || Bytes::from("a");
        let waits = Ok(Pushed { request: 0, is_written: false });
        // A head that only an advance can bring about is not waited for.
        assert_eq!(monitor.push_and_wait(0, None, bytes(), true).await, waits);
        assert_eq!(clock.now(), Instant::EPOCH);
        assert_eq!(monitor.push_and_wait(0, None, bytes(), false).await, waits);
        assert_eq!(clock.now().since_epoch(), END_TIME_MAX);
        let mut lost = tokio_test::task::spawn(monitor.push_and_wait(0, None, bytes(), false));
        assert!(lost.poll().is_pending());
        hook.ended(How::Closed);
        assert!(lost.is_woken());
        assert!(matches!(lost.await, Err(PushError::Over { .. })));
        connection.end(Ending::InGoodOrder);
        assert!(matches!(monitor.push_and_wait(0, None, bytes(), true).await, Err(PushError::Over { .. })));
    }
}
