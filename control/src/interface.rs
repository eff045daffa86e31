//! The control interface: `/__onbeat/…`, JSON over HTTP, by which a test drives the server that it tests.
//!
//! ```text
//!  access ── routes                          who may ask, and for what
//!    │
//!  budget ── body ── fields ── refusal       what was asked for, or what is wrong with it
//!    │
//!  unread                                    what is answered, and has not been read
//!    │
//!  clock  connections  faults  log  reset    one file each
//! ```
//!
//! `openapi.json` describes it all. A request for control is kept apart from the world: it takes no ordinal, meets no
//! fault and is not logged, so that no stream's bytes depend on it.

mod access;
mod body;
mod budget;
mod clock;
mod connections;
mod faults;
mod fields;
mod log;
mod refusal;
mod reset;
mod routes;
mod unread;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use onbeat_wire::Epoch;
use parking_lot::Mutex;
use serde::Serialize;
use tower_service::Service;

pub use self::access::{Access, AccessError};
use self::budget::Budget;
pub use self::faults::parse as parse_fault;
pub use self::fields::Fields;
pub use self::refusal::Refusal;
pub use self::routes::{ROUTES, Route};
use self::unread::{LOG_BYTES, SHORT_BYTES_MAX, Unread};
use crate::log::Redaction;
use crate::monitor::Monitor;
use crate::page;
use onbeat_server::clock::{Clock, Kind, ManualClock, Rest, TokioClock};
use onbeat_server::connection::Connection;
use onbeat_server::context::RequestContext;
use onbeat_server::interceptor::Interceptor;
use onbeat_server::random::Seed;
use onbeat_server::router::intercepted_router;
use onbeat_server::world::{Limits, World};

/// What the paths begin with.
pub const PREFIX: &str = "/__onbeat";
/// The description of the interface, OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("interface/openapi.json");

/// What every world that is served is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How time passes.
    pub clock: Kind,
    /// The seed of the random values.
    pub seed: Seed,
    /// The wall-clock time at the start.
    pub epoch: Epoch,
    /// How much is taken on.
    pub limits: Limits,
    /// What nobody finds in a log.
    pub redaction: Redaction,
}

/// One world after another, and who may drive them.
struct Control {
    settings: Settings,
    access: Access,
    instance: Mutex<Arc<Instance>>,
    resetting: tokio::sync::Mutex<()>,
    unread: Unread,
    bodies: Budget,
}

/// The world of the moment, the monitor of the world, and the way in.
struct Instance {
    world: Arc<World>,
    monitor: Arc<Monitor>,
    /// The clock of the world, if the clock is manual.
    manual: Option<Arc<ManualClock>>,
    router: Router,
}

/// The whole application: a world, and the control interface to it.
pub fn router(settings: Settings, access: Access) -> Router {
    let instance = Mutex::new(Arc::new(Instance::new(&settings)));
    let control = Control {
        settings,
        access,
        instance,
        resetting: tokio::sync::Mutex::new(()),
        unread: Unread::default(),
        bodies: Budget::new(body::ALL_BYTES_MAX),
    };
    Router::new().fallback(dispatch).with_state(Arc::new(control))
}

impl Instance {
    fn new(settings: &Settings) -> Self {
        let manual = (settings.clock == Kind::Manual).then(|| Arc::new(ManualClock::start()));
        let clock: Arc<dyn Clock> = match (&manual, settings.clock) {
            (Some(manual), _) => Arc::clone(manual) as Arc<dyn Clock>,
            (None, Kind::Scaled(speed)) => Arc::new(TokioClock::scaled(speed)),
            (None, _) => Arc::new(TokioClock::start()),
        };
        let monitor = Arc::new(Monitor::new(Arc::clone(&clock), settings.redaction.clone()));
        let world = Arc::new(World::new(clock, settings.seed, settings.epoch, settings.limits));
        let router = intercepted_router(Arc::clone(&world), Arc::clone(&monitor) as Arc<dyn Interceptor>);
        Self { world, monitor, manual, router }
    }
}

