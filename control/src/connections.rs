//! The connection table: the open connections of a world, and the exchanges on each.

mod exchange;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use onbeat_server::connection::Connection;
use parking_lot::Mutex;

pub(crate) use self::exchange::{LiveExchange, Progress};

/// The connections of a world, by their ordinals.
#[derive(Debug, Default)]
pub(crate) struct ConnectionTable(Mutex<BTreeMap<u64, Row>>);

/// A connection, and the exchanges under way there.
#[derive(Debug, Default)]
struct Row {
    connection: Weak<Connection>,
    /// The exchanges under way, in order, and the last exchange of all.
    exchanges: Vec<Arc<LiveExchange>>,
}

/// An open connection, and one of the exchanges there.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub(crate) connection: Arc<Connection>,
    pub(crate) exchange: Arc<LiveExchange>,
}

impl ConnectionTable {
    /// Adds an exchange that has begun on this connection.
    pub(crate) fn add(&self, connection: &Arc<Connection>, exchange: Arc<LiveExchange>) {
        let (id, mut rows) = (exchange.connection, self.0.lock());
        if !rows.contains_key(&id) && rows.len().is_power_of_two() {
            forget_closed(&mut rows);
        }
        let row = rows.entry(id).or_default();
        row.connection = Arc::downgrade(connection);
        row.exchanges.retain(|exchange| exchange.is_under_way());
        row.exchanges.push(exchange);
    }

    /// Returns the connection with this ordinal, if the connection is open.
    pub(crate) fn find(&self, id: u64) -> Option<OpenConnection> {
        self.0.lock().get(&id).and_then(Row::current)
    }

    /// Returns the open connections, in the order of their ordinals.
    pub(crate) fn open(&self) -> Vec<OpenConnection> {
        let mut rows = self.0.lock();
        forget_closed(&mut rows);
        rows.values().filter_map(Row::current).collect()
    }

    /// Returns all exchanges under way, in the order of their connections and requests.
    pub(crate) fn under_way(&self) -> Vec<OpenConnection> {
        let rows = self.0.lock();
        let exchanges = rows.values().flat_map(Row::exchanges);
        exchanges.filter(|open| open.exchange.is_under_way()).collect()
    }
}

fn forget_closed(rows: &mut BTreeMap<u64, Row>) {
    rows.retain(|_, row| row.connection.strong_count() > 0);
}

impl Row {
    /// Returns the connection with the exchange under way, or else the last.
    fn current(&self) -> Option<OpenConnection> {
        let mut exchanges: Vec<_> = self.exchanges().collect();
        let under_way = exchanges.iter().position(|open| open.exchange.is_under_way());
        let current = under_way.or(exchanges.len().checked_sub(1))?;
        Some(exchanges.swap_remove(current))
    }

    /// Returns the connection with each of the exchanges; none once the connection is closed.
    fn exchanges(&self) -> impl Iterator<Item = OpenConnection> {
        let connection = self.connection.upgrade();
        let exchanges = self.exchanges.iter().map(Arc::clone);
        exchanges.filter_map(move |exchange| Some(OpenConnection { connection: connection.clone()?, exchange }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(exchange: &LiveExchange) {
        exchange.update(|progress| progress.is_over = true);
    }

    fn listed(open: Vec<OpenConnection>) -> Vec<(u64, u32)> {
        open.into_iter().map(|open| (open.exchange.connection, open.exchange.request)).collect()
    }

    #[test]
    fn a_connection_is_shown_with_the_exchange_under_way_or_else_the_last() {
        let (table, connection) = (ConnectionTable::default(), Arc::new(Connection::new(0)));
        let exchanges = [0, 1, 2].map(|request| LiveExchange::of_test(&connection, request));
        for exchange in &exchanges {
            table.add(&connection, Arc::clone(exchange));
        }
        assert_eq!(listed(table.open()), [(0, 0)]);
        assert_eq!(listed(table.under_way()), [(0, 0), (0, 1), (0, 2)]);
        end(&exchanges[0]);
        assert_eq!(listed(table.open()), [(0, 1)]);
        end(&exchanges[1]);
        end(&exchanges[2]);
        assert_eq!(listed(table.open()), [(0, 2)]);
        assert!(table.under_way().is_empty());
    }

    #[test]
    fn exchanges_that_are_over_are_forgotten_with_the_next_request() {
        let (table, connection) = (ConnectionTable::default(), Arc::new(Connection::new(0)));
        for request in 0..100 {
            let exchange = LiveExchange::of_test(&connection, request);
            table.add(&connection, Arc::clone(&exchange));
            end(&exchange);
            assert_eq!(table.0.lock()[&0].exchanges.len(), 1);
        }
    }

    #[test]
    fn connections_that_are_closed_are_listed_no_more_and_forgotten_while_others_come() {
        let table = ConnectionTable::default();
        let stays = Arc::new(Connection::new(7));
        table.add(&stays, LiveExchange::of_test(&stays, 0));
        for id in 1000..2000 {
            let gone = Arc::new(Connection::new(id));
            table.add(&gone, LiveExchange::of_test(&gone, 0));
            assert!(table.find(id).is_some());
            drop(gone);
            assert!(table.find(id).is_none());
            let rows = table.0.lock().len();
            assert!(rows <= 4, "{rows} rows for one connection");
        }
        assert_eq!(listed(table.under_way()), [(7, 0)]);
        assert_eq!(listed(table.open()), [(7, 0)]);
        assert_eq!(table.0.lock().len(), 1);
    }
}
