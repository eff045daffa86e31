//! The connection table: the open connections of a world, and the exchanges on each.
//!
//! ```text
//!  target  pushes ── exchange ── expected     path and query; the pushed writes of a test; an exchange; what a test waits for
//! ```

mod exchange;
mod expected;
mod pushes;
mod target;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use onbeat_server::connection::Connection;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub(crate) use self::exchange::{LiveExchange, Progress};
pub use self::expected::ExpectedRequest;
pub(crate) use self::expected::{METHOD, PATH};
pub(crate) use self::pushes::{NotTaken, PushedWrite, WAITING_BYTES_MAX, WAITING_WRITES_MAX};
pub(crate) use self::target::RequestTarget;

/// How many exchanges are kept after their ends.
const ENDED_MAX: usize = 256;

/// The connections of a world.
#[derive(Debug, Default)]
pub(crate) struct ConnectionTable {
    rows: Mutex<Rows>,
    /// Notified when an exchange has begun.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Rows {
    /// How many exchanges there have been.
    exchanges: u64,
    /// By the ordinals of the connections.
    by_connection: BTreeMap<u64, Row>,
    /// The last exchanges that have ended, in the order of their ends.
    ended: VecDeque<Arc<LiveExchange>>,
}

/// A connection, and the exchanges under way there.
#[derive(Debug, Default)]
struct Row {
    connection: Weak<Connection>,
    /// The exchanges under way, in order, and the last exchange of all; each with the number in the table.
    exchanges: Vec<(u64, Arc<LiveExchange>)>,
}

/// An open connection, and an exchange there.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub(crate) connection: Arc<Connection>,
    pub(crate) exchange: Arc<LiveExchange>,
    /// The place of the exchange among all exchanges of the world, in the order of the requests.
    number: u64,
}

/// A response to another request is on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected request {current}, whose response is the one on connection {connection} now, got {given}")]
pub struct OtherRequest {
    connection: u64,
    /// The request of the response under way, or else the last request.
    current: u32,
    given: u32,
}

/// No connection with this ordinal is open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no connection {connection} is open{last}")]
pub struct NotOpen {
    connection: u64,
    /// The last response there and its end, in words, if the end is kept.
    last: String,
}

impl ConnectionTable {
    /// Adds an exchange on the connection `connection`.
    pub(crate) fn add(&self, connection: &Arc<Connection>, exchange: Arc<LiveExchange>) {
        let id = exchange.connection;
        let mut rows = self.rows.lock();
        let Rows { exchanges, by_connection, .. } = &mut *rows;
        // Forgets closed connections at each power of two, at a constant cost for each connection.
        if !by_connection.contains_key(&id) && by_connection.len().is_power_of_two() {
            forget_closed(by_connection);
        }
        let row = by_connection.entry(id).or_default();
        row.connection = Arc::downgrade(connection);
        // Drops the exchanges that are over only now: the last exchange of an idle connection stays listed.
        row.exchanges.retain(|(_, exchange)| exchange.is_under_way());
        row.exchanges.push((*exchanges, exchange));
        *exchanges += 1;
        // Releases the lock before waking, since each woken task looks into the table.
        drop(rows);
        self.wake_waiting();
    }

    /// Notes that an exchange has ended.
    pub(crate) fn note_end(&self, exchange: Arc<LiveExchange>) {
        let Rows { ended, .. } = &mut *self.rows.lock();
        // Forgets the oldest end: a server that runs for days must not keep them all.
        if ended.len() == ENDED_MAX {
            ended.pop_front();
        }
        ended.push_back(exchange);
    }

    /// Returns the connection with the ordinal `id`, if the connection is open.
    pub(crate) fn find(&self, id: u64) -> Option<OpenConnection> {
        self.rows.lock().by_connection.get(&id).and_then(Row::current)
    }

    /// Returns the error of a connection that is not open, with the end of the last response there.
    pub(crate) fn not_open(&self, id: u64) -> NotOpen {
        let last = self.last_ended(|exchange| exchange.connection == id);
        let last = last.map_or_else(String::new, |exchange| {
            format!(" (its response to {} {})", exchange.asked(), exchange.end_in_words())
        });
        NotOpen { connection: id, last }
    }

