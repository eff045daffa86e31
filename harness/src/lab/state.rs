//! What the handles of a lab share: time, connections, and what is waited for.

mod leaks;

use std::collections::BTreeMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use onbeat_clock::Clock;
use onbeat_wire::Instant;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::blocking::BlockingThreads;
use super::connection::ClientConnection;
use super::failure::LabFailure;
use super::host::Host;
use super::network::Network;
use super::open::OpenRequests;
use super::peer::Peer;
use super::socket::Socket;
use super::waits::{WaitGuard, Waits};
use super::watchdog::{Steps, Watched};
use crate::idle::Idle;
use crate::transport::{self, Breaker, Sender, ServerEnd, Tap};

/// The name of the application under test among the hosts.
pub(super) const APPLICATION: &str = "onbeat";

/// What the handles of a lab share.
pub(super) struct LabState {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) open: OpenRequests,
    pub(super) patience: Duration,
    idle: Idle,
    blocking: BlockingThreads,
    runtime: Handle,
    failures: UnboundedSender<LabFailure>,
    steps: Steps,
    pub(super) hosts: Mutex<BTreeMap<String, Host>>,
    clients: Mutex<Vec<Arc<ClientConnection>>>,
    sockets_made: AtomicUsize,
    /// How many actions the clients have done.
    actions_done: AtomicU64,
    /// How many tasks of the lab's own live.
    own_tasks: Arc<AtomicUsize>,
    /// Whether the servers have been told to end.
    shutdown: watch::Sender<bool>,
    /// Until when the test may wait.
    deadline: Mutex<Instant>,
    /// What the test waits for.
    pub(super) waits: Waits,
}

