//! The proxy: clients on one side, the recorded server on the other, and a recording of each exchange.
//!
//! Bytes are passed on as they come, in both directions, and a copy is decoded for the recording. Each client has a
//! connection of its own to the server:
//!
//! ```text
//!  client ── upload ──▶ server        requests: the target and Host are rewritten, the body is passed on
//!  client ◀── download ── server      responses: every byte is passed on
//!                │
//!            exchanges                the requests under way, and their recordings
//!                │
//!              store                  the folder of the recordings
//! ```

mod download;
mod exchanges;
mod rewrite;
mod store;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onbeat_server::accept::Listener;
use onbeat_server::socket::all_sent;
use onbeat_wire::How;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::download::{DownloadEnd, download};
use self::exchanges::Exchanges;
use self::store::Store;
use self::upload::{Refusal, Upload, UploadEnd};
use super::connect::{Connector, Received, receive};
use super::lines::Summary;
use super::secrets::Secrets;

/// The largest number of clients at a time; more wait.
const CLIENTS_MAX: usize = 10_000;
/// How long accepting rests when the machine is short of something, such as file descriptors.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);
/// How long the proxy waits for a client at the end: to send the last bytes before a reset, and otherwise to read on from a
/// client that has got the end of the responses, so that no reset destroys them.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// How many exchanges may wait to be told of.
const NEWS_MAX: usize = 16 * 1024;

/// A proxy that records.
pub struct Proxy {
    connector: Connector,
    secrets: Arc<Secrets>,
    store: Store,
    news: mpsc::Sender<News>,
    /// Whether a line of a recording could not be written.
    has_failed: AtomicBool,
}

/// News for the user.
#[derive(Debug)]
pub enum News {
    /// An exchange has been recorded in a file with this name.
    Recorded(String, Summary),
    /// A failure, after which the proxy goes on.
    Trouble(String),
    /// The proxy has ended, and all files are complete.
    Over,
}

impl Proxy {
    /// Returns a proxy for a server, which records into a folder, and the news about the exchanges.
    ///
    /// # Errors
    ///
    /// If the folder can't be written to.
    pub fn new(
        connector: Connector,
        secrets: Arc<Secrets>,
        folder: &Path,
    ) -> Result<(Arc<Self>, mpsc::Receiver<News>), String> {
        let (news, told) = mpsc::channel(NEWS_MAX);
        let store = Store::open(folder)?;
        Ok((Arc::new(Self { connector, secrets, store, news, has_failed: AtomicBool::new(false) }), told))
    }

    /// Returns whether a line of a recording could not be written.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Sends news, unless [`NEWS_MAX`] news wait, and so no reader seems to be there.
    fn tell(&self, news: News) {
        let _ = self.news.try_send(news);
    }

