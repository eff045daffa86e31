//! The exchanges under way on one connection, in the order of their requests, each with the file of its recording.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use onbeat_wire::{How, Instant, Part};
use tokio::sync::Notify;

use super::{News, Proxy};
use crate::record::lines::{ExchangeLines, RecordedLine, TappedPart};
use crate::record::recording_file::RecordingFile;
use crate::record::tap::ResponseTap;

/// The exchanges under way on one connection.
pub(super) struct Exchanges<'p> {
    proxy: &'p Proxy,
    tap: ResponseTap,
    /// The exchange of the next response comes first.
    open: VecDeque<OpenExchange>,
    /// Wakes the upload when a response has ended.
    answered: Arc<Notify>,
    /// Whether the bytes from the server are no longer decoded: another protocol, or no HTTP.
    is_opaque: bool,
    /// Whether a request came behind such bytes: nobody can tell whether the request has been answered.
    has_unread_request: bool,
    /// Whether both sides have switched to another protocol.
    is_switched: bool,
}

/// An exchange under way.
struct OpenExchange {
    lines: ExchangeLines,
    file: RecordingFile,
    /// Whether the file takes no more.
    has_failed: bool,
}

impl<'p> Exchanges<'p> {
    pub(super) fn new(proxy: &'p Proxy) -> Self {
        Self {
            proxy,
            tap: ResponseTap::default(),
            open: VecDeque::new(),
            answered: Arc::default(),
            is_opaque: false,
            has_unread_request: false,
            is_switched: false,
        }
    }

    /// Begins the next exchange, with the first byte of the request: returns the time and the ordinal.
    pub(super) fn begin(&self) -> (Instant, u64) {
        self.proxy.store.begin(&**self.proxy.connector.clock())
    }

    /// Takes in the head of a request, as it is sent to the server.
    pub(super) fn request(&mut self, (at, ordinal): (Instant, u64), method: &str, target: &str, head: &str) {
        // Records nothing behind bytes that the recorder can't read: no answer would be found.
        if self.is_opaque {
            self.has_unread_request = true;
            return;
        }
        let upstream = self.proxy.connector.upstream();
        self.tap.expect(method);
        let lines =
            ExchangeLines::new(Arc::clone(&self.proxy.secrets), at, &upstream.url_of(target), head).on_timeline();
        let file = self.proxy.store.file(ordinal, method, target);
        self.open.push_back(OpenExchange { lines, file, has_failed: false });
    }

    /// Takes in bytes of the body of the last request.
    pub(super) fn request_body(&mut self, data: &[u8]) {
        if let Some(last) = self.open.back_mut() {
            last.lines.request_body(data);
        }
    }

    /// Takes in the end of the last request.
    pub(super) fn request_end(&mut self) {
        if let Some(last) = self.open.back_mut() {
            last.lines.request_end();
        }
    }

    /// Returns how many requests wait for the end of their responses.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Returns the notice that wakes the upload when a response has ended.
    pub(super) fn answered(&self) -> &Arc<Notify> {
        &self.answered
    }

    /// Returns whether a request waits for its response, or may do so.
    pub(super) fn awaits_answer(&self) -> bool {
        self.has_unread_request || !self.open.is_empty()
    }

    /// Returns whether a request waits for the head of its response, or may do so.
    pub(super) fn awaits_head(&self) -> bool {
        self.has_unread_request || self.open.iter().any(|exchange| !exchange.lines.has_head())
    }

    /// Returns whether both sides have switched to another protocol.
    pub(super) fn is_switched(&self) -> bool {
        self.is_switched
    }

    /// Takes in bytes from the server.
    pub(super) fn take_in(&mut self, at: Instant, bytes: &Bytes) {
        if self.is_opaque {
            return;
        }
        let Self { proxy, tap, open, is_switched, .. } = self;
        let taken = tap.take_in(at, bytes, |tapped| *is_switched |= see(proxy, open, tapped));
        self.answered.notify_one();
        // Stops decoding behind a switch and behind broken bytes, where the recorder finds no ends.
        if self.is_switched {
            self.is_opaque = true;
            self.end(at, How::Complete);
        } else if let Err(malformed) = taken {
            // Passes the bytes on all the same: the client may make more of the bytes than the recorder.
            self.is_opaque = true;
            self.proxy.tell(News::Trouble(format!("a recording is cut off: {malformed}")));
            self.end(at, How::Cut);
        }
    }

    /// Takes in the end of the connection by the server.
    pub(super) fn server_closed(&mut self, at: Instant, is_reset: bool) {
        let Self { proxy, tap, open, .. } = self;
        tap.close(at, is_reset, |tapped| {
            see(proxy, open, tapped);
        });
    }

    /// Ends all exchanges.
    pub(super) fn end(&mut self, at: Instant, how: How) {
        // Keeps the bytes of a chunk that broke off.
        let Self { proxy, tap, open, .. } = self;
        tap.close(at, true, |tapped| {
            see(proxy, open, tapped);
        });
        for mut exchange in self.open.drain(..) {
            let mut lines = Vec::new();
            exchange.lines.end(at, how, &mut lines);
            exchange.write(self.proxy, &lines);
        }
    }
}

/// Takes in a part of the response to the first request; returns whether the part switches to another protocol.
fn see(proxy: &Proxy, open: &mut VecDeque<OpenExchange>, tapped: TappedPart) -> bool {
    // Leaves out an answer without a request, such as 408 on an idle connection: there is no exchange to record.
    let Some(exchange) = open.front_mut() else { return false };
    let is_switched = matches!(&tapped.part, Part::Head(head) if head.status == 101);
    let mut lines = Vec::new();
    exchange.lines.see(tapped, &mut lines);
    exchange.write(proxy, &lines);
    if exchange.lines.is_over() {
        open.pop_front();
    }
    is_switched
}

impl OpenExchange {
    /// Writes lines to the file, and tells of the end. The exchange goes on where the file takes no more.
    fn write(&mut self, proxy: &Proxy, lines: &[RecordedLine]) {
        for line in lines.iter().filter(|_| !self.has_failed) {
            // Gives the recording up, but not the exchange: a full disk must not break the application.
            if let Err(why) = self.file.write(line) {
                self.has_failed = true;
                proxy.has_failed.store(true, std::sync::atomic::Ordering::Relaxed);
                proxy.tell(News::Trouble(format!("{why}; the exchange goes on without a recording")));
                return;
            }
        }
        if self.lines.is_over() && !self.has_failed {
            proxy.tell(News::Recorded(self.file.name(), self.lines.summary().clone()));
        }
    }
}
