//! One exchange, recorded from the request to the end of the response.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use onbeat_wire::{How, Instant, Malformed, Part, field_bytes};
use tokio::io::AsyncWriteExt;

use super::connect::{ConnectError, Connector, Received, receive};
use super::lines::{ExchangeLines, RecordedLine, Summary};
use super::secrets::Secrets;
use super::tap::ResponseTap;

/// One request to record.
#[derive(Clone, Debug)]
pub struct OneRequest {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The fields of the user, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long to record.
    pub watched: Option<Duration>,
}

/// An exchange that can't be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The answer is no HTTP/1.
    #[error("failed to record {url}: {why}")]
    NoHttp {
        /// The URL of the server.
        url: String,
        /// What came instead.
        why: String,
    },
    /// The lines can't be written.
    #[error("{0}")]
    Write(String),
}

/// Records one exchange; returns a summary, and why the bytes could not be read to the end, if so. `write` takes each line
/// at once, and returns whether more lines are wanted. The exchange ends at `stop`.
///
/// # Errors
///
/// If there is no connection, the answer is no HTTP/1, or a line can't be written.
pub async fn record_once(
    connector: &Connector,
    request: &OneRequest,
    secrets: &Arc<Secrets>,
    stop: impl Future<Output = ()>,
    mut write: impl FnMut(&RecordedLine) -> Result<bool, String>,
) -> Result<(Summary, Option<Malformed>), RecordError> {
    let mut stop = std::pin::pin!(stop);
    let (mut reader, mut writer) = tokio::select! {
        biased;
        () = &mut stop => return Ok((Summary::default(), None)),
        connected = connector.connect() => connected?,
    };
    let clock = connector.clock();
    let upstream = connector.upstream();
    let began = clock.now();
    let head = request.head(&upstream.authority);
    let mut exchange = ExchangeLines::new(Arc::clone(secrets), began, &upstream.url_of(&request.target), &head);
    exchange.request_body(&request.body);
    exchange.request_end();
    let mut tap = ResponseTap::default();
    tap.expect(&request.method);

    // Counts the time to record from the request, not from the connection.
    let deadline = request.watched.map(|watched| clock.sleep_until(began + watched));
    let mut deadline = std::pin::pin!(async {
        match deadline {
            Some(deadline) => deadline.await,
            None => std::future::pending().await,
        }
    });
    // Sends and receives at the same time, since a server may answer before reading the whole body.
    let sent = [&field_bytes(&head)[..], &request.body].concat();
    let mut send = std::pin::pin!(async {
        let sent = writer.write_all(&sent).await;
        match sent {
            Ok(()) => writer.flush().await,
            Err(error) => Err(error),
        }
    });
    let (mut is_sending, mut buffer) = (true, BytesMut::new());
    loop {
        let mut lines = Vec::new();
        let (at, end, malformed) = tokio::select! {
            biased;
            // Asks for the end before the server: a server that writes without end must not delay the end.
            () = &mut stop => (clock.now(), Some(How::Closed), None),
            () = &mut deadline => (clock.now(), Some(How::Closed), None),
            (at, received) = receive(&mut reader, &mut buffer, &**clock) => {
                let (end, malformed) = take_in(&mut exchange, &mut tap, at, &received, &mut buffer, &mut lines);
                (at, end, malformed)
            }
            // Ignores a failure to send, which the end of the connection follows, perhaps after an answer.
            _ = &mut send, if is_sending => {
                is_sending = false;
                continue;
            }
        };
        // Fails without a head: other bytes are no response to record.
        if let Some(malformed) = malformed.as_ref().filter(|_| !exchange.has_head()) {
            return Err(RecordError::NoHttp { url: upstream.to_string(), why: malformed.to_string() });
        }
        if let Some(how) = end {
            // Keeps the bytes of a chunk that broke off.
            tap.close(at, true, |tapped| exchange.see(tapped, &mut lines));
            exchange.end(at, how, &mut lines);
        }
        for line in &lines {
            // Ends without the remaining lines when the reader of stdout has left.
            if !write(line).map_err(RecordError::Write)? {
                return Ok((exchange.summary().clone(), None));
            }
        }
        if exchange.is_over() {
            return Ok((exchange.summary().clone(), malformed));
        }
    }
}

/// Takes in bytes, or the end. Returns the end of the exchange, if reached, and the reason, if the bytes can't be read.
fn take_in(
    exchange: &mut ExchangeLines,
    tap: &mut ResponseTap,
    at: Instant,
    received: &Received,
    buffer: &mut BytesMut,
    lines: &mut Vec<RecordedLine>,
) -> (Option<How>, Option<Malformed>) {
    // Completes a body without a length at the end of the connection, which cuts any other response off.
    if let Received::End | Received::Reset = received {
        let is_reset = matches!(received, Received::Reset);
        tap.close(at, is_reset, |tapped| exchange.see(tapped, lines));
        return (Some(if is_reset { How::Reset } else { How::Cut }), None);
    }
    let bytes = buffer.split().freeze();
    let mut is_switched = false;
    let taken = tap.take_in(at, &bytes, |tapped| {
        is_switched |= matches!(&tapped.part, Part::Head(head) if head.status == 101);
        // Leaves out bytes behind the end of the response, and bytes of another protocol.
        if !exchange.is_over() {
            exchange.see(tapped, lines);
        }
    });
    match taken {
        _ if exchange.is_over() => (None, None),
        _ if is_switched => (Some(How::Closed), None),
        Ok(()) => (None, None),
        Err(malformed) => (Some(How::Cut), Some(with_version(malformed, exchange, &bytes))),
    }
}

/// Returns the error for a server that answers with frames of HTTP/2, or else the error itself.
fn with_version(malformed: Malformed, exchange: &ExchangeLines, bytes: &[u8]) -> Malformed {
    // Recognises HTTP/2 by the settings at the beginning: a short frame of type 4 on stream 0 (RFC 9113, 3.4 and 4.1).
    let is_http2 = matches!(bytes, [0, _, _, 4, 0 | 1, 0, 0, 0, 0, ..]);
    if is_http2 && !exchange.has_head() {
        return Malformed::Head(
            "HTTP/2: the server speaks only HTTP/2 here; record through a proxy such as nginx, or let the server speak \
             HTTP/1.1 as well"
                .into(),
        );
    }
    malformed
}

impl OneRequest {
    /// Returns the head as sent: the fields of the user, and those that a request needs, unless the user gives them.
    fn head(&self, authority: &str) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let is_given = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let agent = concat!("onbeat/", env!("CARGO_PKG_VERSION"));
        let looks_like_json = matches!(self.body.trim_ascii_start(), [b'{' | b'[', ..]);
        // Guesses JSON from the first byte, where curl would always say form.
        let kind = if looks_like_json { "application/json" } else { "application/x-www-form-urlencoded" };
        let length = self.body.len().to_string();
        let (needed, of_body) = (
            [("Host", authority), ("User-Agent", agent), ("Accept", "*/*")],
            [("Content-Type", kind), ("Content-Length", &length)],
        );
        let of_body = of_body.iter().filter(|_| !self.body.is_empty());
        // Puts the needed fields first, and leaves out fields that the user gives.
        for (name, value) in needed.iter().chain(of_body).filter(|(name, _)| !is_given(name)) {
            head += &format!("{name}: {value}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }
}
