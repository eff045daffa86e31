//! The routes: finds the endpoint for a request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use crate::application::{Application, answer_by_application};
use crate::context::{RequestContext, plain_path};
use crate::endpoints::{PUBLISHERS, Publisher, STREAMS, Stream};
use crate::entrance::{Entrance, enter};
use crate::interceptor::Interceptor;
use crate::query::Message;
use crate::respond::{Playing, at_once, respond, with_head_change};
use crate::script::{Start, event_stream};
use crate::world::World;
use crate::{cors, malformed};

/// Returns the whole application, in `world`.
///
/// Served by [`crate::serving::serve`], a client that leaves is noticed at once, and a client that is evicted is cut off at
/// once. Another server may notice the first at the next write, and do the second when the client reads again.
pub fn router(world: Arc<World>) -> Router {
    with_entrance(Entrance::new(world, None, None))
}

/// Returns the same application, in which `interceptor` sees every exchange.
pub fn intercepted_router(world: Arc<World>, interceptor: Arc<dyn Interceptor>) -> Router {
    with_entrance(Entrance::new(world, Some(interceptor), None))
}

/// Returns the same application, in which `application` answers before the built-in endpoints.
pub fn router_with(
    world: Arc<World>,
    interceptor: Option<Arc<dyn Interceptor>>,
    application: Arc<dyn Application>,
) -> Router {
    with_entrance(Entrance::new(world, interceptor, Some(application)))
}

fn with_entrance(entrance: Entrance) -> Router {
    let world = Arc::clone(&entrance.world);
    let streams = STREAMS.iter().map(|endpoint| (endpoint.path, stream(endpoint)));
    let publishers = PUBLISHERS.iter().map(|endpoint| (endpoint.path, publisher(endpoint)));
    let routes = streams.chain(publishers);
    let endpoints = routes.fold(Router::new(), |router, (path, endpoint)| router.route(path, endpoint));
    let endpoints = endpoints.fallback(not_found).with_state(Arc::clone(&world));
    // Wraps the endpoints in a second router, since a layer rewrites the path before the routing. Layers are listed from the
    // inside to the outside: a request meets the last layer first.
    let mut router = Router::new()
        .fallback_service(endpoints)
        .layer(middleware::from_fn(change_head))
        .layer(middleware::from_fn(normalise_path))
        .layer(middleware::from_fn(only_reading))
        .layer(middleware::from_fn(cors::allow_any_origin));
    if let Some(application) = &entrance.application {
        router = router.layer(middleware::from_fn_with_state(Arc::clone(application), answer_by_application));
    }
    router
        .layer(middleware::from_fn(malformed::refuse_malformed))
        .layer(middleware::from_fn_with_state(entrance.clone(), enter))
        .layer(middleware::from_fn_with_state(entrance, answer_at_once))
}

/// Returns whether a stream has this path.
fn is_stream(path: &str) -> bool {
    let path = plain_path(path);
    STREAMS.iter().any(|stream| stream.path == path)
}

/// Holds a request for an answer other than a stream, until the server has taken in all arrived bytes. An application holds
/// its requests by itself.
async fn answer_at_once(State(entrance): State<Entrance>, request: Request, next: Next) -> Response {
    let is_stream = *request.method() == Method::GET && is_stream(request.uri().path());
    let (head, body) = request.into_parts();
    let is_taken = entrance.application.is_some_and(|application| application.takes(&head));
    let request = Request::from_parts(head, body);
    match RequestContext::connection_of(&request).filter(|_| !is_stream && !is_taken) {
        Some(connection) => at_once(&entrance.world, &connection, next.run(request)).await,
        None => next.run(request).await,
    }
}

