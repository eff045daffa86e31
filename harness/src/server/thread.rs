//! The thread that serves: a runtime of its own, of a single thread.
//!
//! A client in the test shares neither thread nor runtime with the server: bytes reach the socket of a client even while the
//! client is not running. Before an operation the single thread takes in all arrivals.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use onbeat_control::{Controller, Settings};
use onbeat_server::arrivals::Arrivals;
use onbeat_server::listener::{Sockets, serve_router};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::reply::Answer;
use super::{Reply, Server, ServerError, ServerErrorKind};

/// A running server, shared by the test and the thread.
pub(super) struct RunningServer {
    pub(super) addr: SocketAddr,
    pub(super) controller: Arc<Controller>,
    /// How long clients are waited for, in the machine's time.
    pub(super) patience: Duration,
    arrivals: Arc<Arrivals>,
    runtime: Handle,
}

impl RunningServer {
    /// Returns the URL of a path.
    pub(super) fn url(&self, path: &str) -> String {
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        format!("http://{}{slash}{path}", self.addr)
    }

    /// Has the thread do an operation, after all earlier arrivals at the sockets.
    pub(super) fn ask<T, F>(self: &Arc<Self>, operation: impl FnOnce(Arc<Self>) -> F + Send + 'static) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ServerError>> + Send + 'static,
    {
        let server = Arc::clone(self);
        Reply::new(move || {
            let (answer, answered) = oneshot::channel();
            let runtime = server.runtime.clone();
            runtime.spawn(async move {
                // Takes in all earlier arrivals first, so that the operation sees the requests that clients have sent.
                server.arrivals.settle_last().await;
                // Ignores a caller that has left.
                let _ = answer.send(operation(server).await);
            });
            answered
        })
    }
}

/// The thread of a server, which ends when dropped.
pub(super) struct ServerThread {
    id: ThreadId,
    /// Tells the thread to end in good order; dropping the sender tells the thread to end at once. `None` after a stop.
    end: Option<oneshot::Sender<EndReply>>,
    /// Closed at the end of the thread.
    ended: Mutex<mpsc::Receiver<Infallible>>,
}

/// Tells a test of the end in good order.
type EndReply = oneshot::Sender<Result<(), ServerError>>;

impl ServerThread {
    /// Starts a server. The answer comes from the thread.
    pub(super) fn start(settings: Settings, addr: SocketAddr, patience: Duration) -> Answer<Server> {
        let (started, answer) = oneshot::channel();
        let run = move || {
            let (alive, ended) = mpsc::channel();
            let end_reply = match Listening::on(addr) {
                Ok(listening) => listening.serve(settings, patience, Mutex::new(ended), started),
                Err(error) => {
                    // Ignores a caller that has left.
                    let _ = started.send(Err(error));
                    None
                }
            };
            // Tells of the end only now, when the runtime is gone with all sockets: the port is free.
            drop(alive);
            if let Some(reply) = end_reply {
                let _ = reply.send(Ok(()));
            }
        };
        match thread::Builder::new().name("onbeat-server".to_owned()).spawn(run) {
            Ok(_) => answer,
            Err(error) => {
                let (refused, answer) = oneshot::channel();
                let _ = refused.send(Err(cannot_start("a thread for the server", error)));
                answer
            }
        }
    }

    /// Ends the server in good order. The answer comes when the thread has ended.
    pub(super) fn stop(mut self) -> Answer<()> {
        let (reply, answer) = oneshot::channel();
        let end = self.end.take().expect("a server is stopped once");
        // Ignores a thread that has failed, which gives no answer.
        let _ = end.send(reply);
        answer
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else { return };
        drop(end);
        // Waits for the end, except on the thread itself: the last owner of a server may be a waker called there.
        if thread::current().id() != self.id {
            // Receives no message, but returns at the end of the thread.
            let _ = self.ended.get_mut().recv();
        }
    }
}

/// A server that listens, and does not serve yet.
struct Listening {
    runtime: Runtime,
    sockets: Sockets,
    addr: SocketAddr,
}

impl Listening {
    fn on(addr: SocketAddr) -> Result<Self, ServerError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| cannot_start("a runtime for the server", error))?;
        let sockets = {
            let _entered = runtime.enter();
            Sockets::bind(&[addr]).map_err(|error| cannot_start("a free port", error))?
        };
        let addrs = sockets.addrs().map_err(|error| cannot_start("an address", error))?;
        Ok(Self { runtime, sockets, addr: addrs[0] })
    }

    /// Serves until the end. Returns the sender that tells of the end, if the end was in good order.
    fn serve(
        self,
        settings: Settings,
        patience: Duration,
        ended: Mutex<mpsc::Receiver<Infallible>>,
        started: oneshot::Sender<Result<Server, ServerError>>,
    ) -> Option<EndReply> {
        let Self { runtime, sockets, addr } = self;
        let limits = settings.limits;
        let (end, told_to_end) = oneshot::channel();
        runtime.block_on(async move {
            let (arrivals, runtime) = (Arc::default(), Handle::current());
            let controller = Arc::new(Controller::new(settings));
            let server = Arc::new(RunningServer { addr, controller, patience, arrivals, runtime });
            let (router, arrivals) = (server.controller.router(), Some(Arc::clone(&server.arrivals)));
            let thread = ServerThread { id: thread::current().id(), end: Some(end), ended };
            // Ignores a caller that has left: the server is dropped with the answer, and ends.
            let _ = started.send(Ok(Server { server, thread }));
            let (end_streams, streams_end) = oneshot::channel();
            let serving = serve_router(sockets, router, limits, arrivals, async {
                let _ = streams_end.await;
            });
            let mut serving = std::pin::pin!(serving);
            let told = tokio::select! {
                biased;
                told = told_to_end => told.ok(),
                () = &mut serving => unreachable!("the server serves until told to end"),
            };
            // Ends the streams in good order for `stop`, but not for a dropped server, which ends at once.
            if told.is_some() {
                let _ = end_streams.send(());
                serving.await;
            }
            told
        })
    }
}

fn cannot_start(expected: &str, error: impl fmt::Display) -> ServerError {
    ServerError::new(ServerErrorKind::CannotStart, format!("expected {expected}, got none: {error}"))
}
