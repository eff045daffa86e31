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

use self::watch::Watch;
use self::watched_body::WatchedBody;
use crate::backstage::Exchange;
use crate::body::Playhead;
use crate::clock::Instant;
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
        watch.end("complete");
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