/// Answers with a stream: with the head at once, and for `GET` with each write when the write is due.
fn stream(endpoint: &'static Stream) -> MethodRouter<Arc<World>> {
    get(move |State(world): State<Arc<World>>, method: Method, request: RequestContext| async move {
        // Starts with the receipt of the request, however late the handler runs.
        let start = Start { at: request.at, ..world.start(&request.connection, request.request) };
        let is_played = method == Method::GET;
        let joins = endpoint.hears_broadcasts && is_played;
        // Subscribes before the greeting: a client with the greeting gets every later broadcast.
        let subscription = joins.then(|| world.broadcasts().subscribe(Arc::clone(&request.connection)));
        let playing = Playing { start, path: endpoint.path.into(), subscription, is_played };
        respond(&world, request, event_stream((endpoint.script)(start)), playing).await
    })
}

/// Lets the hook of a request change the head, before an endpoint answers.
async fn change_head(request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned().expect("every request enters the world");
    with_head_change(&context, next.run(request)).await
}

/// Answers by publishing an event, with the delivery of the event.
fn publisher(endpoint: &'static Publisher) -> MethodRouter<Arc<World>> {
    get(move |State(world): State<Arc<World>>, request: RequestContext, RawQuery(query): RawQuery| async move {
        let msg = Message::from_query(query.as_deref().unwrap_or_default());
        let event = (endpoint.event)(world.timestamp(request.at), msg);
        let delivery = world.publish(request.at, event);
        if delivery.filling {
            // Lets the clients read first: a burst of broadcasts must not run ahead of the readers.
            tokio::task::yield_now().await;
        }
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        ([(CONTENT_TYPE, json)], (endpoint.answer)(delivery))
    })
}

/// Lets only `GET` and `HEAD` through: with other methods there is no endpoint on any path.
async fn only_reading(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) { next.run(request).await } else { not_found().await }
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

/// Normalises the path: in lower case, without a slash at the end. No other part of a request is decoded or normalised.
async fn normalise_path(mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    let path = uri.path();
    let plain = plain_path(path);
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
    use axum::body::Body;
    use tower_service::Service;

    use super::*;
    use crate::endpoints::broadcast_text;
    use crate::limits::Limits;
    use crate::random::Seed;
    use onbeat_clock::TokioClock;

    /// Returns a new world, and the router of the world.
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
    async fn only_a_client_that_gets_broadcasts_subscribes_and_no_longer_than_the_response_is_kept() {
        let (world, mut router) = application();
        let hears = STREAMS.iter().find(|stream| stream.hears_broadcasts).expect("a stream hears broadcasts").path;
        let others = STREAMS.iter().filter(|stream| !stream.hears_broadcasts).map(|stream| stream.path);
        let others =
            others.chain(PUBLISHERS.iter().map(|publisher| publisher.path)).map(|path| ("GET", path.into(), 0));
        let asks = [
            ("GET", hears.to_owned(), 1),
            ("GET", hears.to_uppercase() + "/", 1),
            ("HEAD", hears.into(), 0),
            ("OPTIONS", hears.into(), 0),
            ("POST", hears.into(), 0),
        ];
        for (method, target, subscribers) in asks.into_iter().chain(others) {
            let before = world.broadcasts().subscribed();
            let response = asked(&mut router, method, &target).await;
            assert_eq!(world.broadcasts().subscribers(), subscribers, "{method} {target}");
            // Not even for an instant, in which others could count it.
            assert_eq!(world.broadcasts().subscribed() - before, subscribers as u64, "{method} {target}");
            drop(response);
            assert_eq!(world.broadcasts().subscribers(), 0, "{method} {target}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_is_made_plain_and_its_query_stays_as_it_is() {
        let (world, mut router) = application();
        let mut subscription = world.broadcasts().subscribe(Arc::new(world.next_connection()));
        let path = broadcast_text::PUBLISHER.path.replace("broadcast", "BROADCAST");
        asked(&mut router, "GET", &format!("{path}/?msg=ABC%2F/&X=Y")).await;
        subscription.take();
        let writes: Vec<_> = std::iter::from_fn(|| subscription.go_on()).collect();
        assert_eq!(writes[1], "data: {\"msg\":\"ABC//\",\"ts\":\"2025-12-01T00:00:00.000Z\"}\n\n");
    }
}
