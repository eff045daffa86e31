use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::pending;
use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};
use tokio_test::task::{self, Spawn};

use super::*;
use crate::connection::Ending;
use crate::shutdown::SHUTDOWN_TIME_MAX;
use onbeat_clock::{Clock, TokioClock};

/// The result of an accept.
enum Comes {
    Connection,
    Error(io::ErrorKind),
    /// The error of a machine without free file descriptors.
    Shortage,
}

/// A listener for scripted connections. Notes each accept, and the close.
struct Scripted {
    comes: mpsc::UnboundedReceiver<Comes>,
    /// Whether a shortage has begun, which goes on for ever.
    is_short: bool,
    noted: Arc<Noted>,
}

#[derive(Default)]
struct Noted {
    asked: AtomicUsize,
    is_closed: AtomicUsize,
}

impl Listener for Scripted {
    type Io = ();

    async fn accept(&mut self) -> io::Result<()> {
        self.noted.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_short {
            return Err(io::Error::other("too many open files"));
        }
        match self.comes.recv().await {
            Some(Comes::Connection) => Ok(()),
            Some(Comes::Error(kind)) => Err(kind.into()),
            Some(Comes::Shortage) => {
                self.is_short = true;
                Err(io::Error::other("too many open files"))
            }
            None => pending().await,
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.noted.is_closed.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a connection is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    /// Until the connection is to end.
    UntilTold,
    /// For ever, as for a client without a reader.
    ForEver,
    /// Not at all.
    Panics,
}

/// A server with scripted connections.
struct AcceptTest {
    arrive: mpsc::UnboundedSender<Comes>,
    shut_down: Option<oneshot::Sender<()>>,
    noted: Arc<Noted>,
    served: Arc<Mutex<Served>>,
    server: Spawn<std::pin::Pin<Box<dyn Future<Output = ()>>>>,
    clock: TokioClock,
}

#[derive(Default)]
struct Served {
    next: VecDeque<Serves>,
    /// All accepted connections, in order.
    connections: Vec<Weak<Connection>>,
}

impl AcceptTest {
    fn new(connections_max: usize, serves: impl IntoIterator<Item = Serves>) -> Self {
        let (arrive, comes) = mpsc::unbounded_channel();
        let (shut_down, told) = oneshot::channel();
        let noted = Arc::new(Noted::default());
        let served = Arc::new(Mutex::new(Served { next: serves.into_iter().collect(), connections: Vec::new() }));
        let listener = Scripted { comes, is_short: false, noted: Arc::clone(&noted) };
        let serving = Arc::clone(&served);
        let serve = move |(), connection: Arc<Connection>| {
            let mut served = serving.lock();
            served.connections.push(Arc::downgrade(&connection));
            let how = served.next.pop_front().unwrap_or(Serves::UntilTold);
            async move {
                match how {
                    Serves::UntilTold => until_told(connection).await,
                    Serves::ForEver => pending().await,
                    Serves::Panics => panic!("a bug in serving"),
                }
            }
        };
        let server = accept(listener, connections_max, None, serve, told.map(drop));
        let server: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(server);
        let clock = TokioClock::start();
        Self { arrive, shut_down: Some(shut_down), noted, served, server: task::spawn(server), clock }
    }

    /// Lets connections come, and runs all tasks without time.
    async fn comes(&mut self, all: impl IntoIterator<Item = Comes>) {
        all.into_iter().for_each(|comes| drop(self.arrive.send(comes)));
        self.settle().await;
    }

    async fn settle(&mut self) {
        // Yields often enough for every task to reach the next wait.
        for _ in 0..100 {
            assert!(self.server.poll().is_pending(), "the server has ended");
            tokio::task::yield_now().await;
        }
    }

    fn shut_down(&mut self) {
        self.shut_down.take().expect("once").send(()).expect("the server runs");
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock()
    }

    fn accepted(&self) -> usize {
        self.served().connections.len()
    }

    fn is_listening(&self) -> bool {
        self.noted.is_closed.load(Ordering::Relaxed) == 0
    }

    /// Returns the accepted connection `number`, from 0, if open.
    fn connection(&self, number: usize) -> Option<Arc<Connection>> {
        self.served().connections[number].upgrade()
    }
}

async fn until_told(connection: Arc<Connection>) {
    std::future::poll_fn(|cx| {
        connection.task().register(cx.waker());
        if connection.ending().is_some() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connections_that_were_lost_before_they_were_accepted_cost_no_time() {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let mut test = AcceptTest::new(9, []);
    test.comes([ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].map(Comes::Error)).await;
    test.comes([Comes::Connection]).await;
    assert_eq!((test.accepted(), test.clock.now()), (1, Instant::EPOCH));
}

#[tokio::test(start_paused = true)]
async fn a_shortage_is_waited_out_and_not_asked_about_all_the_time() {
    let mut test = AcceptTest::new(9, []);
    test.comes([Comes::Connection, Comes::Error(io::ErrorKind::OutOfMemory), Comes::Connection]).await;
    assert_eq!(test.accepted(), 1);
    tokio::select! {
        biased;
        () = &mut *test.server => panic!("the server has ended"),
        () = test.clock.sleep_until(Instant::EPOCH + SHORTAGE_PAUSE) => {}
    }
    test.settle().await;
    assert_eq!(test.accepted(), 2);
    test.comes([Comes::Shortage]).await;
    let before = test.noted.asked.load(Ordering::Relaxed);
    tokio::select! {
        biased;
        () = &mut *test.server => panic!("the server has ended"),
        () = test.clock.sleep_until(test.clock.now() + SHORTAGE_PAUSE * 10) => {}
    }
    let asked = test.noted.asked.load(Ordering::Relaxed) - before;
    // Allows an accept more or less, as the pauses begin at any time.
    assert!((9..=11).contains(&asked), "asked {asked} times in ten pauses");
}

#[tokio::test(start_paused = true)]
async fn so_many_are_served_at_a_time_and_others_when_one_of_them_has_gone() {
    let mut test = AcceptTest::new(2, []);
    test.comes((0..5).map(|_| Comes::Connection)).await;
    assert_eq!(test.accepted(), 2);
    for gone in 0..3 {
        test.connection(gone).expect("open").end(Ending::InGoodOrder);
        test.settle().await;
        assert_eq!(test.accepted(), 3 + gone);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_connection_that_has_ended() {
    let mut test = AcceptTest::new(9, []);
    test.comes([Comes::Connection, Comes::Connection]).await;
    test.connection(0).expect("open").end(Ending::InGoodOrder);
    test.settle().await;
    assert!(test.connection(0).is_none() && test.connection(1).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_connection_and_no_other() {
    let mut test = AcceptTest::new(2, [Serves::Panics, Serves::UntilTold, Serves::Panics]);
    test.comes((0..5).map(|_| Comes::Connection)).await;
    assert_eq!(test.accepted(), 4);
    let open: Vec<bool> = (0..4).map(|number| test.connection(number).is_some()).collect();
    assert_eq!(open[1..], [true, false, true]);
    test.shut_down();
    (&mut *test.server).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_takes_nobody_in_and_waits_for_those_who_are_served() {
    let mut test = AcceptTest::new(9, [Serves::UntilTold, Serves::ForEver]);
    test.comes([Comes::Connection, Comes::Connection]).await;
    test.shut_down();
    test.comes([Comes::Connection]).await;
    // Expects the close at once, while the two clients are still served.
    assert!(!test.is_listening(), "whoever connects has to be told that nobody is there");
    assert_eq!(test.accepted(), 2);
    assert!(
        (0..2).all(|number| test.connection(number).is_some_and(|open| open.ending() == Some(Ending::InGoodOrder)))
    );
    (&mut *test.server).await;
    assert_eq!(test.clock.now(), Instant::EPOCH + SHUTDOWN_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_server_ends_at_once_when_all_its_connections_have() {
    for serves in [&[][..], &[Serves::UntilTold; 3], &[Serves::Panics]] {
        let mut test = AcceptTest::new(9, serves.iter().copied());
        test.comes(serves.iter().map(|_| Comes::Connection)).await;
        test.shut_down();
        (&mut *test.server).await;
        assert_eq!(test.clock.now(), Instant::EPOCH, "{serves:?}");
        assert!((0..serves.len()).all(|number| test.connection(number).is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_ends_though_always_somebody_comes_and_though_it_is_short_of_something() {
    let mut test = AcceptTest::new(9, []);
    test.comes([]).await;
    // Keeps the accept loop busy: an accept is always ready.
    (0..1000).for_each(|_| drop(test.arrive.send(Comes::Error(io::ErrorKind::ConnectionAborted))));
    test.shut_down();
    let asked = test.noted.asked.load(Ordering::Relaxed);
    (&mut *test.server).await;
    assert_eq!(test.noted.asked.load(Ordering::Relaxed), asked, "the end comes first");
    let mut test = AcceptTest::new(9, []);
    test.comes([Comes::Shortage]).await;
    test.shut_down();
    (&mut *test.server).await;
    // Allows the rest of a pause that has begun.
    assert!(test.clock.now() <= Instant::EPOCH + SHORTAGE_PAUSE);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_an_arrival_itself() {
    let arrivals = Arc::new(Arrivals::default());
    let mut connections = Connections {
        most: 1,
        arrivals: Some(Arc::clone(&arrivals)),
        serve: |(), connection: Arc<Connection>| async move { drop(connection) },
        tasks: JoinSet::new(),
        accepted: 0,
        open: BTreeMap::new(),
    };
    let before = arrivals.seen();
    connections.serve(());
    assert_eq!(arrivals.seen(), before + 1);
}
