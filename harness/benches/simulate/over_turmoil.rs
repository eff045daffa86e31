//! The same worlds over turmoil, with the same server.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};
use std::time::{Duration, UNIX_EPOCH};

use onbeat::simulate::{History, Operation, OperationKind, ResourceRequest};
use onbeat::world_lab::Setup;
use onbeat_clock::{Clock, Sleep, TokioClock};
use onbeat_server::connection::{Connection, Ending};
use onbeat_server::random::Seed;
use onbeat_server::router::router;
use onbeat_server::serving;
use onbeat_server::world::World;
use onbeat_wire::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};

use crate::{Counted, Outcome, Tally};

/// The server's port.
const PORT: u16 = 80;
/// How long after its end a world may go on.
const OVERTIME: Duration = Duration::from_secs(120);
/// What may wait for a client over turmoil, in writes; of the usual length, those are the 64 KiB of a plain link.
const WINDOW_WRITES: usize = 1024;
/// Plays these worlds over turmoil; returns what each connection of each was sent.
pub(crate) fn over_turmoil(sample: &[History], tick: Duration) -> Outcome<Vec<Vec<u64>>> {
    sample.iter().map(|history| play(history, tick)).collect()
}

/// Plays a world over turmoil; returns what each connection was sent.
fn play(history: &History, tick: Duration) -> Outcome<Vec<u64>> {
    let mut setup = Setup::new(Seed(history.seed), "2025-12-01T00:00:00Z".parse()?);
    setup.limits.mailbox_events_max = history.mailbox_events_max;
    let mut sim = turmoil::Builder::new()
        .rng_seed(history.seed)
        .epoch(UNIX_EPOCH)
        .simulation_duration(Duration::from_millis(history.end_ms) + OVERTIME)
        .tick_duration(tick)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .tcp_capacity(WINDOW_WRITES)
        .build();
    let server = Server { setup, lead: 2 * tick, tally: Tally::default(), open: Open::default() };
    let (tally, open) = (server.tally.clone(), Arc::clone(&server.open));
    // In each tick the clients come first, so that what they send arrives in the same one.
    sim.client("clients", act(history.clone(), tick, open));
    sim.host("server", move || server.clone().serve());
    sim.run()?;
    Ok(tally.take())
}

/// The connections that a server has accepted.
type Open = Arc<parking_lot::Mutex<Vec<Weak<Connection>>>>;

/// The server, on a host of its own.
#[derive(Clone)]
struct Server {
    setup: Setup,
    /// How long the world's epoch comes after turmoil's.
    lead: Duration,
    tally: Tally,
    open: Open,
}

impl Server {
    async fn serve(self) -> Outcome<()> {
        let Setup { seed, epoch, limits, .. } = self.setup;
        let clock = Arc::new(Ahead { clock: TokioClock::start(), lead: self.lead });
        let world = Arc::new(World::new(clock, seed, epoch, limits));
        let router = router(Arc::clone(&world));
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        loop {
            let (io, _) = listener.accept().await?;
            let connection = Arc::new(world.next_connection());
            self.open.lock().push(Arc::downgrade(&connection));
            let io = Counted { io, connection: Arc::clone(&connection), tally: self.tally.clone() };
            tokio::spawn(serving::serve(io, connection, router.clone(), limits.head_time_max));
        }
    }
}

/// A clock that shows zero until the lead is over, in which the first clients connect.
#[derive(Debug)]
struct Ahead {
    clock: TokioClock,
    lead: Duration,
}

impl Clock for Ahead {
    fn now(&self) -> Instant {
        Instant::EPOCH + self.clock.now().since_epoch().saturating_sub(self.lead)
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.clock.sleep_until(deadline + self.lead)
    }
}

/// What the clients do at some time.
enum Act<'a> {
    /// One connects, which takes a tick.
    Connect(usize),
    /// It is done to one, or by it.
    Do(&'a Operation),
}

