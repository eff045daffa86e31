//! The exchanges of a connection: requests, with their responses.

use bytes::Bytes;
use onbeat_wire::{Entry, Head, How, Instant, What};

use super::{Action, ClientLog, LogEntry};

/// A request, and as much of the response as came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpExchange {
    /// When the request was sent; for a response without a request, when the response began.
    pub sent: Instant,
    /// Whether there was a request.
    pub is_asked: bool,
    /// The head, and the time of the head.
    pub head: Option<(Instant, Head)>,
    /// The parts of the body, each with a time.
    pub writes: Vec<(Instant, Bytes)>,
    /// The end of the response, and the time of the end.
    pub end: Option<(Instant, How)>,
    /// Why no more was read.
    pub broken: Option<String>,
}

impl ClientLog {
    /// Returns the exchanges. Responses come in the order of their requests (RFC 9112, 9.3.2); interim responses (1xx) are
    /// left out.
    #[must_use]
    pub fn exchanges(&self) -> Vec<HttpExchange> {
        let mut exchanges: Vec<HttpExchange> = Vec::new();
        let (mut current, mut is_closed) = (0, false);
        for (at, entry) in &self.entries {
            match entry {
                // Each request opens an exchange, which waits for a response.
                LogEntry::Did(Action::Request { .. }) => {
                    let broken = is_closed.then(|| "the server had closed the connection".to_owned());
                    exchanges.push(HttpExchange { broken, ..HttpExchange::new(*at, true) });
                }
                // A client logs a second end of a response when the server has cut the response and the client leaves later.
                LogEntry::Saw(what) if !is_closed => {
                    // A part belongs to the first exchange without an end.
                    while exchanges.get(current).is_some_and(|exchange| exchange.end.is_some()) {
                        current += 1;
                    }
                    if current == exchanges.len() && matches!(what, What::Head(head) if head.status >= 200) {
                        exchanges.push(HttpExchange::new(*at, false));
                    }
                    if let Some(exchange) = exchanges.get_mut(current) {
                        exchange.see(*at, what);
                    }
                }
                // After a failure, or the end of the connection, waiting exchanges get no response.
                LogEntry::Unreadable(why) => {
                    if let Some(exchange) = exchanges.iter_mut().find(|exchange| exchange.end.is_none()) {
                        exchange.broken = Some(why.clone());
                    }
                }
                LogEntry::ServerClosed => {
                    is_closed = true;
                    for exchange in exchanges.iter_mut().filter(|exchange| exchange.head.is_none()) {
                        exchange.broken = Some("the server closed the connection without an answer".into());
                    }
                }
                LogEntry::Did(_) | LogEntry::Saw(_) => {}
            }
        }
        exchanges
    }

    /// Returns the first exchange.
    #[must_use]
    pub fn first_exchange(&self) -> Option<HttpExchange> {
        self.exchanges().into_iter().next()
    }
}

impl HttpExchange {
    fn new(sent: Instant, is_asked: bool) -> Self {
        Self { sent, is_asked, head: None, writes: Vec::new(), end: None, broken: None }
    }

    fn see(&mut self, at: Instant, what: &What) {
        match what {
            What::Head(head) if head.status >= 200 => self.head = Some((at, head.clone())),
            What::Head(_) => {}
            What::Write(bytes) => self.writes.push((at, bytes.clone())),
            What::End(how) => self.end = Some((at, *how)),
        }
    }

    /// Returns the status; 0 if no head came.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.as_ref().map_or(0, |(_, head)| head.status)
    }

    /// Returns the value of the first header field with the given (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.as_ref().and_then(|(_, head)| head.header(name))
    }

    /// Returns the whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.writes.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// Returns whether the body has neither chunks nor a length: only the end of the connection ends such a body.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.header("transfer-encoding").or(self.header("content-length")).is_none()
    }

    /// Returns the parts of the response in order; none if no head came.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let Some((at, head)) = &self.head else { return Vec::new() };
        let head = (*at, What::Head(head.clone()));
        let writes = self.writes.iter().map(|(at, bytes)| (*at, What::Write(bytes.clone())));
        let end = self.end.map(|(at, how)| (at, What::End(how)));
        [head].into_iter().chain(writes).chain(end).map(|(at, what)| Entry { at, what }).collect()
    }
}
