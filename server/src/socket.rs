//! A TCP socket that is reset, instead of closed, if the connection is to be reset.

mod all_sent;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pub use self::all_sent::all_sent;
use crate::connection::{Connection, Ending};

/// The socket of one connection.
pub(crate) struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// The wait before a reset, once begun.
    all_sent: Option<BoxFuture<'static, io::Result<()>>>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, all_sent: None }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.connection.ending() == Some(Ending::Reset) {
            // Sets the linger time to zero, with which the close resets the connection (RFC 9293, 3.6.1).
            if let Err(error) = self.stream.set_zero_linger() {
                tracing::debug!(%error, "the connection was gone before it could be reset");
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    /// Flushes what the machine holds back, if the connection is to be reset: a reset would destroy those bytes.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, connection, all_sent: wait } = self.get_mut();
        if connection.ending() != Some(Ending::Reset) {
            return Pin::new(stream).poll_flush(cx);
        }
        let flushed = ready!(wait.get_or_insert_with(|| Box::pin(all_sent(stream))).as_mut().poll(cx));
        *wait = None;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::connection::BrokenOff;

    /// Nothing in these tests waits longer than this, so that a bug fails instead of hanging.
    const PATIENCE: Duration = Duration::from_secs(30);

    async fn pair() -> (Socket, net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = net::TcpStream::connect(listener.local_addr().expect("it listens")).expect("somebody listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        let (stream, _) = listener.accept().await.expect("a connection");
        (Socket::new(stream, Arc::new(Connection::new(0))), client)
    }

    #[tokio::test]
    async fn a_socket_is_reset_if_it_was_told_so_and_closed_if_not() {
        for (ending, ends) in [
            (None, Ok(())),
            (Some(Ending::InGoodOrder), Ok(())),
            (Some(Ending::Cut), Ok(())),
            (Some(Ending::HalfClose), Ok(())),
            (Some(Ending::BreakOff(BrokenOff::Evicted)), Ok(())),
            (Some(Ending::Reset), Err(io::ErrorKind::ConnectionReset)),
        ] {
            let (mut socket, mut client) = pair().await;
            socket.write_all(b"the last words").await.expect("a reader");
            let mut words = [0; 14];
            client.read_exact(&mut words).expect("something to read");
            if let Some(ending) = ending {
                socket.connection.end(ending);
            }
            drop(socket);
            let ended = client.read_to_end(&mut Vec::new()).map(drop).map_err(|error| error.kind());
            assert_eq!(ended, ends, "{ending:?}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_is_shut_down_sends_the_end_and_still_reads() {
        let (mut socket, mut client) = pair().await;
        socket.shutdown().await.expect("it is open");
        assert_eq!(client.read(&mut [0]).expect("the end"), 0);
        std::io::Write::write_all(&mut client, b"x").expect("a reader");
        assert_eq!(tokio::io::AsyncReadExt::read(&mut socket, &mut [0; 2]).await.expect("open"), 1);
    }
}
