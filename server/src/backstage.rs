//! Behind a world: who is connected to it, what is to go wrong, and what has happened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::http::Method;
use tokio::sync::Notify;

use crate::clock::{Instant, machine_pause};
use crate::connection::{Closing, Connection};
use crate::faults::alteration::Written;
use crate::faults::{Fault, Faults, Report, Strikes, Struck, TooMany};
use crate::log::{Log, What};

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
    /// A request that was received just now.
    pub(crate) fn new(
        request: u32,
        method: Method,
        path: String,
        since: Instant,
        last_event_id: Option<String>,
    ) -> Self {
        Self {
            request,
            method,
            path,
            since,
            last_event_id,
            writes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            over: AtomicBool::new(false),
            late_faults: Mutex::default(),
        }
    }

    pub(crate) fn set_written(&self, written: Written) {
        self.writes.store(written.writes, Ordering::Relaxed);
        self.bytes.store(written.bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        self.stalled.store(is_stalled, Ordering::Relaxed);
    }

    pub(crate) fn set_over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// The faults that have come since this was last asked.
    pub(crate) fn take_late_faults(&self) -> Vec<Struck> {
        std::mem::take(&mut *lock(&self.late_faults))
    }

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
            let occupant = self.occupant(id).filter(Occupant::is_under_way);
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
        let under_way: Vec<_> =
            lock(&self.seats).iter().flat_map(|(id, seat)| seat.answers(*id)).filter(Occupant::is_under_way).collect();
        let (kept, closed): (Vec<_>, Vec<_>) =
            under_way.iter().map(|occupant| &occupant.connection).partition(|connection| kept(connection));
        for connection in closed {
            connection.end();
        }
        for connection in &kept {
            connection.end_streams();
        }
        if !self.all_over(&under_way).await {
            for occupant in under_way.iter().filter(|occupant| occupant.is_under_way()) {
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
                if !occupants.iter().any(Occupant::is_under_way) {
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

    /// Tells whoever waits for it that an answer has ended.
    pub(crate) fn end_noted(&self) {
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

    /// A request was received on this connection.
    pub(crate) fn seat(&self, id: u64, connection: &Arc<Connection>, exchange: Arc<Exchange>) {
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
    /// The connection, with the answer that is under way, or else its last.
    fn occupant(&self, id: u64) -> Option<Occupant> {
        let mut answers: Vec<_> = self.answers(id).collect();
        let current = answers.iter().position(Occupant::is_under_way).or(answers.len().checked_sub(1))?;
        Some(answers.swap_remove(current))
    }

    /// The connection, with each of its answers; none if it has been closed.
    fn answers(&self, id: u64) -> impl Iterator<Item = Occupant> {
        let connection = self.connection.upgrade();
        let answers = self.exchanges.iter().map(Arc::clone);
        answers.filter_map(move |exchange| Some(Occupant { id, connection: connection.clone()?, exchange }))
    }
}

impl Occupant {
    fn is_under_way(&self) -> bool {
        !self.exchange.is_over()
    }
}

/// No code that holds a lock can panic half-way through a change, so a poisoned lock is still in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
