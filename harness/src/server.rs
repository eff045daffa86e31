//! A server of event streams in the process of a test, for those who test a *client*.
//!
//! The streams are served over a real socket on this machine; their time, their bytes and their faults are the test's. The
//! methods have the names that the client in JavaScript has.
//!
//! ```text
//!  error ── reply              refusals; answers to come, to be awaited or waited for
//!     │
//!  thread                      the thread that serves
//!     │
//!  chunk ── fault              what a test sends, and what is to go wrong
//!     │
//!  clock  connections  routes  channels  faults  log  reset     the operations, one file each
//!     │
//!  builder                     how a server starts
//! ```
//!
//! # Awaited or waited for
//!
//! Each method returns a [`Reply`]. An async test awaits the reply; a test without a runtime calls [`Reply::wait`]:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! let server = onbeat::Server::start().wait()?;
//! server.route(r#"
//!     path = "/clock"
//!     steps = [{ wait_ms = 1000, data = "tick {{seq}}", times = 3 }]
//! "#).wait()?;
//!
//! let mut client = TcpStream::connect(server.addr())?;
//! client.write_all(b"GET /clock HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
//! server.connected("/clock", 1).wait()?;
//! server.advance(Duration::from_secs(3)).wait()?;
//!
//! let mut response = String::new();
//! while !response.contains("tick 3") {
//!     let mut bytes = [0; 1024];
//!     let length = client.read(&mut bytes)?;
//!     response.push_str(std::str::from_utf8(&bytes[..length])?);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threads and time
//!
//! A server has a thread of its own, and therefore works in a test with any runtime or with none. The world of the server
//! begins at 0 ms, and with a manual clock its time passes only when a test calls [`Server::advance`]. The time of the client
//! is the machine's: leave tokio's time running in the client's test, since paused time skips each wait for a socket.

mod builder;
mod channels;
mod chunk;
mod clock;
mod connections;
mod error;
mod fault;
mod faults;
mod log;
mod reply;
mod reset;
mod routes;
mod thread;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

#[doc(inline)]
pub use onbeat_clock::Kind as ClockKind;
#[doc(inline)]
pub use onbeat_control::{
    AdvanceReport, ClockReport, CloseReport, ConnectionReport, ConnectionState, DueReport, ResetReport, TimerReport,
    TimersReport, WriteReport,
};
#[doc(inline)]
pub use onbeat_routes::ChannelReport;
#[doc(inline)]
pub use onbeat_wire::Timestamp;
#[doc(inline)]
pub use onbeat_wire::recording::ClosedHow;

pub use self::builder::ServerBuilder;
pub use self::channels::Published;
pub use self::chunk::{Chunk, EventFields};
pub use self::connections::Connection;
pub use self::error::{ServerError, ServerErrorKind};
pub use self::fault::{Fault, LineEnds};
pub use self::faults::FaultReport;
pub use self::log::{Log, LoggedRequest};
pub use self::reply::Reply;
pub use self::reset::ResetOptions;
pub use self::routes::{ListedRoute, RouteOrigin};
use self::thread::{ServerThread, Shared};

/// A server of event streams, on a thread of its own in this process. The server ends when dropped, and its port is free
/// again.
///
/// ```
/// # use onbeat::Server;
/// let server = Server::start().wait()?;
/// assert!(server.url("/chat").starts_with("http://127.0.0.1:"));
/// # Ok::<(), onbeat::server::ServerError>(())
/// ```
pub struct Server {
    shared: Arc<Shared>,
    thread: ServerThread,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1, with a manual clock at 0 ms and no routes. [`Server::builder`] starts
    /// others.
    ///
    /// # Errors
    ///
    /// If the machine has no free port or no thread left.
    pub fn start() -> Reply<Self> {
        Self::builder().start()
    }

    /// Returns the options of a server that is to be started.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Returns the URL of a path, which may have a query: `http://127.0.0.1:40123/chat`. An empty path gives the URL of the
    /// server, without a slash at the end.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.shared.url(path)
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// Ends all streams in good order, and then the server. The reply comes when the clients have taken the end of their
    /// streams, or after five seconds of the machine's time. A server that is dropped ends at once instead, and cuts the
    /// streams.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// server.stop().wait()?;
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the thread of the server has failed.
    pub fn stop(self) -> Reply<()> {
        let Self { thread, .. } = self;
        Reply::new(move || thread.stop())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { controller, .. } = &*self.shared;
        f.debug_struct("Server")
            .field("url", &self.url(""))
            .field("now_ms", &controller.clock().now_ms)
            .finish_non_exhaustive()
    }
}
