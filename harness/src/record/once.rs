//! One exchange, recorded from the request to the end of the response.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use onbeat_wire::{How, Instant, Malformed, Part, header_bytes};
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
    /// The fields in order, apart from `Host` and `Content-Length`, which are added unless they are here.
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
    let sent = [&header_bytes(&head)[..], &request.body].concat();
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
            // Ends without the remaining lines when no more are wanted.
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
    /// Returns the request with the fields that clients usually send, in front of the fields of the user and unless the user
    /// gives them: `User-Agent`, `Accept`, and `Content-Type` beside a body.
    #[must_use]
    pub fn with_usual_fields(mut self) -> Self {
        let agent = concat!("onbeat/", env!("CARGO_PKG_VERSION"));
        let looks_like_json = matches!(self.body.trim_ascii_start(), [b'{' | b'[', ..]);
        // Guesses JSON from the first byte, where curl would always say form.
        let kind = if looks_like_json { "application/json" } else { "application/x-www-form-urlencoded" };
        let of_body = (!self.body.is_empty()).then_some(("Content-Type", kind));
        let usual = [("User-Agent", agent), ("Accept", "*/*")].into_iter().chain(of_body);
        let usual = usual.filter(|(name, _)| !self.has_field(name));
        let usual: Vec<_> = usual.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.headers.splice(..0, usual);
        self
    }

    /// Returns the head as sent: the fields, and those that a request needs.
    fn head(&self, authority: &str) -> String {
        let length = (!self.body.is_empty()).then(|| self.body.len().to_string());
        let needed = [("Host", Some(authority)), ("Content-Length", length.as_deref())];
        let needed = needed.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let needed = needed.filter(|(name, _)| !self.has_field(name));
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in needed.chain(given) {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    fn has_field(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)], body: &str) -> OneRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        OneRequest { method: "POST".into(), target: "/a".into(), headers, body: body.into(), watched: None }
    }

    #[test]
    fn a_recorded_request_gets_no_fields_but_those_that_it_needs() {
        assert_eq!(request(&[], "").head("b:1"), "POST /a HTTP/1.1\r\nHost: b:1\r\n\r\n");
        let head = "POST /a HTTP/1.1\r\nHost: b:1\r\nContent-Length: 2\r\nX-A: 1\r\n\r\n";
        assert_eq!(request(&[("X-A", "1")], "{}").head("b:1"), head);
    }

    #[test]
    fn a_request_of_a_user_gets_the_usual_fields_unless_they_are_given() {
        let usual = |headers, body| {
            let names = request(headers, body).with_usual_fields().headers;
            names.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
        };
        let agent = concat!("User-Agent: onbeat/", env!("CARGO_PKG_VERSION"));
        assert_eq!(usual(&[], ""), [agent, "Accept: */*"]);
        assert_eq!(usual(&[("accept", "a")], " {}"), [agent, "Content-Type: application/json", "accept: a"]);
        let form = "Content-Type: application/x-www-form-urlencoded";
        assert_eq!(usual(&[("user-agent", "me")], "a=b"), ["Accept: */*", form, "user-agent: me"]);
    }
}
