//! Behind a world: who is connected to it, what is to go wrong, and what has happened.
//!
//! Every request passes `enter`, which counts it. In a world with a backstage it is also noted, and its answer watched:
//! without faults, not a byte of it is changed.

mod watched_body;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Notify;

use self::watched_body::WatchedBody;
use crate::clock::{Instant, machine_pause};
use crate::connection::{Closing, Connection};
use crate::faults::{Fault, Faults, Kind, Report, Strikes, Struck, TooMany};
use crate::log::{self, Log, What, Which};
use crate::router::{Carrier, Origin, plain};
use crate::world::World;

/// How long clients may take to receive the end of an answer, in the machine's time.
pub const END_TIME_MAX: Duration = Duration::from_secs(1);

/// What is behind a world.
#[derive(Debug, Default)]
pub struct Backstage {
    faults: Faults,
    log: Log,
    seats: Mutex<BTreeMap<u64, Seat>>,
    /// An answer has ended.
    ended: Notify,
}

/// A connection, and the answers under way on it.
#[derive(Debug, Default)]
struct Seat {
    connection: Weak<Connection>,
    /// Those under way, in order, and the last that was.
    exchanges: Vec<Arc<Exchange>>,
}

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: u32,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) since: Instant,
    pub(crate) last_event_id: Option<String>,
    writes: AtomicU64,
    bytes: AtomicU64,
    stalled: AtomicBool,
    over: AtomicBool,
    /// Faults that came when the answer was under way already.
    late_faults: Mutex<Vec<Struck>>,
}

/// A connection, as it is now.
#[derive(Debug)]
pub(crate) struct Occupant {
    pub(crate) id: u64,
    pub(crate) connection: Arc<Connection>,
    pub(crate) exchange: Arc<Exchange>,
}

impl Exchange {
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl Backstage {
    /// The faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What has happened.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds a fault, at `now`. One for a connection strikes the answer under way on it, or else its next.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub fn add_fault(&self, now: Instant, fault: Fault) -> Result<Report, TooMany> {
        let mut struck_now = None;
        let report = self.faults.add(fault, |struck| {
            let Strikes::Connection(id) = struck.fault.strikes else { return false };
            let occupant = self.occupant(id).filter(|occupant| !occupant.exchange.is_over());
            let Some(Occupant { connection, exchange, .. }) = occupant else { return false };
            lock(&exchange.late_faults).push(struck);
            struck_now = Some(connection);
            true
        })?;
        self.log.note(now, What::Fault { id: report.id, fault: Arc::clone(&report.fault) });
        if let Some(connection) = struck_now {
            connection.wake();
        }
        Ok(report)
    }

    /// Deletes the fault with this id, or all of them, at `now`; returns what they have done.
    pub fn delete_faults(&self, now: Instant, id: Option<u64>) -> Vec<Report> {
        let deleted = self.faults.delete(id);
        if !deleted.is_empty() {
            self.log.note(now, What::FaultsDeleted { ids: deleted.iter().map(|report| report.id).collect() });
            self.occupants().iter().for_each(|occupant| occupant.connection.wake());
        }
        deleted
    }

    /// Closes the connection with this ordinal, at `now`. Returns whether there was one.
    pub fn close(&self, now: Instant, id: u64, how: How) -> bool {
        self.begin_close(now, id, how).is_some()
    }

    /// The same, and waits until the answer on the connection has ended, but no longer than [`END_TIME_MAX`]: the client
    /// may not read.
    pub(crate) async fn close_and_wait(&self, now: Instant, id: u64, how: How) -> bool {
        let Some(occupant) = self.begin_close(now, id, how) else { return false };
        self.all_over(&[occupant]).await;
        true
    }

    fn begin_close(&self, now: Instant, id: u64, how: How) -> Option<Occupant> {
        let occupant = self.occupant(id)?;
        self.log.note(now, What::Close { connection: id, how: how.name() });
        match how {
            How::End => occupant.connection.end(),
            How::Reset => occupant.connection.close(Closing::Reset),
            How::Half => occupant.connection.close(Closing::Half),
        }
        Some(occupant)
    }

    /// Ends all answers under way in good order, and those of clients that do not read after [`END_TIME_MAX`] in any
    /// order. Connections with such an answer are closed, but for those that are `kept`. Returns how many answers there
    /// were.
    pub(crate) async fn end_all(&self, kept: impl Fn(&Arc<Connection>) -> bool) -> usize {
        let mut under_way = self.occupants();
        under_way.retain(|occupant| !occupant.exchange.is_over());
        let (kept, closed): (Vec<_>, Vec<_>) =
            under_way.iter().map(|occupant| &occupant.connection).partition(|connection| kept(connection));
        for connection in closed {
            connection.end();
        }
        for connection in &kept {
            connection.end_streams();
        }
        if !self.all_over(&under_way).await {
            for occupant in under_way.iter().filter(|occupant| !occupant.exchange.is_over()) {
                occupant.connection.abort();
            }
        }
        for connection in kept {
            connection.welcome_streams();
        }
        under_way.len()
    }

    /// Waits until these answers have ended; returns whether they have in time.
    async fn all_over(&self, occupants: &[Occupant]) -> bool {
        let all_over = async {
            loop {
                let next = self.ended.notified();
                if occupants.iter().all(|occupant| occupant.exchange.is_over()) {
                    return true;
                }
                next.await;
            }
        };
        tokio::select! {
            biased;
            all_over = all_over => all_over,
            () = machine_pause(END_TIME_MAX) => false,
        }
    }

