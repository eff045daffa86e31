//! The far end of a connection, as messages and the application see the far end.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// The far end of a connection to an application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Peer {
    /// A client of the test, by number; the first is 1.
    Client(usize),
    /// A connection by [`Lab::connect`](super::Lab::connect), of the test or of an application.
    Socket {
        /// The number of the socket; the first is 1.
        number: usize,
        /// The name of the host.
        host: String,
    },
}

impl Peer {
    /// Returns the address that the application sees: 10.0.0.1 for the first client, 10.128.0.1 for the first socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let (net, number) = match self {
            Self::Client(number) => (0x0A00_0000, number),
            Self::Socket { number, .. } => (0x0A80_0000, number),
        };
        // Begins again after 8 million peers, at the end of one half of 10.0.0.0/8.
        let host = u32::try_from(number % 0x0080_0000).unwrap_or_default();
        SocketAddr::from((Ipv4Addr::from(net + host), 50_000))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(number) => write!(f, "client {number}"),
            Self::Socket { number, host } => write!(f, "socket {number} to {host}"),
        }
    }
}
