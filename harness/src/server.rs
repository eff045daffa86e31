//! A server of event streams in the process of a test, to test a *client*.
//!
//! The server serves streams over a real socket on this machine. The test decides on their time, bytes and faults. Most
//! methods have the names of the npm package `onbeat`.
//!
//! ```text
//!  error ── reply              refusals; answers to come, to be awaited or waited for
//!     │
//!  thread                      the thread that serves
//!     │
//!  chunk ── fault              the chunks of a test, and the alterations of responses
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
//! begins at 0 ms, and with a manual clock time passes there only by [`Server::advance`].
//!
//! The client has a time of its own, usually the machine's. In a test with `#[tokio::test(start_paused = true)]` the waits of
//! the client, such as the reconnection time, take no time. Timeouts of the client take none either, and may then end a
//! request before the answer: leave timeouts out of such a test.

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
use self::thread::{RunningServer, ServerThread};

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
    server: Arc<RunningServer>,
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
        self.server.url(path)
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr
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
        let RunningServer { controller, .. } = &*self.server;
        f.debug_struct("Server")
            .field("url", &self.url(""))
            .field("now_ms", &controller.clock().now_ms)
            .finish_non_exhaustive()
    }
}