    /// Returns the last request like `expected` whose response has ended, as far as ends are kept.
    pub(crate) fn last_ended_like(&self, expected: &ExpectedRequest) -> Option<Arc<LiveExchange>> {
        self.last_ended(|exchange| expected.is_like(exchange))
    }

    fn last_ended(&self, is_meant: impl Fn(&LiveExchange) -> bool) -> Option<Arc<LiveExchange>> {
        // Looks from the last end back: of several responses on a connection the last one explains a refusal.
        self.rows.lock().ended.iter().rev().find(|exchange| is_meant(exchange)).cloned()
    }

    /// Returns the open connections, in the order of their ordinals.
    pub(crate) fn open(&self) -> Vec<OpenConnection> {
        let Rows { by_connection, .. } = &mut *self.rows.lock();
        forget_closed(by_connection);
        by_connection.values().filter_map(Row::current).collect()
    }

    /// Returns all exchanges under way, in the order of their connections and requests.
    pub(crate) fn under_way(&self) -> Vec<OpenConnection> {
        let rows = self.rows.lock();
        let exchanges = rows.by_connection.values().flat_map(Row::exchanges);
        exchanges.filter(|open| open.exchange.is_under_way()).collect()
    }

    /// Returns the exchanges under way with requests like `expected`, the oldest first.
    pub(crate) fn like(&self, expected: &ExpectedRequest) -> Vec<OpenConnection> {
        let mut like = self.under_way();
        // Sorts by request: the rows are in the order of the connections, of which an old one can have a new request.
        like.retain(|open| expected.is_like(&open.exchange));
        like.sort_by_key(|open| open.number);
        like
    }

    /// Returns how many exchanges with requests like `expected` are under way.
    pub(crate) fn count_like(&self, expected: &ExpectedRequest) -> usize {
        let rows = self.rows.lock();
        let exchanges = rows.by_connection.values().flat_map(|row| &row.exchanges);
        exchanges.filter(|(_, exchange)| expected.is_like(exchange) && exchange.is_under_way()).count()
    }

    /// Returns the exchange with these ordinals, if the connection is open.
    pub(crate) fn exchange(&self, connection: u64, request: u32) -> Option<Arc<LiveExchange>> {
        let rows = self.rows.lock();
        let mut exchanges = rows.by_connection.get(&connection)?.exchanges.iter();
        exchanges.find(|(_, exchange)| exchange.request == request).map(|(_, exchange)| Arc::clone(exchange))
    }

    /// Waits until another exchange has begun, from this call on.
    pub(crate) fn next_begun(&self) -> Notified<'_> {
        self.begun.notified()
    }

    /// Wakes all tasks that wait for an exchange.
    pub(crate) fn wake_waiting(&self) {
        self.begun.notify_waiters();
    }
}

impl OpenConnection {
    /// Checks that the exchange answers the request `request`, if given.
    pub(crate) fn check_request(&self, request: Option<u32>) -> Result<(), OtherRequest> {
        let LiveExchange { connection, request: current, .. } = *self.exchange;
        match request.filter(|given| *given != current) {
            Some(given) => Err(OtherRequest { connection, current, given }),
            None => Ok(()),
        }
    }
}

fn forget_closed(rows: &mut BTreeMap<u64, Row>) {
    rows.retain(|_, row| row.connection.strong_count() > 0);
}

impl Row {
    /// Returns the connection with the exchange under way, or else the last.
    fn current(&self) -> Option<OpenConnection> {
        let mut exchanges: Vec<_> = self.exchanges().collect();
        // Prefers the first exchange under way: with pipelined requests, HTTP/1.1 answers the oldest first.
        let under_way = exchanges.iter().position(|open| open.exchange.is_under_way());
        let current = under_way.or(exchanges.len().checked_sub(1))?;
        Some(exchanges.swap_remove(current))
    }

