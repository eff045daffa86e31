//! What is judged: the embedded server in virtual time, or any server over TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use onbeat_server::clock::Clock;
use onbeat_wire::{Instant, What};

use crate::account::{Account, Note};
use crate::client::{Bounds, Client};
use crate::judge::pace::Pace;
use crate::judge::stalls::SharedStalls;
use crate::lab::Lab;
use crate::transport;

/// A server that clients can connect to.
pub(super) trait Target {
    /// The time in which it is judged.
    fn clock(&self) -> Arc<dyn Clock>;

    /// How it is judged, and how long is waited.
    fn pace(&self) -> &Pace;

    /// A new client, which takes in no more than these bounds.
    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client>;

    /// Lets it notice what it is not told, such as that a client has left.
    async fn settle(&self);

    /// Waits until what the server had sent by now has arrived.
    async fn catch_up(&self);

    /// Returns how long the machine held up the checker, or the server, in between.
    fn held_up(&self, from: Instant, to: Instant) -> Duration;

    /// A raw request of a fixture, as it has to be sent to this target.
    fn address(&self, request: &str) -> String;
}

/// The server in a lab.
pub(super) struct Embedded<'a> {
    pub(super) lab: &'a mut Lab,
    pub(super) pace: Pace,
}

impl Target for Embedded<'_> {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(self.lab.world().clock())
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client> {
        let (sender, tap) = self.lab.pipe();
        Ok(Client::bounded(self.clock(), sender, tap, bounds))
    }

    async fn settle(&self) {
        self.lab.settle().await;
    }

    async fn catch_up(&self) {}

    fn held_up(&self, _: Instant, _: Instant) -> Duration {
        Duration::ZERO
    }

    fn address(&self, request: &str) -> String {
        request.into()
    }
}

/// A server over TCP.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    pub(super) addr: SocketAddr,
    /// What `Host` says.
    pub(super) host: String,
    /// What comes before each path; empty, or without a slash at its end.
    pub(super) prefix: String,
    /// Lines that every request has in its head besides; empty, or each with its CR LF.
    pub(super) headers: String,
    /// All of that, but for the headers.
    pub(super) url: String,
    /// When it, or the checker, was held up.
    pub(super) stalls: SharedStalls,
}

/// A request that any server answers at once, in whatever way.
const PROBE: &str = "OPTIONS /stream-text HTTP/1.1\r\nHost: onbeat\r\n\r\n";
/// A probe is given up after so long.
const PROBE_MAX: Duration = Duration::from_secs(10);
/// Two probes one after the other are answered only after all that the server had to do before the second.
const PROBES: usize = 2;

impl Live {
    /// Sends a probe, and waits for its answer; returns whether one came.
    pub(super) async fn probe(&self, client: &mut Client) -> bool {
        let is_head = |(_, note): &&(Instant, Note)| matches!(note, Note::Saw(What::Head(_)));
        let heads = |account: &Account| account.notes.iter().filter(is_head).count();
        let answers = heads(&client.account()) + 1;
        client.expect("OPTIONS");
        client.send(self.address(PROBE).as_bytes()).await;
        tokio::select! {
            biased;
            () = client.until(|account| heads(account) >= answers) => {}
            () = self.clock.sleep_until(self.clock.now() + PROBE_MAX) => {}
        }
        heads(&client.account()) >= answers
    }

    /// Puts the host and the additional headers into each head of a request. Where a request's length is the point, the
    /// request keeps its length.
    fn with_headers(&self, request: &str) -> String {
        let Some((line, rest)) = request.split_once("\r\n") else { return request.into() };
        let line = if line.len() > LONG_LINE_MIN {
            line.replacen(&FILLER.repeat(self.headers.len()), "", 1)
        } else {
            line.to_owned()
        };
        if request.contains(HOST) {
            let host = format!("\r\nHost: {}\r\n{}", self.host, self.headers);
            format!("{line}\r\n{rest}").replace(HOST, &host)
        } else {
            format!("{line}\r\n{}{rest}", self.headers)
        }
    }
}

/// The host of every request in the fixtures.
const HOST: &str = "\r\nHost: onbeat\r\n";
/// A request line of this length is one that asks for a server's limit, and is filled with these.
const LONG_LINE_MIN: usize = 8192;
const FILLER: &str = "a";

impl Target for Live {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Client> {
        let (sender, tap) = transport::connect_tcp(self.addr, self.clock()).await?;
        Ok(Client::bounded(self.clock(), sender, tap, bounds))
    }

    async fn settle(&self) {
        self.clock.sleep_until(self.clock.now() + self.pace.settling).await;
        self.catch_up().await;
    }

    async fn catch_up(&self) {
        for _ in 0..PROBES {
            let Ok(mut client) = self.clone().connect(Bounds { bytes_max: 1 << 16, notes_max: 64 }).await else {
                return;
            };
            if !self.probe(&mut client).await {
                return;
            }
            client.close().await;
        }
    }

    fn held_up(&self, from: Instant, to: Instant) -> Duration {
        self.stalls.lock().within(from, to)
    }

    fn address(&self, request: &str) -> String {
        let request = match request.split_once(" /") {
            Some((method, rest)) => format!("{method} {}/{rest}", self.prefix),
            None => request.to_owned(),
        };
        self.with_headers(&request)
    }
}
