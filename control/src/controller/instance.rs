//! The world of the moment.

use std::sync::Arc;

use axum::Router;
use onbeat_clock::{Clock, Kind, ManualClock, TokioClock};
use onbeat_routes::Routes;
use onbeat_server::application::Application;
use onbeat_server::interceptor::Interceptor;
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_server::world::World;

use super::{RouteSettings, Settings};
use crate::monitor::Monitor;

/// A world, the monitor of the world, and the way in.
pub(super) struct Instance {
    pub(super) world: Arc<World>,
    pub(super) monitor: Arc<Monitor>,
    pub(super) routes: Arc<Routes>,
    pub(super) scenario: Option<String>,
    /// The clock of the world, if the clock is manual.
    pub(super) manual: Option<Arc<ManualClock>>,
    pub(super) router: Router,
}

impl Instance {
    pub(super) fn new(settings: &Settings, scenario: Option<&str>, seed: Option<Seed>) -> Self {
        // Keeps the manual clock a second time, for the operations that advance the clock of the world.
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
        // Falls back to the scenario of the start.
        let scenario = scenario.or(first.as_deref());
        let routes = Arc::new(Routes::new(Arc::clone(&world), model, scenario, !alone));
        let (interceptor, application) =
            (Arc::clone(&monitor) as Arc<dyn Interceptor>, Arc::clone(&routes) as Arc<dyn Application>);
        let router = router_with(Arc::clone(&world), Some(interceptor), application);
        let scenario = scenario.map(str::to_owned);
        Self { world, monitor, routes, scenario, manual, router }
    }
}