    /// Returns the connection with each of the exchanges; none once the connection is closed.
    fn exchanges(&self) -> impl Iterator<Item = OpenConnection> {
        let connection = self.connection.upgrade();
        self.exchanges.iter().filter_map(move |(number, exchange)| {
            let (connection, exchange) = (connection.clone()?, Arc::clone(exchange));
            Some(OpenConnection { connection, exchange, number: *number })
        })
    }
}

#[cfg(test)]
mod tests {
    use onbeat_wire::{How, Instant};

    use super::*;

    fn end(exchange: &LiveExchange) {
        exchange.update(|progress| progress.end = Some((Instant::EPOCH, How::Complete)));
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
    fn exchanges_under_way_are_found_by_path_and_method_the_oldest_first() {
        let (table, connections) = (ConnectionTable::default(), [0, 1].map(|id| Arc::new(Connection::new(id))));
        let exchanges = [(0, 0), (1, 0), (0, 1)].map(|(id, request)| {
            let exchange = LiveExchange::of_test(&connections[id], request);
            table.add(&connections[id], Arc::clone(&exchange));
            exchange
        });
        let like = |method, target: &str| {
            let expected = ExpectedRequest::read(method, target).expect("a request");
            let like = listed(table.like(&expected));
            assert_eq!(table.count_like(&expected), like.len());
            like
        };
        assert_eq!(like(None, "/events"), [(0, 0), (1, 0), (0, 1)]);
        assert_eq!(like(Some("GET"), "/events"), like(None, "/events"));
        assert_eq!(like(Some("POST"), "/events"), []);
        assert_eq!(like(None, "/event"), []);
        assert_eq!(like(None, "/events?"), like(None, "/events"));
        assert_eq!(like(None, "/events?id=a"), []);
        end(&exchanges[0]);
        assert_eq!(like(None, "/events"), [(1, 0), (0, 1)]);
    }

    #[tokio::test]
    async fn a_task_that_waits_for_an_exchange_is_woken_when_the_exchange_is_in_the_table() {
        let (table, connection) = (ConnectionTable::default(), Arc::new(Connection::new(0)));
        for request in [0, 1] {
            let mut next = tokio_test::task::spawn(table.next_begun());
            assert!(next.poll().is_pending());
            table.add(&connection, LiveExchange::of_test(&connection, request));
            assert!(next.is_woken() && next.poll().is_ready(), "request {request}");
        }
    }

    #[test]
    fn the_end_of_a_closed_connection_is_told_as_long_as_it_is_kept() {
        let table = ConnectionTable::default();
        assert_eq!(table.not_open(0).to_string(), "no connection 0 is open");
        for id in 0..=ENDED_MAX as u64 {
            let exchange = LiveExchange::of_test(&Arc::new(Connection::new(id)), 0);
            end(&exchange);
            table.note_end(exchange);
        }
        let last = "no connection 256 is open (its response to GET /events was complete at 0 ms)";
        assert_eq!(table.not_open(256).to_string(), last);
        assert_eq!(table.not_open(0).to_string(), "no connection 0 is open");
        let expected = ExpectedRequest::read(None, "/events").expect("a request");
        assert_eq!(table.last_ended_like(&expected).map(|exchange| exchange.connection), Some(256));
    }

    #[test]
    fn exchanges_that_are_over_are_forgotten_with_the_next_request() {
        let (table, connection) = (ConnectionTable::default(), Arc::new(Connection::new(0)));
        for request in 0..100 {
            let exchange = LiveExchange::of_test(&connection, request);
            table.add(&connection, Arc::clone(&exchange));
            end(&exchange);
            assert_eq!(table.rows.lock().by_connection[&0].exchanges.len(), 1);
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
            let rows = table.rows.lock().by_connection.len();
            assert!(rows <= 4, "{rows} rows for one connection");
        }
        assert_eq!(listed(table.under_way()), [(7, 0)]);
        assert_eq!(listed(table.open()), [(7, 0)]);
        assert_eq!(table.rows.lock().by_connection.len(), 1);
    }
}
