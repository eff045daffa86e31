//! A connection of a test's client: what the client does, and the exchanges so far.

use std::fmt;
use std::sync::Arc;

use onbeat_wire::LeftHow;
use onbeat_wire::What;
use parking_lot::Mutex;

use super::Lab;
use super::peer::Peer;
use crate::player::{self, Action, ClientLog, ExchangeFold, HttpExchange, LogEntry, LogReader};

/// The connection of a client.
pub(super) struct ClientConnection {
    lab: Lab,
    number: usize,
    player: tokio::sync::Mutex<player::Player>,
    log: LogReader,
    seen: Mutex<Seen>,
    /// The ordinals of the logged actions among the actions of all clients.
    pub(super) order: Mutex<Vec<u64>>,
}

/// The exchanges so far, folded out of as much of the log as has been read.
#[derive(Default)]
struct Seen {
    exchanges: ExchangeFold,
    entries_read: usize,
    /// The length of the last entry, if a write: a write without chunks can still grow.
    write_bytes: usize,
    requests: usize,
}

impl ClientConnection {
    /// Returns the connection of a client with this number.
    pub(super) fn new(lab: Lab, number: usize, player: player::Player) -> Self {
        let log = player.log_reader();
        Self {
            lab,
            number,
            player: tokio::sync::Mutex::new(player),
            log,
            seen: Mutex::default(),
            order: Mutex::default(),
        }
    }

    /// Returns the lab.
    pub(super) fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Returns the name of the client in messages.
    pub(super) fn peer(&self) -> Peer {
        Peer::Client(self.number)
    }

    /// Acts, and waits until everything has happened that follows at this instant.
    pub(super) async fn act(&self, action: Action) {
        self.act_at_once(action).await;
        self.lab.settle().await;
    }

    async fn do_action(&self, action: Action) {
        let mut player = self.player.lock().await;
        // Gives no ordinal to a pause and its end, which no log has.
        if !matches!(action, Action::Pause | Action::Resume) {
            self.order.lock().push(self.lab.state.next_action());
        }
        player.act(action).await;
        // Wakes the waits, since the client may have ended a response by leaving.
        (self.lab.state.notice())();
    }

    /// Sends a request, and returns the ordinal on the connection.
    pub(super) async fn request(&self, action: Action) -> usize {
        let ordinal = self.next_ordinal();
        self.act(action).await;
        ordinal
    }

    /// Counts a request that is about to be sent, and returns the ordinal on the connection.
    pub(super) fn next_ordinal(&self) -> usize {
        let mut seen = self.seen.lock();
        seen.requests += 1;
        seen.requests - 1
    }

    /// Acts, without a wait for what follows.
    pub(super) async fn act_at_once(&self, action: Action) {
        self.lab.state.touch();
        self.do_action(action).await;
    }

    /// Leaves, without a wait for what follows.
    pub(super) async fn leave(&self) {
        self.do_action(Action::Leave(LeftHow::Closed)).await;
    }

    /// Calls `read` with the exchange as far as it has come.
    pub(super) fn with_exchange<T>(&self, ordinal: usize, read: impl FnOnce(Option<&HttpExchange>) -> T) -> T {
        self.log.read(|log| {
            let mut seen = self.seen.lock();
            seen.read_on(log);
            read(seen.exchanges.get(ordinal))
        })
    }

    /// Waits until `enough` is true of the exchange, or no more can come, and for all that follows at that instant.
    pub(super) async fn until(&self, ordinal: usize, mut enough: impl FnMut(&HttpExchange) -> bool) {
        while !self.is_over() && !self.with_exchange(ordinal, |exchange| exchange.is_some_and(&mut enough)) {
            self.lab.state.arrival().await;
        }
    }

    /// Returns whether no more can come.
    pub(super) fn is_over(&self) -> bool {
        self.log.is_over()
    }

    /// Returns the log so far.
    pub(super) fn log(&self) -> ClientLog {
        self.log.read(Clone::clone)
    }
}

impl Seen {
    /// Takes in the entries that have come since the last call.
    fn read_on(&mut self, log: &ClientLog) {
        // Takes in the bytes by which the last write has grown, before the entries behind the write.
        let last = self.entries_read.checked_sub(1).and_then(|last| log.entries.get(last));
        if let Some((at, LogEntry::Saw(What::Write(bytes)))) = last
            && bytes.len() > self.write_bytes
        {
            let rest = bytes.slice(self.write_bytes..);
            self.exchanges.take_in(*at, &LogEntry::Saw(What::Write(rest)));
        }
        for (at, entry) in &log.entries[self.entries_read..] {
            self.exchanges.take_in(*at, entry);
        }
        self.entries_read = log.entries.len();
        self.write_bytes = match log.entries.last() {
            Some((_, LogEntry::Saw(What::Write(bytes)))) => bytes.len(),
            _ => 0,
        };
    }
}

impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection").field("client", &self.number).finish_non_exhaustive()
    }
}

/// A handle of a connection: when the last one is dropped, the client leaves.
#[derive(Clone, Debug)]
pub(super) struct Handle(Arc<LeaveOnDrop>);

#[derive(Debug)]
struct LeaveOnDrop(Arc<ClientConnection>);

impl Handle {
    /// Returns the first handle of a connection.
    pub(super) fn new(connection: Arc<ClientConnection>) -> Self {
        Self(Arc::new(LeaveOnDrop(connection)))
    }
}

impl std::ops::Deref for Handle {
    type Target = ClientConnection;

    fn deref(&self) -> &ClientConnection {
        &self.0.0
    }
}

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        let connection = Arc::clone(&self.0);
        let lab = connection.lab.clone();
        // Does no harm after the lab, which has closed all connections, and whose runtime spawns no task any more.
        lab.state.spawn(async move { connection.leave().await });
    }
}
