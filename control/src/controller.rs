//! Drives one world after another: the operations by which a test drives a server.
//!
//! ```text
//!  settings ── chunk                                            the dependencies of every world; the bytes that a test sends
//!     │
//!  instance ── error                                            the world of the moment; the refusals
//!     │
//!  waiting                                                      waits for clients
//!     │
//!  clock  connections  channels  faults  routes  log  reset     the operations, one file each
//! ```
//!
//! The control interface offers the operations over HTTP, and a test in the process of the server calls the operations. A
//! refused operation has changed nothing.

mod channels;
mod chunk;
mod clock;
mod connections;
mod error;
mod faults;
mod instance;
mod log;
mod reset;
mod routes;
mod settings;
mod waiting;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use onbeat_clock::Rest;
use onbeat_server::random::Seed;
use parking_lot::Mutex;
use tower_service::Service;

pub use self::chunk::SentChunk;
pub(crate) use self::chunk::{EVENT_ID, LINE, is_event_id, is_line};
pub use self::clock::{ADVANCE_MS_MAX, AdvanceReport, ClockReport, DueReport, TimerReport, TimersReport};
pub use self::connections::{CloseReport, ConnectionReport, ConnectionState, WriteReport};
pub use self::error::OperationError;
use self::instance::Instance;
pub use self::reset::ResetReport;
pub use self::settings::{NoSuchScenario, RouteSettings, Settings};

/// One world after another, and the operations on the world of the moment.
pub struct Controller {
    settings: Settings,
    instance: Mutex<Arc<Instance>>,
    resetting: tokio::sync::Mutex<()>,
}

impl Controller {
    /// Opens the first world.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let instance = Mutex::new(Arc::new(Instance::new(&settings, None, None)));
        Self { settings, instance, resetting: tokio::sync::Mutex::new(()) }
    }

    /// Returns the dependencies of every world.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns a router to the world of the moment, without a control interface.
    pub fn router(self: &Arc<Self>) -> Router {
        let enter = async |State(controller): State<Arc<Self>>, request| controller.answer(request).await;
        Router::new().fallback(enter).with_state(Arc::clone(self))
    }

    /// Has the world of the moment answer a request.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn answer(&self, request: Request) -> Result<Response, Infallible> {
        self.instance().router.clone().call(request).await
    }

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
            // Begins again if a reset has come while waiting for an advance.
            if self.is_current(&instance) {
                return (instance, rest);
            }
        }
    }

    /// Returns whether `instance` is still the instance of the moment.
    fn is_current(&self, instance: &Arc<Instance>) -> bool {
        Arc::ptr_eq(instance, &self.instance())
    }

    /// Opens a new world with a scenario and a seed; returns the old instance.
    fn renew(&self, scenario: Option<&str>, seed: Option<Seed>) -> Arc<Instance> {
        // Makes the new world before taking the lock, which every request takes.
        let next = Arc::new(Instance::new(&self.settings, scenario, seed));
        let old = std::mem::replace(&mut *self.instance.lock(), next);
        // Wakes the tasks that wait for clients of the old world, to be refused.
        old.monitor.connections().wake_waiting();
        old
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("world", &self.instance().world).finish_non_exhaustive()
    }
}
