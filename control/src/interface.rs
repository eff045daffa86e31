//! The control interface: `/__onbeat/…`, JSON over HTTP, by which a test drives a server.
//!
//! ```text
//!  access ── refusal                         the clients that may drive the server; the refusals
//!    │
//!  body ── request                           a request, read to the end
//!    │
//!  unread                                    answers that no client has read yet
//!    │
//!  chunk ── waiting                                                    the bytes that a test sends; waits for clients
//!    │
//!  clock  connections  driving  channels  faults  log  reset  routes    one file each
//!    │
//!  router                                    the file for a request
//! ```
//!
//! `openapi.json` describes the interface. A request for control is no part of the world: the request takes no ordinal,
//! meets no fault and is not logged. A stream depends on what a test does by such a request, and not on the request itself.

mod access;
mod body;
mod channels;
mod chunk;
mod clock;
mod connections;
mod driving;
mod faults;
mod log;
mod refusal;
mod request;
mod reset;
mod router;
mod routes;
mod unread;
mod waiting;

#[cfg(test)]
mod over_tcp;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use onbeat_server::connection::Connection;
use onbeat_server::context::RequestContext;
use serde::Serialize;
use tokio::sync::Semaphore;

pub use self::access::{Access, AccessError};
pub use self::refusal::Refusal;
use self::unread::{LOG_BYTES, SHORT_BYTES_MAX, Unread};
use crate::PREFIX;
use crate::controller::{Controller, Settings};
use crate::page;

/// The description of the interface, OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("interface/openapi.json");

/// The operations on one world after another, and the clients that may ask for operations.
struct Control {
    controller: Controller,
    access: Access,
    unread: Unread,
    /// The memory for the bodies of all requests.
    bodies: Arc<Semaphore>,
}

/// Returns the whole application: a world, the control interface, and the page.
pub fn router(settings: Settings, access: Access) -> Router {
    let control = Arc::new(Control {
        controller: Controller::new(settings),
        access,
        unread: Unread::default(),
        bodies: Arc::new(Semaphore::new(body::ALL_BYTES_MAX)),
    });
    // Wraps the fallbacks as well: a stranger does not learn which paths exist.
    let interface = router::router().layer(middleware::from_fn_with_state(Arc::clone(&control), admit));
    Router::new()
        .nest_service(PREFIX, interface.with_state(Arc::clone(&control)))
        .fallback(enter_world)
        .layer(middleware::from_fn_with_state(Arc::clone(&control), show_page))
        .with_state(control)
}

impl Control {
    /// Counts a long answer among the answers that no client has read yet. `is_done` tells that the request may have changed
    /// something.
    fn bounded(
        &self,
        answer: Response,
        is_done: bool,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Response, Refusal> {
        // Counts a fixed size for an answer without a length: only the log has none.
        let length = answer.body().size_hint().exact();
        let bytes = length.map_or(LOG_BYTES, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if bytes <= SHORT_BYTES_MAX { Ok(answer) } else { self.unread.admit(answer, bytes, is_done, connection) }
    }
}

/// Answers a request for a file of the page.
async fn show_page(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let file = page::find(method, path, !control.controller.settings().routes.alone);
    // Lets a route of the world come before the page at `/`. No route comes before the files below the prefix.
    let file = file.filter(|_| path != "/" || !control.controller.takes_get(path));
    let Some(file) = file else { return next.run(request).await };
    // Asks for no token: the page itself asks people for the token.
    match control.access.host(request.uri(), request.headers()) {
        Ok(_) => file.response(),
        Err(refusal) => finish(refusal.into_response()),
    }
}

/// Has the world of the moment answer a request.
async fn enter_world(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Infallible> {
    control.controller.answer(request).await
}

/// Lets a request for control through to the routes, if the client may drive the server.
async fn admit(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let from = match control.access.origin(&request) {
        Ok(from) => from,
        Err(refusal) => return finish(refusal.into_response()),
    };
    // Answers preflights before looking for the token, which browsers leave out there.
    if request.method() == Method::OPTIONS {
        return finish(access::preflight(request.headers(), from.as_ref()));
    }
    let connection = RequestContext::connection_of(&request);
    let path = request.uri().path();
    let is_done = !request.method().is_safe() && path != "/connections/wait";
    // Refuses a change of routes before it is done: routes alone have answers as long as a client likes.
    let has_room = if is_done && path.starts_with("/routes") { control.unread.room() } else { Ok(()) };
    let answer = match control.access.token(request.headers()).and(has_room) {
        Ok(()) => control.bounded(next.run(request).await, is_done, connection.as_ref()),
        Err(refusal) => Err(refusal),
    };
    // Lets a page of a named origin read refusals as well.
    let mut response = finish(answer.unwrap_or_else(IntoResponse::into_response));
    if let Some(origin) = from {
        access::let_read(response.headers_mut(), origin);
    }
    response
}

/// An answer in JSON: a short answer, or the answer to an operation that is done. [`Unread::long_json`] makes all others.
struct Json<T>(T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        json(serde_json::to_vec(&self.0).expect("answers are plain data"))
    }
}

/// Returns an answer with this JSON text.
fn json(text: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.into()).into_response()
}

/// Adds the headers of all answers: an answer holds for the moment only, and depends on the origin of the client.
fn finish(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    response
}
