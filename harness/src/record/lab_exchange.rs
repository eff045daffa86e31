//! One exchange of a client in a lab, as lines of a recording.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use onbeat_wire::recording::Framing;
use onbeat_wire::{How, Instant, Part, RequestPart, Requests, header_text};

use super::lines::{ExchangeLines, RecordedLine, TappedPart};
use super::secrets::{self, Secrets};
use crate::lab::OrderedLog;
use crate::player::{Action, ClientLog, HttpExchange, LogEntry};

/// The end of the head of a request.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// One exchange of a client in a lab.
#[derive(Clone, Debug)]
pub(crate) struct LabExchange {
    /// The request on the connection, from 0.
    pub(super) ordinal: usize,
    /// The lines, each with the time since the request.
    pub(crate) lines: Vec<RecordedLine>,
    pub(super) framing: Option<Framing>,
    /// When the request began.
    pub(crate) began: Instant,
    /// The ordinal of the request among the actions of all clients; and of the leave, if the client left before the end.
    pub(super) order: (u64, Option<u64>),
    /// Why no more was read.
    pub(crate) broken: Option<String>,
}

impl LabExchange {
    /// Returns all exchanges of a client with a request. A response without an end ends `now`.
    pub(super) fn all(log: &OrderedLog, now: Instant) -> Vec<Self> {
        let exchanges = log.log.exchanges();
        (0..exchanges.len()).filter_map(|ordinal| Self::of(log, ordinal, now)).collect()
    }

    /// Returns one exchange of a client, if the client sent a request with this ordinal.
    pub(crate) fn of(log: &OrderedLog, ordinal: usize, now: Instant) -> Option<Self> {
        let exchange = log.log.exchanges().into_iter().nth(ordinal).filter(|exchange| exchange.is_asked)?;
        let request = LabRequest::of(log, ordinal)?;
        let left = left(log, ordinal);
        let framing = exchange.head.as_ref().map(|(_, head)| head.framing(&request.method));
        let url = format!("http://{}{}", request.host(), request.target());
        let mut lines =
            ExchangeLines::new(Arc::new(Secrets::default()), exchange.sent, &url, &request.head).in_virtual_time();
        lines.request_body(&request.body);
        lines.request_end();
        let mut seen = Vec::new();
        let mut see = |at, part| lines.see(TappedPart { first: at, at, part, framing }, &mut seen);
        if let Some((at, head)) = exchange.head.clone() {
            see(at, Part::Head(head));
        }
        for (at, bytes) in exchange.writes.clone() {
            see(at, Part::Data(bytes));
        }
        // Prefers the time of the leave: the client saw nothing after.
        let (at, how) = left.map_or_else(|| end(&exchange, &log.log, now), |(at, _)| (at, How::Closed));
        lines.end(at, how, &mut seen);
        let order = (request.order, left.map(|(_, order)| order));
        Some(Self { ordinal, lines: seen, framing, began: exchange.sent, order, broken: exchange.broken })
    }
}

/// Returns the end of a response that the client did not leave.
fn end(exchange: &HttpExchange, log: &ClientLog, now: Instant) -> (Instant, How) {
    let cut = || log.closed_at().filter(|_| exchange.broken.is_some()).map(|at| (at, How::Cut));
    exchange.end.or_else(cut).unwrap_or((now, How::Closed))
}

/// Returns when the client left, if the response had not ended by then, and the ordinal of the leave. Whichever way a client
/// leaves, the client closed the response.
fn left(log: &OrderedLog, ordinal: usize) -> Option<(Instant, u64)> {
    let is_leave = |(_, entry): &(Instant, LogEntry)| matches!(entry, LogEntry::Did(Action::Leave(_)));
    let place = log.log.entries.iter().position(is_leave)?;
    // Looks only at the entries before the leave, since the leave itself adds an end.
    let before = ClientLog { entries: log.log.entries[..place].to_vec() };
    let has_ended = before.exchanges().get(ordinal).is_none_or(|one| one.end.is_some() || one.broken.is_some());
    let actions = before.entries.iter().filter(|(_, entry)| matches!(entry, LogEntry::Did(_))).count();
    let order = log.order.get(actions).copied().unwrap_or(u64::MAX);
    (!has_ended).then(|| (log.log.entries[place].0, order))
}

/// A request, as a client of a lab sent the request.
struct LabRequest {
    method: String,
    head: String,
    body: Bytes,
    /// The ordinal among the actions of all clients.
    order: u64,
}

impl LabRequest {
    /// Returns the request with an ordinal on the connection, with the bytes sent before the next request.
    fn of(log: &OrderedLog, ordinal: usize) -> Option<Self> {
        let actions = log.log.entries.iter().filter_map(|(_, entry)| match entry {
            LogEntry::Did(action) => Some(action),
            _ => None,
        });
        let mut actions = actions.enumerate();
        let mut requests = actions.by_ref().filter(|(_, action)| matches!(action, Action::Request { .. }));
        let (number, Action::Request { method, bytes }) = requests.nth(ordinal)? else { return None };
        let mut sent = BytesMut::from(&bytes[..]);
        for (_, action) in actions {
            match action {
                Action::Send(bytes) => sent.extend_from_slice(bytes),
                // Stops at the next request, to which later bytes belong.
                Action::Request { .. } => break,
                _ => {}
            }
        }
        let end = sent.windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END)? + HEAD_END.len();
        let head = header_text(&sent[..end]);
        let order = log.order.get(number).copied().unwrap_or(u64::MAX);
        Some(Self { method: method.clone(), head, body: body(&sent), order })
    }

    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("/")
    }

    fn host(&self) -> &str {
        secrets::field(&self.head, "host").unwrap_or("onbeat")
    }
}

/// Returns the body of the first request in some bytes, without the lines of chunks.
fn body(sent: &[u8]) -> Bytes {
    let (mut requests, mut body) = (Requests::default(), BytesMut::new());
    requests.push(sent);
    // Stops at bytes outside of HTTP, behind which there is no body either.
    while let Ok(Some(part)) = requests.next_part() {
        match part {
            RequestPart::Head(_) => {}
            RequestPart::Body { data, .. } => body.extend_from_slice(&data),
            RequestPart::End { .. } => break,
        }
    }
    body.freeze()
}
