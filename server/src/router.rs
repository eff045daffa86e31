//! Which request gets which endpoint.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use crate::body::EventStream;
use crate::connection::Connection;
use crate::endpoints::{PUBLISHERS, Publisher, STREAMS, Stream};
use crate::origin::{Origin, plain};
use crate::query::Message;
use crate::script::Start;
use crate::world::World;
use crate::{cors, entrance, guard};

/// The whole application, in `world`.
///
/// Served by [`crate::http::serve`], a client that leaves is noticed at once, and one that is evicted is cut off at
/// once; another server may notice the one at the next write, and do the other when the client reads again.
pub fn router(world: Arc<World>) -> Router {
    let streams = STREAMS.iter().map(|endpoint| (endpoint.path, stream(endpoint)));
    let publishers = PUBLISHERS.iter().map(|endpoint| (endpoint.path, publisher(endpoint)));
    let routes = streams.chain(publishers);
    let endpoints = routes.fold(Router::new(), |router, (path, endpoint)| router.route(path, endpoint));
    let endpoints = endpoints.fallback(not_found).with_state(Arc::clone(&world));
    // What rewrites a request goes around a router of its own, so that it comes before the routing.
    Router::new()
        .fallback_service(endpoints)
        .layer(middleware::from_fn_with_state(Arc::clone(&world), entrance::meet_faults))
        .layer(middleware::from_fn(normalise_path))
        .layer(middleware::from_fn(only_reading))
        .layer(middleware::from_fn(cors::allow_any_origin))
        .layer(middleware::from_fn(guard::refuse_malformed))
        .layer(middleware::from_fn_with_state(Arc::clone(&world), entrance::enter))
        .layer(middleware::from_fn_with_state(world, answer_at_once))
}

/// Returns whether a path is that of a stream.
fn is_stream(path: &str) -> bool {
    let path = plain(path);
    STREAMS.iter().any(|stream| stream.path == path)
}

/// Answers what is answered at once, and not with a stream, after all has been taken in that has arrived. Meanwhile no time
/// passes, and the connection stays open though its client may send no more.
async fn answer_at_once(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let is_stream = *request.method() == Method::GET && is_stream(request.uri().path());
    let connection = request.extensions().get::<Arc<Connection>>().filter(|_| !is_stream);
    let Some(connection) = connection.map(Arc::clone) else { return next.run(request).await };
    let _open = connection.hold_open();
    let turn = world.clock().turn(connection.party());
    if let Some(arrivals) = connection.arrivals() {
        arrivals.settle().await;
    }
    let response = next.run(request).await;
    connection.hold(turn.unwrap_or_default());
    response
}

/// A stream: its head at once, and for `GET` its writes as they fall due.
fn stream(endpoint: &'static Stream) -> MethodRouter<Arc<World>> {
    get(move |State(world): State<Arc<World>>, method: Method, request: Origin| async move {
        let start = Start { at: request.at, ..world.start(&request.connection, request.request) };
        // The body of an answer to `HEAD` is never played, so it must not hear anything either.
        let joins = endpoint.hears_broadcasts && method == Method::GET;
        let mailbox = joins.then(|| world.hub().join(Arc::clone(&request.connection)));
        let clock = Arc::clone(world.clock());
        let body = EventStream::new(clock, &start, (endpoint.script)(start), mailbox, request.connection)
            .at_path(endpoint.path)
            .with_playhead(request.playhead);
        let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache"), (CONNECTION, "keep-alive")];
        (head.map(|(name, value)| (name, HeaderValue::from_static(value))), Body::new(body))
    })
}

/// An endpoint that sends an event to every member of the hub and tells what became of it.
fn publisher(endpoint: &'static Publisher) -> MethodRouter<Arc<World>> {
    get(move |State(world): State<Arc<World>>, request: Origin, RawQuery(query): RawQuery| async move {
        let msg = Message::from_query(query.as_deref().unwrap_or_default());
        let event = (endpoint.event)(world.timestamp(request.at), msg);
        let delivery = world.hub().publish(request.at, event);
        if delivery.filling {
            // A burst of broadcasts must not run ahead of those who read.
            tokio::task::yield_now().await;
        }
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        ([(CONTENT_TYPE, json)], (endpoint.answer)(delivery))
    })
}

/// Other methods than `GET` and `HEAD` find nothing, whatever the path.
async fn only_reading(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) { next.run(request).await } else { not_found().await }
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

/// Paths are case-insensitive and may end in one slash; nothing else is decoded or normalised.
async fn normalise_path(mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    let path = uri.path();
    let plain = plain(path);
    if plain != path {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{plain}{query}")).ok();
        if let Ok(uri) = parts.try_into() {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use tower_service::Service;

    use super::*;
    use crate::clock::TokioClock;
    use crate::random::Seed;
    use crate::world::Limits;

    /// A world in which nothing has happened, and its router.
    fn application() -> (Arc<World>, Router) {
        let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
        let world = Arc::new(World::new(Arc::new(TokioClock::start()), Seed(42), epoch, Limits::default()));
        (Arc::clone(&world), router(world))
    }

    async fn asked(router: &mut Router, method: &str, target: &str) -> Response {
        let request = Request::builder().method(method).uri(target).header("host", "onbeat");
        let response = router.call(request.body(Body::empty()).expect("a request")).await;
        response.expect("a router never fails")
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_gets_the_stream_is_a_member_and_no_longer_than_the_answer_is_kept() {
        let (world, mut router) = application();
        for (method, target, members) in [
            ("GET", "/sse", 1),
            ("GET", "/SSE/", 1),
            ("HEAD", "/sse", 0),
            ("OPTIONS", "/sse", 0),
            ("POST", "/sse", 0),
            ("GET", "/stream-text", 0),
            ("GET", "/sse-data", 0),
            ("GET", "/dynamic-counter", 0),
            ("GET", "/stream-json", 0),
            ("GET", "/send-heartbeat", 0),
        ] {
            let before = world.hub().joined();
            let response = asked(&mut router, method, target).await;
            assert_eq!(world.hub().clients(), members, "{method} {target}");
            // Not even for an instant, in which others could count it.
            assert_eq!(world.hub().joined() - before, members as u64, "{method} {target}");
            drop(response);
            assert_eq!(world.hub().clients(), 0, "{method} {target}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_is_made_plain_and_its_query_stays_as_it_is() {
        let (world, mut router) = application();
        let mut mailbox = world.hub().join(Arc::new(world.next_connection()));
        asked(&mut router, "GET", "/BROADCAST-text/?msg=ABC%2F/&X=Y").await;
        mailbox.take();
        let writes: Vec<_> = std::iter::from_fn(|| mailbox.go_on()).collect();
        assert_eq!(writes[1], "data: {\"msg\":\"ABC//\",\"ts\":\"2025-12-01T00:00:00.000Z\"}\n\n");
    }
}
