//! Who is connected to a world, and what they are answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

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
        self.0.lock()
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

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    fn exchange(request: u32) -> Arc<Exchange> {
        Arc::new(Exchange::new(request, Method::GET, "/sse".into(), onbeat_wire::Instant::EPOCH, None))
    }

    fn end(exchange: &Exchange) {
        exchange.update(|progress| progress.is_over = true);
    }

    fn listed(occupants: Vec<Occupant>) -> Vec<(u64, u32)> {
        occupants.into_iter().map(|occupant| (occupant.id, occupant.exchange.request)).collect()
    }

    #[test]
    fn an_occupant_is_told_by_the_answer_under_way_or_else_by_its_last() {
        let (seats, connection) = (Seats::default(), Arc::new(Connection::new(0)));
        let exchanges: Vec<_> = (0..3).map(exchange).collect();
        for exchange in &exchanges {
            seats.take(0, &connection, Arc::clone(exchange));
        }
        assert_eq!(listed(seats.occupants()), [(0, 0)]);
        assert_eq!(listed(seats.under_way()), [(0, 0), (0, 1), (0, 2)]);
        end(&exchanges[0]);
        assert_eq!(listed(seats.occupants()), [(0, 1)]);
        end(&exchanges[1]);
        end(&exchanges[2]);
        assert_eq!(listed(seats.occupants()), [(0, 2)]);
        assert!(seats.under_way().is_empty());
    }

    #[test]
    fn answers_that_are_over_are_forgotten_with_the_next_request() {
        let (seats, connection) = (Seats::default(), Arc::new(Connection::new(0)));
        for request in 0..100 {
            let exchange = exchange(request);
            seats.take(0, &connection, Arc::clone(&exchange));
            end(&exchange);
            assert_eq!(seats.lock()[&0].exchanges.len(), 1);
        }
    }

    #[test]
    fn connections_that_are_closed_are_listed_no_more_and_forgotten_while_others_come() {
        let seats = Seats::default();
        let stays = Arc::new(Connection::new(7));
        seats.take(7, &stays, exchange(0));
        for id in 1000..2000 {
            let gone = Arc::new(Connection::new(id));
            seats.take(id, &gone, exchange(0));
            assert!(seats.occupant(id).is_some());
            drop(gone);
            assert!(seats.occupant(id).is_none());
            assert!(seats.lock().len() <= 4, "{} seats for one connection", seats.lock().len());
        }
        assert_eq!(listed(seats.under_way()), [(7, 0)]);
        assert_eq!(listed(seats.occupants()), [(7, 0)]);
        assert_eq!(seats.lock().len(), 1);
    }
}
