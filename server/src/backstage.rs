//! Behind a world: who is connected to it, what is to go wrong, and what has happened.

mod exchange;
mod seats;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub(crate) use self::exchange::{Exchange, Progress};
pub(crate) use self::seats::Occupant;
use self::seats::Seats;
use crate::clock::{Instant, machine_pause};
use crate::connection::{Closing, Connection};
use crate::faults::{Fault, Faults, Report, Strikes, TooMany};
use crate::log::{Log, Redaction, What};

/// How long clients may take to receive the end of an answer, in the machine's time.
pub const END_TIME_MAX: Duration = Duration::from_secs(1);

/// What is behind a world.
#[derive(Debug, Default)]
pub struct Backstage {
    faults: Faults,
    log: Arc<Log>,
    seats: Seats,
    /// An answer has ended.
    ended: Notify,
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

impl Backstage {
    /// What is behind a new world, in whose log nobody finds what `redaction` leaves out.
    #[must_use]
    pub fn new(redaction: Redaction) -> Self {
        Self { log: Arc::new(Log::new(redaction)), ..Self::default() }
    }

    /// The faults.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What has happened.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Adds a fault, at `now`. One for a connection strikes the answer under way on it, or else its next.
    ///
    /// # Errors
    ///
    /// If there are too many, in the world or on the answer under way.
    pub fn add_fault(&self, now: Instant, fault: Fault) -> Result<Report, TooMany> {
        let mut struck_now = None;
        let report = self.faults.add(fault, |struck| {
            let Strikes::Connection(id) = struck.fault.strikes else { return Ok(false) };
            let occupant = self.seats.occupant(id).filter(|occupant| occupant.exchange.is_under_way());
            let Some(Occupant { connection, exchange, .. }) = occupant else { return Ok(false) };
            exchange.strike(struck)?;
            struck_now = Some(connection);
            Ok(true)
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
        let occupant = self.seats.occupant(id)?;
        self.log.note(now, What::Close { connection: id, how: how.name() });
        match how {
            How::End => occupant.connection.end(),
            How::Reset => occupant.connection.close(Closing::Reset),
            How::Half => occupant.connection.close(Closing::Half),
        }
        Some(occupant)
    }

    /// Ends all answers under way in good order, and those of clients that do not read after [`END_TIME_MAX`] in any
    /// order. Connections with such an answer are closed, but for the one that is `kept`, and so are those that are
    /// half-closed. Returns how many answers there were.
    pub(crate) async fn end_all(&self, kept: Option<&Arc<Connection>>) -> usize {
        let half_closed = self.occupants().into_iter().filter(|occupant| occupant.connection.is_half_closed());
        half_closed.for_each(|occupant| occupant.connection.end());
        let under_way = self.seats.under_way();
        for Occupant { connection, .. } in &under_way {
            if kept.is_some_and(|kept| Arc::ptr_eq(kept, connection)) {
                connection.end_streams();
            } else {
                connection.end();
            }
        }
        if !self.all_over(&under_way).await {
            let left = under_way.iter().filter(|occupant| occupant.exchange.is_under_way());
            left.for_each(|occupant| occupant.connection.abort());
        }
        if let Some(kept) = kept {
            kept.welcome_streams();
        }
        under_way.len()
    }

    /// Waits until these answers have ended; returns whether they have in time.
    async fn all_over(&self, occupants: &[Occupant]) -> bool {
        let all_over = async {
            loop {
                let next = self.ended.notified();
                if !occupants.iter().any(|occupant| occupant.exchange.is_under_way()) {
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
        self.seats.occupants()
    }

    /// A request was received on this connection.
    pub(crate) fn seat(&self, id: u64, connection: &Arc<Connection>, exchange: Arc<Exchange>) {
        self.seats.take(id, connection, exchange);
    }
}
