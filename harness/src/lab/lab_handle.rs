//! The lab in the hands of a test: moves time, makes clients, adds hosts, and looks at the application.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use super::application::Application;
use super::client::Client;
use super::connection::{ClientConnection, Handle};
use super::host::Host;
#[cfg(feature = "hyper-client")]
use super::host_connector::HostConnector;
use super::network::Network;
use super::open::OpenRequest;
use super::peer::Peer;
use super::request::RequestBuilder;
use super::socket::Socket;
use super::state::LabState;
use crate::player::{self, Bounds};
use crate::transport::Breaker;

/// The lab of a test: moves time, and makes clients. A clone is the same lab, and may be moved into tasks.
#[derive(Clone)]
pub struct Lab {
    pub(super) state: Arc<LabState>,
}

impl Lab {
    // Time.

    /// Returns the virtual time since the beginning of the lab.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.state.clock.now().since_epoch()
    }

    /// Returns the virtual time since the beginning of the lab, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.state.clock.now().as_millis()
    }

    /// Lets so much time pass. All timers fire one after another, each at its time, those of the last instant too.
    ///
    /// # Panics
    ///
    /// If `by` is no whole number of milliseconds, in which paused time moves.
    pub async fn advance(&self, by: Duration) {
        self.advance_to(self.now() + by).await;
    }

    /// Lets time pass until `time` after the beginning of the lab; not at all if that is in the past.
    ///
    /// # Panics
    ///
    /// If `time` is no whole number of milliseconds, in which paused time moves.
    pub async fn advance_to(&self, time: Duration) {
        assert!(time.subsec_nanos().is_multiple_of(1_000_000), "expected whole milliseconds, got {time:?}");
        self.sleep_until(time).await;
        self.settle().await;
    }

    /// Sleeps until so long after the beginning, without a wait for what is due then.
    pub(crate) async fn sleep_until(&self, time: Duration) {
        // Extends the patience up to the end of the sleep, since an advance is no wait.
        self.state.touch_until(time);
        self.state.clock.sleep_until(Instant::EPOCH + time).await;
    }

    /// Waits until everything has happened that happens at this instant, blocking tasks included. All other async methods do so.
    pub async fn settle(&self) {
        self.state.settle().await;
    }

    // Clients.

    /// Begins a `GET` by a new client: `lab.get("/events").await` returns the response once the head has come.
    ///
    /// ```
    /// # use axum::{Router, http::HeaderMap, routing::get};
    /// # let app = Router::new().route("/events", get(|headers: HeaderMap| async move {
    /// #     headers["last-event-id"].to_str().unwrap().to_owned()
    /// # }));
    /// onbeat::lab(app, async |lab| {
    ///     let response = lab.get("/events").header("last-event-id", "7").await;
    ///     assert_eq!((response.status().as_u16(), response.text()), (200, "7".into()));
    /// });
    /// ```
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.client().get(target)
    }

    /// Begins a `POST` by a new client, with [`body`](RequestBuilder::body) or [`json`](RequestBuilder::json).
    ///
    /// ```
    /// # use axum::{Router, routing::post};
    /// # let app = Router::new().route("/chat", post(|body: String| async move { body }));
    /// onbeat::lab(app, async |lab| {
    ///     let reply = lab.post("/chat").json(r#"{"stream":true}"#).await;
    ///     assert_eq!(reply.text(), r#"{"stream":true}"#);
    /// });
    /// ```
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.client().post(target)
    }

    /// Begins a `PUT` by a new client.
    pub fn put(&self, target: &str) -> RequestBuilder {
        self.client().put(target)
    }

    /// Begins a `DELETE` by a new client.
    pub fn delete(&self, target: &str) -> RequestBuilder {
        self.client().delete(target)
    }

    /// Begins a request with any method by a new client.
    ///
    /// # Panics
    ///
    /// If there can be no such method.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str) -> RequestBuilder {
        self.client().request(method, target)
    }

    /// Returns a new client with a connection of its own, for several requests on one connection.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_over(Network::new())
    }

    /// Returns a new client behind a network: with little room, slow, or far away.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use onbeat::{Network, ms};
    /// # let app = Router::new().route("/long", get(|| async { "x".repeat(4096) }));
    /// onbeat::lab(app, async |lab| {
    ///     let slow = lab.client_over(Network::new().pace(1024, ms(500)));
    ///     let long = slow.get("/long").await;
    ///     long.ended().await;
    ///     assert!(lab.now_ms() >= 1500);
    /// });
    /// ```
    #[must_use]
    pub fn client_over(&self, network: Network) -> Client {
        let (clock, window_bytes) = (Arc::clone(&self.state.clock), network.window_bytes);
        if network.is_plain() {
            self.client_through(window_bytes, |pipe, _| pipe)
        } else {
            self.client_through(window_bytes, |pipe, _| network.over(pipe, clock))
        }
    }

    /// Returns a new client behind any network, with `window_bytes` of room in each direction.
    pub(crate) fn client_through<P>(
        &self,
        window_bytes: usize,
        network: impl FnOnce(DuplexStream, Breaker) -> P,
    ) -> Client
    where
        P: AsyncRead + AsyncWrite + Send + 'static,
    {
        let number = self.state.next_client();
        let ends = self.state.pipe_through(Peer::Client(number), window_bytes, network);
        let player =
            player::Player::with_notice(Arc::clone(&self.state.clock), ends, Bounds::NONE, self.state.notice());
        let connection = Arc::new(ClientConnection::new(self.clone(), number, player));
        self.state.add_client(Arc::clone(&connection));
        Client { connection: Handle::new(connection) }
    }

    // Hosts.

    /// Adds another server to the lab, for example a fake upstream, under a name that [`connect`](Self::connect) knows. A second
    /// host with the name replaces the first.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use axum::body::Body;
    /// # use axum::http::Request;
    /// # use hyper_util::rt::TokioIo;
    /// let upstream = Router::new().route("/model", get(|| async { "gpt" }));
    /// onbeat::lab_with(
    ///     async |lab| {
    ///         lab.add_host("llm.test", upstream);
    ///         // An application that asks the upstream, here by hyper's client.
    ///         Router::new().route("/ask", get(async move || {
    ///             let io = TokioIo::new(lab.connect("llm.test").unwrap());
    ///             let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    ///             tokio::spawn(connection);
    ///             let request = Request::get("/model").header("host", "llm.test").body(Body::empty()).unwrap();
    ///             Body::new(sender.send_request(request).await.unwrap().into_body())
    ///         }))
    ///     },
    ///     async |lab| assert_eq!(lab.get("/ask").await.text(), "gpt"),
    /// );
    /// ```
    pub fn add_host(&self, name: impl Into<String>, server: impl Application) {
        self.state.add_host(name.into(), Host::of(server));
    }

    /// Connects to a host that [`add_host`](Self::add_host) has added, or to the application under test by the name `onbeat`:
    /// the connection is in memory, and the server speaks HTTP/1.1.
    ///
    /// # Errors
    ///
    /// If there is no such host ([`NotFound`](io::ErrorKind::NotFound)).
    pub fn connect(&self, host: &str) -> io::Result<Socket> {
        self.connect_over(host, Network::new())
    }

    /// Connects as [`connect`](Self::connect) does, over a network between the host and the client: late, slow, or cutting what
    /// the host sends into pieces.
    ///
    /// # Errors
    ///
    /// If there is no such host ([`NotFound`](io::ErrorKind::NotFound)).
    pub fn connect_over(&self, host: &str, network: Network) -> io::Result<Socket> {
        self.state.connect(host, network)
    }

    /// Returns a connector to the hosts of the lab, for `hyper_util::client::legacy::Client`. Needs the feature
    /// `hyper-client`.
    ///
    /// ```
    /// # use axum::body::Body;
    /// # use axum::{Router, routing::get};
    /// # use hyper_util::client::legacy::Client;
    /// # use hyper_util::rt::TokioExecutor;
    /// let upstream = Router::new().route("/model", get(|| async { "gpt" }));
    /// onbeat::lab_with(
    ///     async |lab| {
    ///         lab.add_host("llm.test", upstream);
    ///         let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(lab.connector());
    ///         Router::new().route("/ask", get(async move || {
    ///             Body::new(client.get("http://llm.test/model".parse().unwrap()).await.unwrap().into_body())
    ///         }))
    ///     },
    ///     async |lab| assert_eq!(lab.get("/ask").await.text(), "gpt"),
    /// );
    /// ```
    #[cfg(feature = "hyper-client")]
    #[must_use]
    pub fn connector(&self) -> HostConnector {
        HostConnector(self.clone())
    }

    // The application.

    /// Returns the requests that the application, and the hosts, are at work on: those without an answer, and those whose
    /// body is not dropped yet.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let app = Router::new().route("/never", get(std::future::pending::<()>));
    /// onbeat::lab(app, async |lab| {
    ///     let never = lab.get("/never").start().await;
    ///     assert_eq!(lab.open()[0].to_string(), "GET /never, client 1, since 0 ms, not answered yet");
    ///     never.close().await;
    ///     assert!(lab.open().is_empty(), "the handler has been cancelled");
    /// });
    /// ```
    #[must_use]
    pub fn open(&self) -> Vec<OpenRequest> {
        self.state.open.list()
    }

    /// Shuts the servers down as `axum::serve` with `with_graceful_shutdown` does: no connection is accepted any more, idle ones
    /// are closed, and each response goes on until its end.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use axum::{Router, response::sse::{Event, Sse}, routing::get};
    /// # use futures_util::stream;
    /// # let app = Router::new().route("/ever", get(|| async { Sse::new(stream::pending::<Result<Event, Infallible>>()) }));
    /// onbeat::lab(app, async |lab| {
    ///     let (stream, idle) = (lab.get("/ever").await, lab.client());
    ///     lab.shut_down().await;
    ///     assert!(stream.is_open(), "an endless stream holds the shutdown up, unless the application ends it");
    ///     assert!(!idle.is_connected());
    /// });
    /// ```
    pub async fn shut_down(&self) {
        self.state.touch();
        self.state.shut_down();
        self.settle().await;
    }

    /// Returns how many tasks live that the application has spawned, or the test.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.state.foreign_tasks()
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab").field("now", &self.now()).field("open", &self.open()).finish_non_exhaustive()
    }
}
