//! Who is connected to a world, and what they are answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Exchange;
use crate::connection::Connection;

/// The connections of a world, by their ordinals.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<BTreeMap<u64, Seat>>);

/// A connection, and the answers under way on it.
#[derive(Debug, Default)]
struct Seat {
    connection: Weak<Connection>,
    /// Those under way, in order, and the last that was.
    exchanges: Vec<Arc<Exchange>>,
}

/// A connection, and one of its answers.
#[derive(Debug)]
pub(crate) struct Occupant {
    pub(crate) id: u64,
    pub(crate) connection: Arc<Connection>,
    pub(crate) exchange: Arc<Exchange>,
}

impl Seats {
    /// A request was received on this connection.
    pub(super) fn take(&self, id: u64, connection: &Arc<Connection>, exchange: Arc<Exchange>) {
        let mut seats = self.lock();
        if !seats.contains_key(&id) && seats.len().is_power_of_two() {
            seats.retain(|_, seat| seat.connection.strong_count() > 0);
        }
        let seat = seats.entry(id).or_default();
        seat.connection = Arc::downgrade(connection);
        seat.exchanges.retain(|exchange| exchange.is_under_way());
        seat.exchanges.push(exchange);
    }

    /// The connection with this ordinal, if it is open.
    pub(super) fn occupant(&self, id: u64) -> Option<Occupant> {
        self.lock().get(&id).and_then(|seat| seat.occupant(id))
    }

    /// The open connections, in the order of their ordinals.
    pub(super) fn occupants(&self) -> Vec<Occupant> {
        let mut seats = self.lock();
        seats.retain(|_, seat| seat.connection.strong_count() > 0);
        seats.iter().filter_map(|(id, seat)| seat.occupant(*id)).collect()
    }

    /// All answers under way, in the order of their connections and requests.
    pub(super) fn under_way(&self) -> Vec<Occupant> {
        let seats = self.lock();
        let answers = seats.iter().flat_map(|(id, seat)| seat.answers(*id));
        answers.filter(|answer| answer.exchange.is_under_way()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The connection, with the answer that is under way, or else its last.
    fn occupant(&self, id: u64) -> Option<Occupant> {
        let mut answers: Vec<_> = self.answers(id).collect();
        let under_way = answers.iter().position(|answer| answer.exchange.is_under_way());
        let current = under_way.or(answers.len().checked_sub(1))?;
        Some(answers.swap_remove(current))
    }

    /// The connection, with each of its answers; none if it has been closed.
    fn answers(&self, id: u64) -> impl Iterator<Item = Occupant> {
        let connection = self.connection.upgrade();
        let answers = self.exchanges.iter().map(Arc::clone);
        answers.filter_map(move |exchange| Some(Occupant { id, connection: connection.clone()?, exchange }))
    }
}
