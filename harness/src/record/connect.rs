//! Connections to the recorded server, over TCP, and with TLS for `https`.

mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use onbeat_clock::Clock;
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::READ_BYTES;
use crate::server_url::ServerUrl;

/// The time within which a connection has to be established.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How many bytes of a response the kernel keeps for a slow client. Without a bound the kernel would keep megabytes.
const RECEIVE_BUFFER_BYTES: u32 = 256 * 1024;

/// The reading side of a connection.
pub(super) type UpstreamReader = Box<dyn AsyncRead + Send + Unpin>;
/// The writing side of a connection.
pub(super) type UpstreamWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// Connects to a server.
pub struct Connector {
    upstream: ServerUrl,
    clock: Arc<dyn Clock>,
    tls: Option<TlsConnector>,
}

/// A server that can't be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No server listens, or the name is unknown.
    #[error("failed to connect to {url}: {why}; start the server first, or correct the URL")]
    Tcp {
        /// The URL of the server, with the port.
        url: String,
        /// The reason.
        why: String,
    },
    /// The two sides agree on no TLS.
    #[error("failed to connect to {url} by TLS: {why}")]
    Tls {
        /// The URL of the server.
        url: String,
        /// The reason, and what to do next.
        why: String,
    },
    /// The roots can't be read.
    #[error("{0}")]
    Roots(String),
}

impl Connector {
    /// Returns a connector, which trusts the roots in the PEM file `roots`, or without a file the roots of the system.
    ///
    /// # Errors
    ///
    /// If the URL says `https`, and the roots can't be read.
    pub fn new(upstream: ServerUrl, roots: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let tls = upstream.is_tls.then(|| tls::connector(roots)).transpose().map_err(ConnectError::Roots)?;
        Ok(Self { upstream, clock, tls })
    }

    /// Returns the address of the server.
    pub(crate) fn upstream(&self) -> &ServerUrl {
        &self.upstream
    }

    /// Returns the clock for the times of recordings.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Connects once, and leaves.
    pub(crate) async fn try_out(&self) -> Result<(), ConnectError> {
        self.connect().await.map(drop)
    }

    /// Connects to the first address of the server that answers.
    pub(super) async fn connect(&self) -> Result<(UpstreamReader, UpstreamWriter), ConnectError> {
        let deadline = self.clock.sleep_until(self.clock.now() + CONNECT_TIME_MAX);
        tokio::select! {
            biased;
            connected = self.connect_in_time() => connected,
            () = deadline => Err(self.tcp_error(format!("no answer within {CONNECT_TIME_MAX:?}"))),
        }
    }

    async fn connect_in_time(&self) -> Result<(UpstreamReader, UpstreamWriter), ConnectError> {
        let socket = self.tcp().await.map_err(|error| self.tcp_error(error.to_string()))?;
        let Some(tls) = &self.tls else {
            let (reader, writer) = socket.into_split();
            return Ok((Box::new(reader), Box::new(writer)));
        };
        let tls_error = |why: String| ConnectError::Tls { url: self.upstream.to_string(), why };
        let name = tls::server_name(&self.upstream.host).map_err(tls_error)?;
        let stream = tls.connect(name, socket).await.map_err(|error| tls_error(tls::explained(&error)))?;
        let (reader, writer) = tokio::io::split(stream);
        Ok((Box::new(reader), Box::new(writer)))
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let ServerUrl { host, port, .. } = &self.upstream;
        let addrs: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), *port)).await?.collect();
        // Tries all addresses, since a server may listen on a single address of a name such as localhost.
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for addr in addrs {
            match connected(addr).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn tcp_error(&self, why: String) -> ConnectError {
        ConnectError::Tcp { url: self.upstream.with_port(), why }
    }
}

/// Connects to one address, for which the machine may lack the family.
async fn connected(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Sets the size before connecting, when the window of TCP is agreed on.
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_nodelay(true)?;
    socket.connect(addr).await
}

/// Bytes out of a connection, or the end.
#[derive(Debug)]
pub(super) enum Received {
    Bytes,
    /// The end of the connection (FIN).
    End,
    /// The end of the connection, by a reset (RST) or another failure.
    Reset,
}

/// Waits for the next bytes, which are put into the empty `buffer`, or for the end; returns the time as well.
pub(super) async fn receive(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    clock: &dyn Clock,
) -> (Instant, Received) {
    buffer.reserve(READ_BYTES);
    let received = match reader.read_buf(buffer).await {
        Ok(0) => Received::End,
        Ok(_) => Received::Bytes,
        // Takes a close without the farewell of TLS for an end, as many servers close; HTTP has its own ends.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Received::End,
        Err(_) => Received::Reset,
    };
    (clock.now(), received)
}
