//! The seam for watching or changing the exchanges of a world, such as a request log or fault injection.
//!
//! A server has at most one interceptor: see [`crate::router::intercepted_router`]. For each request, once the
//! body has come if an application takes the request, the server calls, in this order:
//!
//! 1. [`Interceptor::request`], as soon as the request has its ordinals. The interceptor returns the hook of the response.
//! 2. [`ResponseHook::change_head`], before an endpoint answers. A request that the router refuses by itself, as malformed
//!    or for its method, gets no such call.
//! 3. [`Interceptor::head`], when the head is complete and about to be written.
//! 4. [`ResponseHook::take_in`], [`pushed`](ResponseHook::pushed), [`pass_time`](ResponseHook::pass_time) and
//!    [`next`](ResponseHook::next), while the body is played, and [`ResponseHook::wrote`] for each write handed over to HTTP.
//! 5. [`ResponseHook::ended`], exactly once, even if the client leaves before the head. [`How`](onbeat_wire::How) tells
//!    complete responses, clients that have left, and connections closed by the server apart.
//!
//! The connection outlives its responses. An interceptor that lists connections keeps a
//! [`Weak`](std::sync::Weak) reference, which is dead once the connection is closed.

use std::fmt;
use std::sync::Arc;

use axum::http::{request, response};

use crate::context::RequestContext;
use crate::driver::ResponseHook;

/// Notes the requests and heads of a world, and makes the hooks of the responses.
pub trait Interceptor: fmt::Debug + Send + Sync {
    /// Notes a request that has just been received. Returns the hook of the response.
    fn request(self: Arc<Self>, context: &RequestContext, head: &request::Parts) -> Box<dyn ResponseHook>;

    /// Notes the head of the response to the request with the context `context`.
    fn head(&self, context: &RequestContext, head: &response::Parts);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use axum::response::{IntoResponse, Response};
    use bytes::Bytes;
    use onbeat_wire::{How, Instant};
    use parking_lot::Mutex;
    use tower_service::Service;

    use super::*;
    use crate::driver::{HeadChange, HookSlot};
    use crate::endpoints::{PUBLISHERS, STREAMS};
    use crate::limits::Limits;
    use crate::random::Seed;
    use crate::router::intercepted_router;
    use crate::script::Action;
    use crate::world::World;
    use onbeat_clock::TokioClock;

    /// The calls, in order.
    type Calls = Arc<Mutex<Vec<String>>>;

    /// Notes each call. Answers in place of the endpoint with `status`, if there is one.
    #[derive(Debug, Default)]
    struct NotingInterceptor {
        calls: Calls,
        status: Option<StatusCode>,
    }

    impl Interceptor for NotingInterceptor {
        fn request(self: Arc<Self>, context: &RequestContext, head: &request::Parts) -> Box<dyn ResponseHook> {
            let RequestContext { ordinal, request, .. } = context;
            self.calls.lock().push(format!("request {ordinal}.{request} {}", head.method));
            Box::new(CallNotingHook { calls: Arc::clone(&self.calls), status: self.status, action: None })
        }

        fn head(&self, context: &RequestContext, head: &response::Parts) {
            self.calls.lock().push(format!("head {} {}", context.ordinal, head.status.as_u16()));
        }
    }

    /// A hook that alters nothing.
    struct CallNotingHook {
        calls: Calls,
        status: Option<StatusCode>,
        action: Option<Action>,
    }

    impl ResponseHook for CallNotingHook {
        fn change_head(&mut self) -> HeadChange {
            self.calls.lock().push("change head".into());
            self.status
                .map_or(HeadChange::None, |status| HeadChange::Answer(Box::new((status, "no body").into_response())))
        }

        fn alters(&self) -> bool {
            false
        }

        fn take_in(&mut self, _: Instant, action: Action) {
            self.action = Some(action);
        }

        fn pass_time(&mut self, _: Instant) {}

        fn next(&mut self, _: Instant) -> Option<Action> {
            self.action.take()
        }

        fn deadline(&self, _: Instant) -> Option<Instant> {
            None
        }

        fn wrote(&mut self, _: &Bytes) {
            self.calls.lock().push("write".into());
        }

        fn ended(&mut self, how: How) {
            self.calls.lock().push(format!("end {how:?}"));
        }
    }

    /// Returns the calls during one exchange, whose client reads to the end, or leaves after the head.
    async fn calls(method: Method, path: &str, status: Option<StatusCode>, reads: bool) -> String {
        let calls = Calls::default();
        let interceptor = Arc::new(NotingInterceptor { calls: Arc::clone(&calls), status });
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let world = World::new(Arc::new(TokioClock::start()), Seed(42), epoch, Limits::default());
        let mut router = intercepted_router(Arc::new(world), interceptor);
        let request = Request::builder().method(method).uri(path).header("host", "onbeat").body(Body::empty());
        let response: Response = router.call(request.expect("a request")).await.expect("a router never fails");
        if reads {
            axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body that ends");
        } else {
            drop(response);
        }
        calls.lock().join(", ")
    }

    #[tokio::test(start_paused = true)]
    async fn an_interceptor_is_called_in_the_order_of_the_exchange() {
        let finite = STREAMS.iter().find(|stream| stream.ends).expect("a stream ends").path;
        let publisher = PUBLISHERS[0].path;
        for (path, status) in [(publisher, 200), ("/nowhere", 404)] {
            let expected = format!("request 0.0 GET, change head, head 0 {status}, write, end Complete");
            assert_eq!(calls(Method::GET, path, None, true).await, expected);
        }
        let stream = calls(Method::GET, finite, None, true).await;
        assert!(stream.starts_with("request 0.0 GET, change head, head 0 200, write, write, "), "{stream}");
        assert!(stream.ends_with(", write, end Complete") && stream.matches("end").count() == 1, "{stream}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_exchange_without_a_body_ends_with_the_head() {
        for path in [STREAMS[0].path, PUBLISHERS[0].path] {
            for (answered, status) in [(None, 200), (Some(StatusCode::BAD_GATEWAY), 502)] {
                let expected = format!("request 0.0 HEAD, change head, head 0 {status}, end Complete");
                assert_eq!(calls(Method::HEAD, path, answered, false).await, expected);
            }
            for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
                let expected = format!("request 0.0 GET, change head, head 0 {}, end Complete", status.as_u16());
                assert_eq!(calls(Method::GET, path, Some(status), false).await, expected);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_the_router_refuses_has_no_head_to_change() {
        let refused = calls(Method::DELETE, STREAMS[0].path, None, true).await;
        assert_eq!(refused, "request 0.0 DELETE, head 0 404, write, end Complete");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_after_the_head_closes_the_exchange() {
        for path in [STREAMS[0].path, "/nowhere"] {
            let left = calls(Method::GET, path, None, false).await;
            assert!(left.ends_with(", end Closed") && left.matches("end").count() == 1, "{left}");
        }
    }

    #[test]
    fn a_client_that_leaves_before_the_head_closes_the_exchange() {
        let calls = Calls::default();
        let hook = CallNotingHook { calls: Arc::clone(&calls), status: None, action: None };
        let slot = HookSlot::new(Box::new(hook));
        drop(slot.clone());
        assert!(calls.lock().is_empty());
        drop(slot);
        assert_eq!(*calls.lock(), ["end Closed"]);
    }
}
