//! The target of a live check: any server over TCP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;
use onbeat_wire::Instant;

use crate::check::Target;
use crate::judge::{Pace, SharedStalls};
use crate::player::{Action, Bounds, ClientLog, Player};
use crate::transport;

/// A server over TCP.
#[derive(Clone, Debug)]
pub(in crate::check) struct Live {
    pub(in crate::check) clock: Arc<dyn Clock>,
    pub(in crate::check) pace: Pace,
    pub(in crate::check) addr: SocketAddr,
    /// The value of `Host`.
    pub(in crate::check) host: String,
    /// The prefix of each path; empty, or without a slash at the end.
    pub(in crate::check) prefix: String,
    /// Additional lines for the head of each request; empty, or each with CR LF.
    pub(in crate::check) headers: String,
    /// The URL of the server.
    pub(in crate::check) url: String,
    /// When the server, or the checker, was held up.
    pub(in crate::check) stalls: SharedStalls,
}

/// How long a server may take to notice silent events, such as the leaving of a client.
pub(super) const SETTLING: Duration = Duration::from_millis(250);
/// A request that any server answers at once.
const PROBE: &str = "OPTIONS /stream-text HTTP/1.1\r\nHost: onbeat\r\n\r\n";
/// A probe without an answer is given up then.
const PROBE_MAX: Duration = Duration::from_secs(10);
/// The answer to the second of two probes comes after all that the server had to do before the second.
const PROBES: usize = 2;

impl Live {
    /// Sends a probe on a new connection, and returns whether an answer came in time.
    pub(in crate::check) async fn probe(&self) -> bool {
        let Ok(mut client) = self.clone().connect(Bounds::SHORT).await else { return false };
        client.act(Action::request(self.address(PROBE))).await;
        let is_answered = |log: &ClientLog| log.first_exchange().is_some_and(|exchange| exchange.head.is_some());
        let is_answered = client.until_within(PROBE_MAX, is_answered).await;
        client.close().await;
        is_answered
    }

    /// Puts the host and the additional headers into each head of a request. A request that tests a limit keeps
    /// the same length.
    fn with_headers(&self, request: &str) -> String {
        let Some((line, rest)) = request.split_once("\r\n") else { return request.into() };
        // Shortens the filler, since additional headers must not push a request over the tested limit.
        let line = if line.len() >= LONG_LINE_MIN {
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
/// A request line of at least so many bytes tests a server's limit, and is filled with the filler.
const LONG_LINE_MIN: usize = 8192;
const FILLER: &str = "a";

impl Target for Live {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn connect(&mut self, bounds: Bounds) -> io::Result<Player> {
        Ok(Player::new(self.clock(), transport::connect_tcp(self.addr, self.clock()).await?, bounds))
    }

    async fn settle(&self) {
        self.clock.sleep_until(self.clock.now() + SETTLING).await;
        self.catch_up().await;
    }

    async fn catch_up(&self) {
        for _ in 0..PROBES {
            if !self.probe().await {
                return;
            }
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
