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

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use onbeat_clock::{Clock, Kind, ManualClock, Rest, TokioClock};
use onbeat_routes::{Model, Routes};
use onbeat_server::application::Application;
use onbeat_server::connection::Connection;
use onbeat_server::context::RequestContext;
use onbeat_server::interceptor::Interceptor;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_server::world::World;
use onbeat_wire::Epoch;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_service::Service;

pub use self::access::{Access, AccessError};
pub use self::refusal::Refusal;
use self::unread::{LOG_BYTES, SHORT_BYTES_MAX, Unread};
use crate::PREFIX;
use crate::log::Redaction;
use crate::monitor::Monitor;
use crate::page;

/// The description of the interface, OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("interface/openapi.json");

/// The dependencies of every world of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How time passes.
    pub clock: Kind,
    /// The seed of the random values.
    pub seed: Seed,
    /// The wall-clock time at the start.
    pub epoch: Epoch,
    /// The limits of the server.
    pub limits: Limits,
    /// The secrets that the log leaves out.
    pub redaction: Redaction,
    /// The team's own routes.
    pub routes: RouteSettings,
}

/// A team's own routes.
#[derive(Clone, Debug, Default)]
pub struct RouteSettings {
    /// The routes, channels and scenarios.
    pub model: Arc<Model>,
    /// The name of the routes file, for the log.
    pub name: Option<String>,
    /// The scenario whose routes come first, unless a reset chooses another.
    pub scenario: Option<String>,
    /// The folder with the recordings that routes may play which are added at run time; nothing for no recordings.
    pub folder: Option<PathBuf>,
    /// Whether the built-in endpoints are left out.
    pub alone: bool,
}

/// One world after another, and the clients that may drive the worlds.
struct Control {
    settings: Settings,
    access: Access,
    instance: Mutex<Arc<Instance>>,
    resetting: tokio::sync::Mutex<()>,
    unread: Unread,
    /// The memory for the bodies of all requests.
    bodies: Arc<Semaphore>,
}

/// The world of the moment, the monitor of the world, and the way in.
struct Instance {
    world: Arc<World>,
    monitor: Arc<Monitor>,
    routes: Arc<Routes>,
    scenario: Option<String>,
    /// The clock of the world, if the clock is manual.
    manual: Option<Arc<ManualClock>>,
    router: Router,
}

/// Returns the whole application: a world, the control interface, and the page.
pub fn router(settings: Settings, access: Access) -> Router {
    let control = Arc::new(Control {
        instance: Mutex::new(Arc::new(Instance::new(&settings, None, None))),
        settings,
        access,
        resetting: tokio::sync::Mutex::new(()),
        unread: Unread::default(),
        bodies: Arc::new(Semaphore::new(body::ALL_BYTES_MAX)),
    });
    // The layer goes around the fallbacks as well: a stranger does not learn which paths there are.
    let interface = router::router().layer(middleware::from_fn_with_state(Arc::clone(&control), admit));
    Router::new()
        .nest_service(PREFIX, interface.with_state(Arc::clone(&control)))
        .fallback(enter_world)
        .layer(middleware::from_fn_with_state(Arc::clone(&control), show_page))
        .with_state(control)
}

impl Instance {
    fn new(settings: &Settings, scenario: Option<&str>, seed: Option<Seed>) -> Self {
        // The control interface advances the same clock that the world reads.
        let manual = (settings.clock == Kind::Manual).then(|| Arc::new(ManualClock::start()));
        let clock: Arc<dyn Clock> = match (&manual, settings.clock) {
            (Some(manual), _) => Arc::clone(manual) as Arc<dyn Clock>,
            (None, Kind::Scaled(speed)) => Arc::new(TokioClock::scaled(speed)),
            (None, _) => Arc::new(TokioClock::start()),
        };
        let monitor = Arc::new(Monitor::new(Arc::clone(&clock), settings.redaction.clone()));
        let seed = seed.unwrap_or(settings.seed);
        let world = Arc::new(World::new(clock, seed, settings.epoch, settings.limits));
        let RouteSettings { model, scenario: first, alone, .. } = &settings.routes;
        let scenario = scenario.or(first.as_deref());
        let routes = Arc::new(Routes::new(Arc::clone(&world), model, scenario, !alone));
        let (interceptor, application) =
            (Arc::clone(&monitor) as Arc<dyn Interceptor>, Arc::clone(&routes) as Arc<dyn Application>);
        let router = router_with(Arc::clone(&world), Some(interceptor), application);
        let scenario = scenario.map(str::to_owned);
        Self { world, monitor, routes, scenario, manual, router }
    }
}

