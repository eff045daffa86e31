//! The lab: an application of yours in virtual time, with clients over HTTP/1.1 in memory.
//!
//! ```text
//!  peer ── open                     who asks, and what the application is at work on
//!    │
//!  watched_body ── application ── host    the application under test, served by hyper, and servers beside it
//!    │
//!  network ── socket ── host_connector    the way between
//!    │
//!  connection ── sse                a client's connection, and the events in a response
//!    │
//!  request_parts ── response ── request ── client    what a test works with
//!    │
//!  blocking ── watchdog ── panics ── failure     what can go wrong beside the test
//!    │
//!  waits ── state ── report         what the handles of a lab share, and the state in words
//!    │
//!  lab_handle                       the lab in the hands of a test
//!    │
//!  run ── options                   a runtime in paused time, and the end of a test
//!    │
//!  bare ── checked ── for_worlds    the parts of a lab that other modules take
//! ```

mod application;
#[cfg(feature = "server")]
pub(crate) mod bare;
mod blocking;
#[cfg(feature = "check")]
mod checked;
mod client;
mod connection;
mod failure;
#[cfg(feature = "simulate")]
pub(crate) mod for_worlds;
mod host;
#[cfg(feature = "hyper-client")]
mod host_connector;
mod lab_handle;
mod network;
mod open;
mod options;
mod panics;
mod peer;
mod report;
mod request;
mod request_parts;
mod response;
mod run;
mod socket;
mod sse;
mod state;
mod waits;
mod watchdog;
mod watched_body;

use std::time::Duration;

pub use self::application::Application;
#[cfg(feature = "check")]
pub(crate) use self::checked::OrderedLog;
pub use self::client::Client;
#[cfg(feature = "hyper-client")]
pub use self::host_connector::{HostConnector, HostSocket};
pub use self::lab_handle::Lab;
pub use self::network::Network;
pub use self::open::OpenRequest;
pub use self::options::LabOptions;
pub use self::peer::Peer;
pub use self::request::RequestBuilder;
pub use self::response::Response;
pub use self::socket::Socket;
pub use self::sse::{Comment, Event, Retry, Write};

/// Tests an application in virtual time: runs `test` with a lab around `application`, and returns what `test` returns.
///
/// Time passes only while everything sleeps, and then at once: an hour takes milliseconds, and each event has an exact
/// time. Whatever the test asks of the [`Lab`], everything that happens at that instant has happened when the call returns.
///
/// The application runs on tokio, and its time must be tokio's: `tokio::time::sleep`, `interval`, `timeout`, `Instant`.
/// `std::time`, `chrono::Utc::now`, threads and sockets know nothing of virtual time.
///
/// `application` is built before the lab exists. Where building needs a runtime, for example for `tokio::spawn`, take
/// [`lab_with`].
///
/// # Panics
///
/// If the test panics, with what the clients saw on stderr; if the application panics; if the test waits longer than the
/// [patience](LabOptions::patience) of the lab; if requests are open after all clients have left; if nothing happens for
/// the [limit](LabOptions::real_time_limit) of the machine's time; and if it is called on a thread with a tokio runtime.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::response::sse::{Event, KeepAlive, Sse};
/// use axum::{Router, routing::get};
/// use futures_util::{Stream, StreamExt, stream};
/// use onbeat::secs;
/// use tokio::time::{interval, Interval};
///
/// async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
///     let ticks = stream::unfold(interval(secs(30)), |mut interval: Interval| async {
///         interval.tick().await;
///         Some((Ok(Event::default().data("tick")), interval))
///     });
///     Sse::new(ticks).keep_alive(KeepAlive::new())
/// }
///
/// onbeat::lab(Router::new().route("/ticks", get(ticks)), async |lab| {
///     let ticks = lab.get("/ticks").await;
///     lab.advance(secs(95)).await;
///     assert_eq!(ticks.times_ms(), [0, 30_000, 60_000, 90_000]);
/// });
/// ```
pub fn lab<T>(application: impl Application, test: impl AsyncFnOnce(Lab) -> T) -> T {
    LabOptions::new().run(application, test)
}

/// Tests an application as [`lab()`] does. `build` makes the application in the runtime of the lab, and may spawn tasks, and
/// add hosts that the application calls.
///
/// # Panics
///
/// As [`lab()`] does.
///
/// # Examples
///
/// ```
/// use axum::{Router, routing::get};
///
/// async fn build(_: onbeat::Lab) -> Router {
///     tokio::spawn(async { /* a task of the application */ });
///     Router::new().route("/", get(|| async { "hello" }))
/// }
///
/// onbeat::lab_with(build, async |lab| {
///     assert_eq!(lab.get("/").await.text(), "hello");
/// });
/// ```
pub fn lab_with<A, T>(build: impl AsyncFnOnce(Lab) -> A, test: impl AsyncFnOnce(Lab) -> T) -> T
where
    A: Application,
{
    LabOptions::new().run_with(build, test)
}

/// Returns a duration of so many milliseconds.
#[must_use]
pub const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns a duration of so many seconds.
#[must_use]
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}
