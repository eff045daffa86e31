//! Waits until a TCP socket has sent all bytes, since a reset destroys what the machine still holds back.

use std::future::poll_fn;
use std::io;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Waits until the machine has sent all bytes written to `stream`, however slowly the client reads.
///
/// On Linux and Android, the wait lasts until the last byte is on the way to the client. On other systems, the wait lasts
/// only until the machine would take further bytes. The wait keeps the connection open.
///
/// # Errors
///
/// An error of the socket. The connection may be gone.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn all_sent(stream: &TcpStream) -> impl Future<Output = io::Result<()>> + Send + use<> {
    let twin = twin(stream);
    async move {
        let twin = twin?;
        poll_fn(|cx| twin.poll_write_ready(cx)).await
    }
}

/// Returns a second handle of the socket of `stream`, which is ready for writing only when no byte waits to be sent.
fn twin(stream: &TcpStream) -> io::Result<TcpStream> {
    let socket = SockRef::from(stream);
    // Makes one byte that waits to be sent one too many for a socket that is ready.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(1)?;
    // Registers a new handle, since tokio remembers of the old handle that the socket was ready before.
    TcpStream::from_std(socket.try_clone()?.into())
}

#[cfg(all(test, any(target_os = "android", target_os = "linux")))]
mod tests {
    use std::io::Read;
    use std::net;
    use std::thread;

    use socket2::{Domain, Socket, Type};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// More than a client with a small buffer takes without reading, and less than the buffer of the server.
    const BYTES: usize = 100 * 1024;

    /// Returns a connection with a large buffer at the server, and a small one at the client.
    async fn pair() -> (TcpStream, net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_recv_buffer_size(4096).expect("a socket option");
        client.connect(&listener.local_addr().expect("it listens").into()).expect("somebody listens");
        let (stream, _) = listener.accept().await.expect("a connection");
        SockRef::from(&stream).set_send_buffer_size(2 * BYTES).expect("a socket option");
        (stream, client.into())
    }

    #[tokio::test]
    async fn a_socket_waits_for_a_client_that_reads_slowly() {
        let (mut stream, mut client) = pair().await;
        stream.write_all(&vec![b'x'; BYTES]).await.expect("a client");
        let reading = thread::spawn(move || {
            let (mut all, mut some) = (0, [0; 1024]);
            loop {
                match client.read(&mut some) {
                    Ok(0) => return (all, None),
                    Ok(bytes) => all += bytes,
                    Err(error) => return (all, Some(error.kind())),
                }
            }
        });
        all_sent(&stream).await.expect("the client reads");
        stream.set_zero_linger().expect("a socket option");
        drop(stream);
        assert_eq!(reading.join().expect("no panic"), (BYTES, Some(io::ErrorKind::ConnectionReset)));
    }

    #[tokio::test]
    async fn a_socket_without_bytes_waits_for_nobody() {
        let (stream, _client) = pair().await;
        all_sent(&stream).await.expect("a client");
    }

    #[tokio::test]
    async fn a_socket_that_was_reset_waits_no_longer() {
        let (mut stream, client) = pair().await;
        stream.write_all(&vec![b'x'; BYTES]).await.expect("a client");
        let client = Socket::from(client);
        client.set_linger(Some(std::time::Duration::ZERO)).expect("a socket option");
        drop(client);
        // Takes an error for an end as well: only a wait for ever would be wrong.
        let _ = all_sent(&stream).await;
    }
}
