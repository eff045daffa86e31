//! A stream as an application receives the stream: over a real socket, through reqwest.

use std::error::Error;
use std::thread;
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use onbeat_clock::Clock;
use parking_lot::Mutex;
use reqwest::StatusCode;
use tokio::sync::oneshot;

use crate::check::application::dispatch;
use crate::check::{ExtraHeaders, LinesSeen};
use crate::judge::Dispatched;

/// A client library that takes longer never comes back.
const LIBRARY_MAX: Duration = Duration::from_secs(10);

/// A stream as an application receives the stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Download {
    chunks: Vec<Bytes>,
    lines: LinesSeen,
    /// Why the stream can't be read any further.
    failed: Option<String>,
    is_over: bool,
}

impl Download {
    /// Returns a download that counts lines in the same way.
    pub(super) fn counting(lines: LinesSeen) -> Self {
        Self { lines, ..Self::default() }
    }

    /// Returns whether no more comes, or so many lines have come.
    pub(super) fn has(&self, lines: usize) -> bool {
        self.is_over || self.lines.lines() >= lines
    }

    /// Returns the events that the client library dispatches. The library reads on a thread, which is left behind if the
    /// library never comes back.
    pub(super) async fn dispatched(self, clock: &dyn Clock) -> Dispatched {
        let mut dispatched = apart(clock, move || dispatch(&self.chunks)).await;
        dispatched.failed = dispatched.failed.or(self.failed);
        dispatched
    }
}

/// Reads streams as an application does, with the user's headers in every request.
#[derive(Debug)]
pub(super) struct Downloader {
    client: reqwest::Client,
    headers: HeaderMap,
}

impl Downloader {
    pub(super) fn new(headers: &ExtraHeaders) -> Self {
        let client = reqwest::Client::builder()
            // Follows neither a redirect nor a proxy of the environment, which may lead to another server.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            // Keeps no idle connection, which a server may close at the instant of the next request.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client without TLS asks nothing of the machine");
        Self { client, headers: headers.map() }
    }

    /// Asks for `url`, and reads the stream up to so many bytes.
    pub(super) async fn download(&self, url: String, bytes_max: usize, download: &Mutex<Download>) {
        let outcome = async {
            // Sends the headers with the request: of default headers reqwest keeps one a name.
            let request = self.client.get(url).headers(self.headers.clone());
            let response = request.send().await.map_err(|error| with_causes(&error))?;
            if response.status() != StatusCode::OK {
                return Err(format!("the status is {}", response.status()));
            }
            let (mut chunks, mut left) = (response.bytes_stream(), bytes_max);
            while let Some(chunk) = chunks.next().await {
                let bytes = chunk.map_err(|error| with_causes(&error))?;
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    break;
                }
                let mut download = download.lock();
                download.lines.read(&bytes);
                download.chunks.push(bytes);
            }
            Ok(())
        };
        // Keeps the chunks before an error.
        let outcome: Result<(), String> = outcome.await;
        let mut download = download.lock();
        (download.failed, download.is_over) = (outcome.err(), true);
    }
}

/// Returns an error with all causes, from the outermost to the innermost.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Has a client library work on a thread, and waits for as long as a library may take.
async fn apart(clock: &dyn Clock, work: impl FnOnce() -> Dispatched + Send + 'static) -> Dispatched {
    let gave_up = |why: String| Dispatched { gave_up: Some(why), ..Dispatched::default() };
    let (tell, told) = oneshot::channel();
    let work = || drop(tell.send(work()));
    if let Err(error) = thread::Builder::new().name("eventsource-stream".into()).spawn(work) {
        return gave_up(format!("no thread for the client library: {error}"));
    }
    tokio::select! {
        biased;
        dispatched = told => dispatched.unwrap_or_else(|_| gave_up("the client library eventsource-stream gave up".into())),
        () = clock.sleep_until(clock.now() + LIBRARY_MAX) => {
            gave_up(format!("the client library eventsource-stream is still busy after {LIBRARY_MAX:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use onbeat_clock::TokioClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_library_that_never_comes_back_is_left_behind() {
        let forever = || loop {
            thread::park();
        };
        let dispatched = apart(&TokioClock::start(), forever).await;
        assert!(dispatched.gave_up.expect("no end").contains("still busy after 10s"));
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closes_when_asked_again_costs_no_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (mut socket, mut request) = (socket.expect("a connection"), [0; 4096]);
                thread::spawn(move || {
                    if matches!(socket.read(&mut request), Ok(1..)) {
                        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ndata: a\n\n");
                    }
                    // The next request on this connection finds the connection closed.
                    let _ = socket.read(&mut request);
                });
            }
        });
        let downloader = Downloader::new(&ExtraHeaders::default());
        for _ in 0..2 {
            let got = Mutex::new(Download::default());
            downloader.download(url.clone(), 1000, &got).await;
            assert_eq!(got.into_inner().failed, None);
        }
    }

    #[tokio::test]
    async fn a_header_that_is_given_twice_is_sent_twice() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a connection");
            let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
            while !head.ends_with(b"\r\n\r\n") {
                let read = socket.read(&mut buffer).expect("the client sends a head");
                head.extend_from_slice(&buffer[..read]);
            }
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("the client reads");
            String::from_utf8(head).expect("ASCII").to_lowercase()
        });
        let headers = ["X-A: 1", "x-a: 2"].map(str::to_owned);
        let downloader = Downloader::new(&ExtraHeaders::read(&headers).expect("headers"));
        downloader.download(url, 1000, &Mutex::default()).await;
        let head = server.join().expect("no panic");
        assert!(head.contains("x-a: 1\r\n") && head.contains("x-a: 2\r\n"), "{head}");
    }

    #[tokio::test]
    async fn a_stream_that_broke_off_has_its_events_and_the_reason() {
        let (chunks, failed) = (vec![Bytes::from_static(b"data: a\n\ndata: b\n")], Some("reset".into()));
        let dispatched = Download { chunks, failed, ..Download::default() }.dispatched(&TokioClock::start()).await;
        assert_eq!((dispatched.events.len(), dispatched.failed.as_deref()), (1, Some("reset")));
    }
}