impl Control {
    fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.instance.lock())
    }

    /// Returns the world of the moment, in which no time passes as long as the rest is kept: a replay can repeat an action
    /// between two advances, and none in the middle of an advance.
    async fn instance_at_rest(&self) -> (Arc<Instance>, Option<Rest>) {
        loop {
            let instance = self.instance();
            let rest = match &instance.manual {
                Some(clock) => Some(clock.rest().await),
                None => None,
            };
            if self.is_current(&instance) {
                return (instance, rest);
            }
        }
    }

    /// Returns whether this is still the world of the moment.
    fn is_current(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(instance, &self.instance())
    }

    /// Opens a new world; returns the old one.
    fn renew(&self) -> Arc<Instance> {
        let next = Arc::new(Instance::new(&self.settings));
        std::mem::replace(&mut self.instance.lock(), next)
    }
}

/// Requests for control go to it, those for the page get that, all others go to the world.
async fn dispatch(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Infallible> {
    if let Some(file) = page::find(request.method(), request.uri().path()) {
        return Ok(match control.access.host(request.uri(), request.headers()) {
            Ok(_) => file.response(),
            Err(refusal) => finish(refusal.into_response()),
        });
    }
    let path = request.uri().path().strip_prefix(PREFIX);
    match path.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        None => control.instance().router.clone().call(request).await,
        Some(path) => {
            let path = path.to_owned();
            Ok(control.answer(&path, request).await)
        }
    }
}

impl Control {
    async fn answer(&self, path: &str, request: Request) -> Response {
        let from = match self.access.origin(&request) {
            Ok(from) => from,
            Err(refusal) => return finish(refusal.into_response()),
        };
        if request.method() == Method::OPTIONS {
            return finish(access::preflight(request.headers(), from.as_ref()));
        }
        let connection = RequestContext::connection_of(&request);
        let answer = match self.access.token(request.headers()) {
            Ok(()) => self.route(path, request).await,
            Err(refusal) => Err(refusal),
        };
        let answer = answer.and_then(|answer| self.bounded(answer, connection.as_ref()));
        let mut response = finish(answer.unwrap_or_else(IntoResponse::into_response));
        if let Some(origin) = from {
            access::let_read(response.headers_mut(), origin);
        }
        response
    }

    /// A long answer counts among those that nobody has read yet.
    fn bounded(&self, answer: Response, connection: Option<&Arc<Connection>>) -> Result<Response, Refusal> {
        let length = answer.body().size_hint().exact();
        let bytes = length.map_or(LOG_BYTES, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if bytes <= SHORT_BYTES_MAX { Ok(answer) } else { self.unread.admit(answer, bytes, connection) }
    }

    async fn route(&self, path: &str, request: Request) -> Result<Response, Refusal> {
        let (route, id) = routes::find(request.method(), path)?;
        let connection = RequestContext::connection_of(&request);
        // Every answer comes within a bounded time, so a client that sends no more gets one.
        let open = connection.as_ref().map(Connection::hold_open);
        let body = if request.method() == Method::POST { body::read(request, &self.bodies).await? } else { None };
        if let Some(connection) = &connection {
            connection.settle_last().await;
        }
        // Parsed only now: what a body of brackets becomes takes much more memory than itself.
        let fields = body.map_or_else(|| Ok(Fields::default()), body::Body::parse)?;
        match route {
            ("GET", "/clock") => Ok(json(StatusCode::OK, &clock::get(self.settings.clock, &self.instance()))),
            ("POST", "/clock/advance") => Ok(json(StatusCode::OK, &clock::advance(self, fields).await?)),
            ("POST", "/reset") => Ok(json(StatusCode::OK, &reset::post(self, connection, fields).await?)),
            ("GET", "/connections") => Ok(json(StatusCode::OK, &connections::get(&self.instance()))),
            ("POST", "/connections/{id}/close") => {
                Ok(json(StatusCode::OK, &connections::close(self, id, fields).await?))
            }
            ("GET", "/faults") => Ok(json(StatusCode::OK, &faults::get(&self.instance()))),
            ("POST", "/faults") => Ok(json(StatusCode::CREATED, &faults::post(self, fields).await?)),
            ("DELETE", "/faults") => Ok(json(StatusCode::OK, &faults::delete_all(self).await)),
            ("DELETE", "/faults/{id}") => Ok(json(StatusCode::OK, &faults::delete(self, id).await?)),
            ("GET", "/log") => Ok(log::get(&self.settings, &self.instance(), open)),
            ("GET", "/openapi.json") => Ok(text("application/json", OPENAPI.to_owned())),
            _ => unreachable!("all routes are known: {route:?}"),
        }
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let json = serde_json::to_string(value).expect("answers are plain data");
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

fn text(content_type: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
}

/// What all answers have in common: each is of the moment, and depends on who asks.
fn finish(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    response
}