impl Control {
    fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.instance.lock())
    }

    /// Returns the world of the moment, where no time passes until the rest is dropped: a replay can repeat an action
    /// between two advances, and no action in the middle of an advance.
    async fn instance_at_rest(&self) -> (Arc<Instance>, Option<Rest>) {
        loop {
            let instance = self.instance();
            let rest = match &instance.manual {
                Some(clock) => Some(clock.rest().await),
                None => None,
            };
            // A reset may have come while the advance was waited for.
            if self.is_current(&instance) {
                return (instance, rest);
            }
        }
    }

    /// Returns whether `instance` is still the instance of the moment.
    fn is_current(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(instance, &self.instance())
    }

    /// Opens a new world with a scenario and a seed; returns the old one.
    fn renew(&self, scenario: Option<&str>, seed: Option<Seed>) -> Arc<Instance> {
        let next = Arc::new(Instance::new(&self.settings, scenario, seed));
        let old = std::mem::replace(&mut *self.instance.lock(), next);
        // Nobody waits for clients of a world that is over.
        old.monitor.connections().wake_waiting();
        old
    }

    /// Counts a long answer among the answers that no client has read yet.
    fn bounded(&self, answer: Response, connection: Option<&Arc<Connection>>) -> Result<Response, Refusal> {
        // Only the log has no length.
        let length = answer.body().size_hint().exact();
        let bytes = length.map_or(LOG_BYTES, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if bytes <= SHORT_BYTES_MAX { Ok(answer) } else { self.unread.admit(answer, bytes, connection) }
    }
}

/// Answers a request for a file of the page.
async fn show_page(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let file = page::find(method, path, !control.settings.routes.alone);
    // A route of the world comes before the page.
    let file = file.filter(|file| file.path != path || !control.instance().routes.takes_get(path));
    let Some(file) = file else { return next.run(request).await };
    // The page needs no token, since the page asks people for the token.
    match control.access.host(request.uri(), request.headers()) {
        Ok(_) => file.response(),
        Err(refusal) => finish(refusal.into_response()),
    }
}

/// Has the world of the moment answer a request.
async fn enter_world(State(control): State<Arc<Control>>, request: Request) -> Result<Response, Infallible> {
    control.instance().router.clone().call(request).await
}

/// Lets a request for control through to the routes, if the client may drive the server.
async fn admit(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let from = match control.access.origin(&request) {
        Ok(from) => from,
        Err(refusal) => return finish(refusal.into_response()),
    };
    // A browser sends a preflight without the token.
    if request.method() == Method::OPTIONS {
        return finish(access::preflight(request.headers(), from.as_ref()));
    }
    let connection = RequestContext::connection_of(&request);
    let answer = match control.access.token(request.headers()) {
        Ok(()) => control.bounded(next.run(request).await, connection.as_ref()),
        Err(refusal) => Err(refusal),
    };
    // A page of a named origin may read refusals, too.
    let mut response = finish(answer.unwrap_or_else(IntoResponse::into_response));
    if let Some(origin) = from {
        access::let_read(response.headers_mut(), origin);
    }
    response
}

/// An answer in JSON.
struct Json<T>(T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        text("application/json", serde_json::to_string(&self.0).expect("answers are plain data"))
    }
}

fn text(content_type: &'static str, body: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response()
}

/// Adds the headers of all answers: an answer holds for the moment only, and depends on the origin of the client.
fn finish(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    response
}
