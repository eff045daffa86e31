//! A connection over TCP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;
use socket2::SockRef;
use tokio::net::{TcpStream, ToSocketAddrs};

use super::{Sender, Tap, ends};

/// Returns the ends of a connection to `addr` over TCP, with `TCP_NODELAY`.
///
/// # Errors
///
/// If the connection can't be established.
pub async fn connect_tcp(addr: impl ToSocketAddrs, clock: Arc<dyn Clock>) -> io::Result<(Sender, Tap)> {
    let socket = TcpStream::connect(addr).await?;
    socket.set_nodelay(true)?;
    // Keeps a second handle, by which a reset turns lingering off: the close then resets the connection (RFC 9293, 3.6.1).
    let twin = SockRef::from(&socket).try_clone()?;
    let reset = move || drop(twin.set_linger(Some(Duration::ZERO)));
    Ok(ends(socket, Box::new(reset), clock))
}
