//! Mutants that only worlds with faults, stress or chance in them show.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use futures_util::FutureExt;
use onbeat::world_lab::WorldServer;
use onbeat_server::connection::{BrokenOff, Connection, Ending};
use onbeat_server::limits::Limits;
use onbeat_server::router::router;
use onbeat_server::serving;
use onbeat_server::world::World;
use parking_lot::Mutex;

use crate::kit::{Mutant, mutant};

/// Mutants of what holds the endpoints together.
pub(crate) fn of_the_server() -> Vec<Mutant> {
    let bugs = [
        ("a mailbox holds one event more", in_a_world(|limits| limits.mailbox_events_max += 1)),
        ("a mailbox holds one event less", in_a_world(|limits| limits.mailbox_events_max -= 1)),
        ("who does not read is never evicted", in_a_world(|limits| limits.mailbox_events_max = u64::MAX)),
        ("a shutdown tells nobody", connections(|_| Arc::new(Connection::unnumbered()))),
        ("each connection's values are those of the first", connections(|_| Arc::new(Connection::new(0)))),
        ("who leaves takes another along", leaving_aborts_another()),
        ("a timer of an hour is left behind by each request", timers_are_left_behind()),
    ];
    bugs.into_iter().map(|(name, application)| mutant("", name, application)).collect()
}

/// The endpoints live in a world of their own.
fn in_a_world(change: fn(&mut Limits)) -> WorldServer {
    WorldServer::with_router(move |world| {
        let mut limits = world.limits();
        change(&mut limits);
        router(Arc::new(World::new(Arc::clone(world.clock()), world.seed(), world.epoch(), limits)))
    })
}

/// A connection is served as another.
fn connections(other: fn(&Connection) -> Arc<Connection>) -> WorldServer {
    let mut application = WorldServer::embedded();
    application.serve = Arc::new(move |io, connection, router, head_time_max| {
        serving::serve(io, other(&connection), router, head_time_max).boxed()
    });
    application
}

/// The connection that ends breaks off the one that was accepted last.
fn leaving_aborts_another() -> WorldServer {
    let mut application = WorldServer::embedded();
    let last: Arc<Mutex<Option<Arc<Connection>>>> = Arc::default();
    application.serve = Arc::new(move |io, connection, router, head_time_max| {
        let last = Arc::clone(&last);
        *last.lock() = Some(Arc::clone(&connection));
        let served = serving::serve(io, connection, router, head_time_max);
        async move {
            served.await;
            if let Some(last) = &*last.lock() {
                last.end(Ending::BreakOff(BrokenOff::Evicted));
            }
        }
        .boxed()
    });
    application
}

fn timers_are_left_behind() -> WorldServer {
    WorldServer::with_router(|world| {
        let clock = Arc::clone(world.clock());
        let layer = middleware::from_fn(move |request: Request, next: Next| {
            let hour = clock.sleep_until(clock.now() + Duration::from_secs(3600));
            drop(tokio::spawn(hour));
            next.run(request)
        });
        Router::new().fallback_service(router(world)).layer(layer)
    })
}
