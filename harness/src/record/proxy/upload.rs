//! From the client to the server: requests, one after another, with rewritten heads.

use std::sync::Arc;

use bytes::BytesMut;
use onbeat_clock::Clock;
use onbeat_wire::{Instant, RequestHead, RequestPart, Requests, header_text};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWriteExt};

use super::exchanges::Exchanges;
use super::rewrite::rewritten;
use crate::record::connect::{ConnectError, Received, UpstreamWriter, receive};
use crate::server_url::ServerUrl;

/// The largest number of requests on a connection that wait for the end of their responses. Others are not read yet.
const PIPELINED_MAX: usize = 32;

/// The requests of one connection.
pub(super) struct Upload<'a, 'p> {
    upstream: &'a ServerUrl,
    exchanges: &'a Mutex<Exchanges<'p>>,
    clock: &'a dyn Clock,
    requests: Requests,
    buffer: BytesMut,
    /// When the first byte of the next request came, and the ordinal of its exchange.
    first: Option<(Instant, u64)>,
}

/// How the requests of a connection ended.
pub(super) enum UploadEnd {
    /// The client sends no more, but may still read.
    HalfClosed,
    /// The client has reset the connection.
    Gone,
    /// The server takes no more.
    ServerGone,
    /// The proxy refuses the request.
    Refused(Refusal),
}

/// An answer of the proxy itself.
pub(super) struct Refusal {
    pub(super) status: &'static str,
    pub(super) why: String,
}

impl<'a, 'p> Upload<'a, 'p> {
    pub(super) fn new(upstream: &'a ServerUrl, exchanges: &'a Mutex<Exchanges<'p>>, clock: &'a dyn Clock) -> Self {
        Self { upstream, exchanges, clock, requests: Requests::default(), buffer: BytesMut::new(), first: None }
    }

    /// Waits until the client sends bytes.
    pub(super) async fn first_bytes(&mut self, client: &mut (impl AsyncRead + Unpin)) -> Result<(), UploadEnd> {
        let (_, received) = receive(client, &mut self.buffer, self.clock).await;
        if let Some(ended) = ended(&received) {
            return Err(ended);
        }
        self.first = Some(self.exchanges.lock().begin());
        Ok(())
    }

    /// Passes requests on until one side ends. The next bytes are read when the server has taken the last.
    pub(super) async fn run(
        &mut self,
        client: &mut (impl AsyncRead + Unpin),
        server: &mut UpstreamWriter,
    ) -> UploadEnd {
        loop {
            // Passes bytes on undecoded behind the head of another protocol (101).
            let bytes = self.buffer.split();
            let mut out = Vec::new();
            if self.exchanges.lock().is_switched() {
                out.extend_from_slice(&self.requests.take_rest());
                out.extend_from_slice(&bytes);
            } else {
                self.requests.push(&bytes);
                if let Err(refusal) = self.take_in(&mut out) {
                    return UploadEnd::Refused(refusal);
                }
            }
            let sent = async {
                server.write_all(&out).await?;
                server.flush().await
            };
            if sent.await.is_err() {
                return UploadEnd::ServerGone;
            }
            // Reads no further requests while too many wait: the memory of a connection has a bound.
            let answered = Arc::clone(self.exchanges.lock().answered());
            while self.exchanges.lock().open() >= PIPELINED_MAX {
                answered.notified().await;
            }
            let (_, received) = receive(client, &mut self.buffer, self.clock).await;
            if let Some(ended) = ended(&received) {
                return ended;
            }
            // Notes the first byte of the next request, unless a request, or another protocol, is under way.
            let exchanges = self.exchanges.lock();
            if self.requests.is_between() && !exchanges.is_switched() {
                self.first = Some(exchanges.begin());
            }
        }
    }

    /// Takes in all parts of requests that have come, and puts the bytes for the server into `out`.
    fn take_in(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        loop {
            let part = self
                .requests
                .next_part()
                .map_err(|malformed| Refusal { status: "400 Bad Request", why: malformed.to_string() })?;
            match part {
                None => return Ok(()),
                Some(RequestPart::Head(head)) => self.head(&head, out)?,
                Some(RequestPart::Body { data, raw }) => {
                    self.exchanges.lock().request_body(&data);
                    out.extend_from_slice(&raw);
                }
                Some(RequestPart::End { raw }) => {
                    self.exchanges.lock().request_end();
                    out.extend_from_slice(&raw);
                }
            }
        }
    }

    fn head(&mut self, head: &RequestHead, out: &mut Vec<u8>) -> Result<(), Refusal> {
        if head.method == "CONNECT" {
            return Err(Refusal {
                status: "501 Not Implemented",
                why: "expected a request for a path, got CONNECT: a tunnel can't be recorded, so give the application the \
                      proxy's address as the URL of the server"
                    .into(),
            });
        }
        let (target, bytes) = rewritten(head, self.upstream);
        let mut exchanges = self.exchanges.lock();
        let first = self.first.take().unwrap_or_else(|| exchanges.begin());
        // Opens the exchange before the bytes are sent, so that the answer finds the exchange.
        exchanges.request(first, &head.method, &target, &header_text(&bytes));
        out.extend_from_slice(&bytes);
        Ok(())
    }
}

fn ended(received: &Received) -> Option<UploadEnd> {
    match received {
        Received::Bytes => None,
        Received::End => Some(UploadEnd::HalfClosed),
        Received::Reset => Some(UploadEnd::Gone),
    }
}

impl Refusal {
    /// Returns the answer where there is no connection to the server.
    pub(super) fn bad_gateway(error: &ConnectError) -> Self {
        Self { status: "502 Bad Gateway", why: error.to_string() }
    }

    /// Returns the bytes of the response.
    pub(super) fn response(&self) -> Vec<u8> {
        let Self { status, why } = self;
        let text = format!("onbeat record: {why}\n");
        let length = text.len();
        let head = "Content-Type: text/plain; charset=utf-8\r\nConnection: close";
        format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{text}").into_bytes()
    }
}