    /// An answer has ended.
    fn end_noted(&self) {
        self.ended.notify_waiters();
    }

    /// The open connections, in the order of their ordinals.
    pub(crate) fn occupants(&self) -> Vec<Occupant> {
        let mut seats = lock(&self.seats);
        seats.retain(|_, seat| seat.connection.strong_count() > 0);
        seats.iter().filter_map(|(id, seat)| seat.occupant(*id)).collect()
    }

    fn occupant(&self, id: u64) -> Option<Occupant> {
        lock(&self.seats).get(&id).and_then(|seat| seat.occupant(id))
    }

    fn seat(&self, id: u64, connection: &Arc<Connection>, exchange: Arc<Exchange>) {
        let mut seats = lock(&self.seats);
        if !seats.contains_key(&id) && seats.len().is_power_of_two() {
            seats.retain(|_, seat| seat.connection.strong_count() > 0);
        }
        let seat = seats.entry(id).or_default();
        seat.connection = Arc::downgrade(connection);
        seat.exchanges.retain(|exchange| !exchange.is_over());
        seat.exchanges.push(exchange);
    }
}

/// How a connection is closed from behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its streams end in good order.
    End,
    /// It is reset.
    Reset,
    /// The server closes its side in the middle of an answer.
    Half,
}

impl How {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Reset => "reset",
            Self::Half => "half",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::End, Self::Reset, Self::Half].into_iter().find(|how| how.name() == name)
    }
}

impl Seat {
    fn occupant(&self, id: u64) -> Option<Occupant> {
        let connection = self.connection.upgrade()?;
        let current = self.exchanges.iter().find(|exchange| !exchange.is_over()).or(self.exchanges.last());
        Some(Occupant { id, connection, exchange: Arc::clone(current?) })
    }
}

/// Counts a request, and in a world with a backstage notes it and watches its answer.
pub(crate) async fn enter(State(world): State<Arc<World>>, mut request: Request, next: Next) -> Response {
    // Put there by `http::serve`; under another server each request counts as a connection of its own.
    let carrier = request.extensions_mut().remove::<Carrier>();
    let Carrier { connection, closes } =
        carrier.unwrap_or_else(|| Carrier { connection: Arc::new(world.next_connection()), closes: false });
    let (ordinal, number) = world.admit(&connection);
    let since = world.clock().now();
    let origin = Origin { connection: Arc::clone(&connection), ordinal, request: number, at: since, closes };
    request.extensions_mut().insert(origin);
    let Some(backstage) = world.backstage() else { return next.run(request).await };

    let which = Which { connection: ordinal, request: number };
    let exchange = Arc::new(exchange(&request, number, since));
    backstage.log.note(
        since,
        What::Request {
            which,
            method: request.method().to_string(),
            target: request.uri().path_and_query().map_or("", |target| target.as_str()).to_owned(),
            version: log::version(request.version()),
            headers: log::headers(request.headers()),
        },
    );
    backstage.seat(ordinal, &connection, Arc::clone(&exchange));
    let mut response = next.run(request).await;
    let faults = response.extensions_mut().remove::<Vec<Struck>>().unwrap_or_default();
    let head = What::Head { which, status: response.status().as_u16(), headers: log::headers(response.headers()) };
    backstage.log.note(world.clock().now(), head);
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if !faults.is_empty() {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let has_no_body = exchange.method == Method::HEAD || matches!(response.status().as_u16(), 204 | 304);
    if has_no_body {
        exchange.over.store(true, Ordering::Relaxed);
        backstage.log.note(world.clock().now(), What::End { which, how: "complete" });
        return response;
    }
    response.map(|body| {
        let watched = WatchedBody::new(Arc::clone(&world), connection, which, exchange, body, faults);
        Body::new(if is_stream { watched.into_stream() } else { watched })
    })
}

fn exchange(request: &Request, number: u32, since: Instant) -> Exchange {
    let last_event_id = request.headers().get("last-event-id");
    Exchange {
        request: number,
        method: request.method().clone(),
        path: plain(request.uri().path()),
        since,
        last_event_id: last_event_id.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned()),
        writes: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        stalled: AtomicBool::new(false),
        over: AtomicBool::new(false),
        late_faults: Mutex::default(),
    }
}

/// Lets a request, whose path is plain already, meet its faults.
pub(crate) async fn meet_faults(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let origin = request.extensions().get::<Origin>();
    let Some((backstage, origin)) = world.backstage().zip(origin) else { return next.run(request).await };
    let (mut of_the_head, of_the_body): (Vec<_>, Vec<_>) = backstage
        .faults
        .meet(request.uri().path(), origin.ordinal)
        .into_iter()
        .partition(|struck| matches!(struck.fault.kind, Kind::Status { .. } | Kind::ContentType(_)));
    let head = of_the_head.pop();
    let mut response = match head.as_ref().map(|struck| (&struck.fault.kind, struck.fired())) {
        Some((Kind::Status { status, location, retry_after_s }, ())) => {
            in_place_of_the_endpoint(*status, location.as_ref(), *retry_after_s)
        }
        Some((Kind::ContentType(content_type), ())) => {
            let mut response = next.run(request).await;
            response.headers_mut().insert(CONTENT_TYPE, content_type.clone());
            response
        }
        _ => next.run(request).await,
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
    }
    response
}

/// No code that holds a lock can panic half-way through a change, so a poisoned lock is still in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
