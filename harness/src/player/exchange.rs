//! The exchanges of a connection: requests, with their responses.

use bytes::Bytes;
use onbeat_wire::{Entry, Head, How, Instant, What};

use super::{Action, ClientLog, LogEntry};

/// A request, and the response as far as received.
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

/// The exchanges of a connection, folded out of a client log entry by entry. Responses come in the order of their requests
/// (RFC 9112, 9.3.2); interim responses (1xx) are left out.
#[derive(Clone, Debug, Default)]
pub struct ExchangeFold {
    all: Vec<HttpExchange>,
    /// The first exchange without an end.
    current: usize,
    is_closed: bool,
}

impl ExchangeFold {
    /// Takes in the next entry of the log.
    pub fn take_in(&mut self, at: Instant, entry: &LogEntry) {
        match entry {
            // Opens an exchange for each request, which waits for a response.
            LogEntry::Did(Action::Request { .. }) => {
                let broken = self.is_closed.then(|| "the server had closed the connection".to_owned());
                self.all.push(HttpExchange { broken, ..HttpExchange::new(at, true) });
            }
            // Takes no part after the close: a client that leaves after a cut logs a second end of the response.
            LogEntry::Saw(what) if !self.is_closed => self.see(at, what),
            // Notes the reason with the exchange under way, which gets no further part.
            LogEntry::Unreadable(why) => {
                if let Some(exchange) = self.all.iter_mut().find(|exchange| exchange.end.is_none()) {
                    exchange.broken = Some(why.clone());
                }
            }
            LogEntry::ServerClosed => {
                self.is_closed = true;
                // Notes the reason with all exchanges without a head: a close answers none of them.
                for exchange in self.all.iter_mut().filter(|exchange| exchange.head.is_none()) {
                    exchange.broken = Some("the server closed the connection without an answer".into());
                }
            }
            LogEntry::Did(_) | LogEntry::Saw(_) => {}
        }
    }

    /// Adds a part of a response to the first exchange without an end.
    fn see(&mut self, at: Instant, what: &What) {
        // Moves on only when a part comes: an exchange without an end may still get parts.
        while self.all.get(self.current).is_some_and(|exchange| exchange.end.is_some()) {
            self.current += 1;
        }
        // Makes an exchange for a response without a request, such as 408 on an idle connection.
        if self.current == self.all.len() && matches!(what, What::Head(head) if head.status >= 200) {
            self.all.push(HttpExchange::new(at, false));
        }
        if let Some(exchange) = self.all.get_mut(self.current) {
            exchange.see(at, what);
        }
    }

    /// Returns the exchange with this ordinal on the connection, from 0.
    #[must_use]
    pub fn get(&self, ordinal: usize) -> Option<&HttpExchange> {
        self.all.get(ordinal)
    }
}

impl ClientLog {
    /// Returns the exchanges.
    #[must_use]
    pub fn exchanges(&self) -> Vec<HttpExchange> {
        let mut exchanges = ExchangeFold::default();
        self.entries.iter().for_each(|(at, entry)| exchanges.take_in(*at, entry));
        exchanges.all
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
            // Leaves interim heads out; the final head follows.
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