    /// Serves clients until `stop`; then ends the recordings under way, and returns.
    pub async fn serve(self: Arc<Self>, mut listener: impl Listener<Io = TcpStream>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let (stopping, stopped) = watch::channel(());
        let mut clients = JoinSet::new();
        loop {
            // Asks for the stop first, and then for clients that have left, which make room for others.
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = clients.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a client's task failed: this is a bug in onbeat");
                    }
                }
                accepted = listener.accept(), if clients.len() < CLIENTS_MAX => match accepted {
                    Ok(client) => drop(clients.spawn(Arc::clone(&self).relay(client, stopped.clone()))),
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not accepted");
                        let clock = self.connector.clock();
                        clock.sleep_until(clock.now() + SHORTAGE_PAUSE).await;
                    }
                },
            }
        }
        // Closes the channel, at which each client's task ends the recordings.
        drop(stopping);
        while clients.join_next().await.is_some() {}
        // Waits for a slow reader, but for no reader that takes nothing.
        let clock = self.connector.clock();
        tokio::select! {
            biased;
            // Ignores a receiver that is gone: no command waits for the end then.
            _ = self.news.send(News::Over) => {}
            () = clock.sleep_until(clock.now() + LINGER_TIME_MAX) => {}
        }
    }

    /// Serves one client until one of the two sides has ended the connection.
    async fn relay(self: Arc<Self>, client: TcpStream, mut stopped: watch::Receiver<()>) {
        let (mut reader, mut writer) = client.into_split();
        let exchanges = Mutex::new(Exchanges::new(&self));
        // Waits for the close of the channel, which stops the proxy.
        let stop = async move { while stopped.changed().await.is_ok() {} };
        let ended = tokio::select! {
            biased;
            () = stop => RelayEnd::Client,
            ended = self.pass_on(&mut reader, &mut writer, &exchanges) => ended,
        };
        // Ends the recordings, and then the client's side; the connection to the server is closed already.
        let at = self.connector.clock().now();
        match ended {
            RelayEnd::Client => exchanges.lock().end(at, How::Closed),
            RelayEnd::ServerClosed => {
                exchanges.lock().end(at, How::Cut);
                self.linger(reader, writer, None).await;
            }
            RelayEnd::ServerReset => {
                exchanges.lock().end(at, How::Reset);
                let clock = self.connector.clock();
                tokio::select! {
                    biased;
                    // Drops a failure: the client may be gone.
                    _ = all_sent(writer.as_ref()) => {}
                    () = clock.sleep_until(clock.now() + LINGER_TIME_MAX) => {}
                }
                if let Err(error) = writer.as_ref().set_zero_linger() {
                    tracing::debug!(%error, "the client was gone before the connection could be reset");
                }
                // Drops the writer without a shutdown, whose FIN would come before the reset.
                writer.forget();
            }
            RelayEnd::Refused(refusal) => {
                exchanges.lock().end(at, How::Closed);
                self.tell(News::Trouble(refusal.why.clone()));
                self.linger(reader, writer, Some(refusal)).await;
            }
        }
    }

    /// Passes bytes on in both directions.
    async fn pass_on(
        &self,
        reader: &mut OwnedReadHalf,
        writer: &mut OwnedWriteHalf,
        exchanges: &Mutex<Exchanges<'_>>,
    ) -> RelayEnd {
        // Connects only when the client has sent bytes: browsers open connections without using all of them.
        let mut upload = Upload::new(self.connector.upstream(), exchanges, &**self.connector.clock());
        if let Err(ended) = upload.first_bytes(reader).await {
            return ended.into();
        }
        let (from_server, mut to_server) = match self.connector.connect().await {
            Ok(sides) => sides,
            Err(error) => return RelayEnd::Refused(Refusal::bad_gateway(&error)),
        };
        // Passes on the server's bytes first: the end of a response may close the connection.
        let mut download = std::pin::pin!(download(from_server, writer, exchanges, &**self.connector.clock()));
        let uploaded = tokio::select! {
            biased;
            ended = &mut download => return ended.into(),
            ended = upload.run(reader, &mut to_server) => ended,
        };
        match uploaded {
            // Waits for the answer, since a client that sends a request and FIN at once may still read.
            UploadEnd::HalfClosed if exchanges.lock().awaits_head() => {
                let _ = to_server.shutdown().await;
                match download.await {
                    // Blames the client: a server that closes now takes the client for gone.
                    DownloadEnd::Closed => RelayEnd::Client,
                    ended => ended.into(),
                }
            }
            // Passes on the answers to earlier requests, and tells the server that no other request follows.
            UploadEnd::Refused(refusal) if exchanges.lock().awaits_answer() => {
                self.tell(News::Trouble(refusal.why));
                let _ = to_server.shutdown().await;
                download.await.into()
            }
            // Passes on an answer that the server may have sent before closing.
            UploadEnd::ServerGone => download.await.into(),
            ended => ended.into(),
        }
    }

    /// Sends what is left to send, and the end of the connection; then reads on for a while, since to close a socket with
    /// unread bytes would reset the connection, and destroy what the client has not read yet.
    async fn linger(&self, mut reader: OwnedReadHalf, mut writer: OwnedWriteHalf, refusal: Option<Refusal>) {
        if let Some(refusal) = refusal {
            let _ = writer.write_all(&refusal.response()).await;
        }
        let _ = writer.shutdown().await;
        let clock = self.connector.clock();
        let deadline = clock.sleep_until(clock.now() + LINGER_TIME_MAX);
        let mut buffer = bytes::BytesMut::new();
        let unread = async {
            while let (_, Received::Bytes) = receive(&mut reader, &mut buffer, &**clock).await {
                buffer.clear();
            }
        };
        tokio::select! {
            biased;
            () = unread => {}
            () = deadline => {}
        }
    }
}

/// How a client's connection through the proxy ended.
enum RelayEnd {
    /// The client left, or the proxy stopped.
    Client,
    ServerClosed,
    ServerReset,
    /// The proxy itself answers.
    Refused(Refusal),
}

impl From<UploadEnd> for RelayEnd {
    fn from(ended: UploadEnd) -> Self {
        match ended {
            UploadEnd::HalfClosed | UploadEnd::Gone => Self::Client,
            UploadEnd::ServerGone => Self::ServerClosed,
            UploadEnd::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<DownloadEnd> for RelayEnd {
    fn from(ended: DownloadEnd) -> Self {
        match ended {
            DownloadEnd::ClientGone => Self::Client,
            DownloadEnd::Closed => Self::ServerClosed,
            DownloadEnd::Reset => Self::ServerReset,
        }
    }
}