impl LabState {
    /// Returns the state of a lab that begins now, on the current runtime.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        patience: Duration,
        (idle, blocking): (Idle, BlockingThreads),
        failures: UnboundedSender<LabFailure>,
    ) -> Self {
        Self {
            open: OpenRequests::new(Arc::clone(&clock)),
            deadline: Mutex::new(clock.now() + patience),
            clock,
            patience,
            idle,
            blocking,
            runtime: Handle::current(),
            failures,
            steps: Steps::default(),
            hosts: Mutex::default(),
            clients: Mutex::default(),
            sockets_made: AtomicUsize::new(0),
            actions_done: AtomicU64::new(0),
            own_tasks: Arc::default(),
            shutdown: watch::channel(false).0,
            waits: Waits::default(),
        }
    }

    /// Waits until everything has happened that happens at this instant.
    pub(super) async fn settle(&self) {
        self.idle.wait().await;
        self.blocking.wait(&self.idle).await;
        // Looks at the time after each step, since code under test may have moved the clock.
        let now = self.clock.now().since_epoch();
        if !now.subsec_nanos().is_multiple_of(1_000_000) {
            let _ = self.failures.send(LabFailure::OffGrid(now));
        }
    }

    /// Waits until bytes have arrived, and everything has happened that happens at that instant.
    pub(super) async fn arrival(&self) {
        self.idle.after_arrival().await;
        self.blocking.wait(&self.idle).await;
    }

    /// Returns a function that notes that a client has seen something.
    pub(super) fn notice(&self) -> impl Fn() + Send + 'static {
        let (idle, steps) = (self.idle.clone(), self.steps.clone());
        move || {
            steps.count();
            idle.note_arrival();
        }
    }

    /// Returns what a watchdog watches.
    pub(super) fn watched(&self, limit: Duration) -> Watched {
        let (steps, clock, open) = (self.steps.clone(), Arc::clone(&self.clock), self.open.clone());
        Watched { steps, clock, runtime: self.runtime.clone(), open, failures: self.failures.clone(), limit }
    }

    /// Spawns a task of the lab's own.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Counts before spawning, so that the task never counts as a task of the application.
        let counted = Counted::new(&self.own_tasks);
        drop(self.runtime.spawn(async move {
            task.await;
            drop(counted);
        }));
    }

    // Patience.

    /// Gives the test the whole patience again: the test has done something.
    pub(super) fn touch(&self) {
        self.touch_until(Duration::ZERO);
    }

    /// Gives the test the whole patience again, from `time` on if that is later than now.
    pub(super) fn touch_until(&self, time: Duration) {
        self.steps.count();
        self.extend_patience(self.clock.now().max(Instant::EPOCH + time));
    }

    /// Gives the test the whole patience again from `time` on. Never shortens the patience: another task may be in an advance.
    fn extend_patience(&self, time: Instant) {
        let mut deadline = self.deadline.lock();
        *deadline = (*deadline).max(time + self.patience);
    }

    /// Ends the test when the patience is over, in a task of its own: the test need not look at the time.
    pub(super) fn watch_patience(self: &Arc<Self>) {
        // Holds the state weakly, so that the task does not keep the lab alive.
        let state = Arc::downgrade(self);
        let clock = Arc::clone(&self.clock);
        self.spawn(async move {
            while let Some(deadline) = state.upgrade().map(|state| *state.deadline.lock()) {
                clock.sleep_until(deadline).await;
                let Some(state) = state.upgrade() else { return };
                // Ends the test only if no action has moved the deadline during the sleep.
                if *state.deadline.lock() == deadline {
                    let _ = state.failures.send(LabFailure::NothingComes(state.patience));
                    return;
                }
            }
        });
    }

    /// Notes that the test waits for something, until the return value is dropped, and gives the test the whole patience.
    pub(super) fn wait_for<'a>(&'a self, what: &'static str, of: &Arc<str>) -> WaitGuard<'a> {
        let since = self.clock.now();
        self.extend_patience(since);
        self.waits.begin(what, of, since)
    }

    // Connections.

    /// Adds a server under a name.
    pub(super) fn add_host(&self, name: String, host: Host) {
        self.hosts.lock().insert(name, host);
    }

    /// Connects to a server over a network.
    pub(super) fn connect(&self, name: &str, network: Network) -> io::Result<Socket> {
        let host = self.hosts.lock().get(name).cloned();
        let host = host.ok_or_else(|| self.no_host(name))?;
        let number = self.next_socket();
        let (end, client, _) = transport::pipe(network.window_bytes);
        // Drops the server's end after the shutdown, as for a client: the socket sees a close.
        if !*self.shutdown.borrow() {
            self.serve(host, end, Peer::Socket { number, host: name.to_owned() });
        }
        Ok(if network.is_plain() {
            Socket::new(client)
        } else {
            Socket::new(network.over(client, Arc::clone(&self.clock)))
        })
    }

    /// Connects a client to the application over a network, with `window_bytes` of room in each direction.
    pub(super) fn pipe_through<P>(
        &self,
        peer: Peer,
        window_bytes: usize,
        network: impl FnOnce(DuplexStream, Breaker) -> P,
    ) -> (Sender, Tap)
    where
        P: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (end, ends) = transport::connect_through(Arc::clone(&self.clock), window_bytes, network);
        // Drops the server's end before the application is built, and after the shutdown: the client sees a close.
        let application = self.hosts.lock().get(APPLICATION).filter(|_| !*self.shutdown.borrow()).cloned();
        if let Some(application) = application {
            self.serve(application, end, peer);
        }
        ends
    }

    /// Returns the number of the next socket.
    pub(super) fn next_socket(&self) -> usize {
        self.sockets_made.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn no_host(&self, host: &str) -> io::Error {
        let hosts = self.hosts.lock();
        let names: Vec<&str> = hosts.keys().map(String::as_str).collect();
        let text = format!("expected a host of the lab, one of {}, got {host:?}", names.join(", "));
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// Lets a server serve a connection: an application in a task of its own, where a panic ends the connection, and the test.
    fn serve(&self, host: Host, end: ServerEnd, peer: Peer) {
        let served = match host {
            Host::Served(served) => served,
            Host::Listener(arrivals) => {
                // Drops the connection if the server is gone.
                let _ = arrivals.send(end);
                return;
            }
        };
        let (open, failures, shutdown) = (self.open.clone(), self.failures.clone(), self.shutdown());
        self.spawn(async move {
            let serving = served.serve(end, peer, open.clone(), shutdown);
            if AssertUnwindSafe(serving).catch_unwind().await.is_err() {
                let _ = failures.send(LabFailure::Panicked(open.take_panicked()));
            }
        });
    }

    /// Waits until the servers are told to end.
    pub(super) fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut shutdown = self.shutdown.subscribe();
        async move {
            // Ignores the error of a dropped sender, which lives as long as the lab.
            let _ = shutdown.wait_for(|is_over| *is_over).await;
        }
    }

    // Clients.

    /// Returns the number of the next client.
    pub(super) fn next_client(&self) -> usize {
        self.clients.lock().len() + 1
    }

    /// Returns the ordinal of the next action of a client, among those of all clients.
    pub(super) fn next_action(&self) -> u64 {
        self.actions_done.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a client.
    pub(super) fn add_client(&self, client: Arc<ClientConnection>) {
        self.clients.lock().push(client);
    }

    /// Returns all clients, in their order.
    pub(super) fn clients(&self) -> Vec<Arc<ClientConnection>> {
        self.clients.lock().clone()
    }

    /// Tells the servers to end.
    pub(super) fn shut_down(&self) {
        self.shutdown.send_replace(true);
    }

    /// Forgets all clients and hosts, which hold the lab.
    pub(super) fn clear(&self) {
        // Takes the lists out before dropping the entries, which may lock the lists again.
        let (clients, hosts) = (std::mem::take(&mut *self.clients.lock()), std::mem::take(&mut *self.hosts.lock()));
        drop((clients, hosts));
    }

    /// Returns how many tasks live that are neither the lab's nor a client's.
    pub(super) fn foreign_tasks(&self) -> usize {
        // Subtracts the reading task of each client with an open connection.
        let readers = self.clients.lock().iter().filter(|client| !client.is_over()).count();
        let own = readers + self.own_tasks.load(Ordering::Relaxed);
        self.runtime.metrics().num_alive_tasks().saturating_sub(own)
    }
}

/// Counts one until dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
