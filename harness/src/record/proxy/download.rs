//! From the server to the client: every byte is passed on, and a copy is recorded.

use bytes::BytesMut;
use onbeat_clock::Clock;
use parking_lot::Mutex;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::exchanges::Exchanges;
use crate::record::connect::{Received, UpstreamReader, receive};

/// How the responses of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DownloadEnd {
    /// The client takes no more.
    ClientGone,
    /// The server has closed the connection.
    Closed,
    /// The server has reset the connection.
    Reset,
}

/// Passes responses on until one side ends. The next bytes are read when the client has taken the last, so that a slow
/// client slows the server down, and no more than one piece is in memory.
pub(super) async fn download(
    mut server: UpstreamReader,
    client: &mut (impl AsyncWrite + Unpin),
    exchanges: &Mutex<Exchanges<'_>>,
    clock: &dyn Clock,
) -> DownloadEnd {
    let mut buffer = BytesMut::new();
    loop {
        let (at, received) = receive(&mut server, &mut buffer, clock).await;
        match received {
            Received::Bytes => {
                let bytes = buffer.split().freeze();
                // Writes the lines before passing the bytes on: a slow client must not keep lines from the disk.
                exchanges.lock().take_in(at, &bytes);
                if client.write_all(&bytes).await.is_err() {
                    return DownloadEnd::ClientGone;
                }
            }
            Received::End => {
                exchanges.lock().server_closed(at, false);
                return DownloadEnd::Closed;
            }
            Received::Reset => {
                exchanges.lock().server_closed(at, true);
                return DownloadEnd::Reset;
            }
        }
    }
}