/// All clients, on one host.
async fn act(history: History, tick: Duration, open: Open) -> Outcome<()> {
    let clock = TokioClock::start();
    let mut clients: Vec<Client> = history.clients.iter().map(|_| Client::default()).collect();
    for (at, act) in acts(&history, tick) {
        clock.sleep_until(Instant::EPOCH + at).await;
        match act {
            Act::Connect(client) => {
                clients[client].connecting = Some(tokio::task::spawn_local(TcpStream::connect(("server", PORT))));
            }
            Act::Do(Operation { kind: OperationKind::ShutDown, .. }) => {
                open.lock().iter().filter_map(Weak::upgrade).for_each(|connection| connection.end(Ending::InGoodOrder));
            }
            Act::Do(operation) => clients[operation.client].act(&operation.kind).await?,
        }
    }
    // A tick later, what the server wrote at the end has arrived.
    let end = Duration::from_millis(history.end_ms);
    clock.sleep_until(Instant::EPOCH + 3 * tick + end).await;
    for client in &mut clients {
        client.leave().await;
    }
    // And in another one, the server lets go of them.
    clock.sleep_until(Instant::EPOCH + 4 * tick + end).await;
    Ok(())
}

/// What the clients do, and how long after turmoil's epoch.
fn acts(history: &History, tick: Duration) -> Vec<(Duration, Act<'_>)> {
    let mut connected = BTreeSet::new();
    let mut acts = Vec::new();
    for operation in &history.operations {
        let at = Duration::from_millis(operation.at_ms);
        if operation.kind != OperationKind::ShutDown && connected.insert(operation.client) {
            acts.push((at + tick, Act::Connect(operation.client)));
        }
        acts.push((at + 2 * tick, Act::Do(operation)));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// A client: it sends what it is told to, and reads all that comes.
#[derive(Default)]
struct Client {
    connecting: Option<JoinHandle<io::Result<TcpStream>>>,
    sender: Option<OwnedWriteHalf>,
    reader: JoinSet<()>,
    /// Whether it reads no more for a while.
    paused: watch::Sender<bool>,
}

impl Client {
    async fn act(&mut self, kind: &OperationKind) -> Outcome<()> {
        if let Some(connecting) = self.connecting.take() {
            let (reader, sender) = connecting.await??.into_split();
            self.sender = Some(sender);
            self.reader.spawn_local(read(reader, self.paused.subscribe()));
        }
        let Some(sender) = &mut self.sender else { return Ok(()) };
        // Nothing can be done with a connection that the server has closed: it is no error.
        match kind {
            OperationKind::Garbage(bytes) => drop(sender.write_all(bytes.as_bytes()).await),
            OperationKind::Request(ResourceRequest { resource, manner, cut }) => {
                let request = manner.request(&resource.target());
                let (start, rest) = request.as_bytes().split_at(cut.unwrap_or_default().min(request.len()));
                drop(sender.write_all(start).await);
                drop(sender.write_all(rest).await);
            }
            OperationKind::Pause => drop(self.paused.send_replace(true)),
            OperationKind::Resume => drop(self.paused.send_replace(false)),
            OperationKind::HalfClose => drop(sender.shutdown().await),
            OperationKind::Close | OperationKind::Reset => self.leave().await,
            _ => {}
        }
        Ok(())
    }

    /// Closes its connection: by a FIN, or by an RST if something is still to be read.
    async fn leave(&mut self) {
        self.reader.shutdown().await;
        self.sender = None;
    }
}

async fn read(mut reader: OwnedReadHalf, mut paused: watch::Receiver<bool>) {
    let mut buffer = vec![0; 4096];
    while paused.wait_for(|paused| !paused).await.is_ok() {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => drop(black_box(&buffer[..length])),
        }
    }
}

/// Whether it is something that can be done over turmoil, too.
pub(crate) fn is_known(kind: &OperationKind) -> bool {
    use OperationKind::{Close, Garbage, HalfClose, Pause, Request, Reset, Resume, ShutDown};
    matches!(kind, Request(_) | Garbage(_) | Pause | Resume | Close | HalfClose | Reset | ShutDown)
}
