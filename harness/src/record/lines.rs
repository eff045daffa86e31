//! One exchange as lines of a recording, with every secret replaced.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use onbeat_wire::recording::{
    ArrivalNotes, Body, End, Exchange, FORMAT, Fact, Framing, How, Line, RawRequest, RecordingStart, ResponseHead,
    Times, Write,
};
use onbeat_wire::{Instant, Part};

use super::secrets::{KnownSecrets, Secrets};
use super::tap::TappedPart;

/// A line of a recording.
pub type RecordedLine = Line<ArrivalNotes>;

/// The most recorded bytes of the body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest number of interim heads (1xx) that wait for the head of the response.
const INTERIM_HEADS_MAX: usize = 16;

/// The lines of one exchange. The first line tells the framing, so the lines begin when the head of the response comes.
#[derive(Debug)]
pub(super) struct ExchangeLines {
    secrets: Arc<Secrets>,
    known: KnownSecrets,
    began: Instant,
    from: String,
    request: RequestText,
    /// Lines that wait for the head of the response.
    interim: Vec<RecordedLine>,
    has_begun: bool,
    /// When the request began, in milliseconds since the proxy began, if there is a proxy.
    at_ms: Option<u64>,
    times: Option<Times>,
    summary: Summary,
}

/// The recorded request.
#[derive(Debug, Default)]
struct RequestText {
    head: String,
    content_type: String,
    body: BytesMut,
    is_complete: bool,
    is_cut: bool,
}

/// A summary of a recorded exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// When the request began, on the clock of the recorder.
    pub began: Instant,
    /// The status; nothing if no head came.
    pub status: Option<u16>,
    /// The coding of the body, such as `gzip`.
    pub coding: Option<String>,
    /// The number of writes.
    pub writes: u64,
    /// How the exchange ended, and when, in milliseconds after the request; nothing before the end.
    pub end: Option<(How, u64)>,
}

impl ExchangeLines {
    /// Returns the lines of an exchange whose request began at a time. `head` is the head of the request as sent.
    pub(super) fn new(secrets: Arc<Secrets>, began: Instant, url: &str, head: &str) -> Self {
        let content_type = super::secrets::field(head, "content-type").unwrap_or_default().to_owned();
        let request = RequestText { head: secrets.head(head), content_type, ..RequestText::default() };
        Self {
            known: KnownSecrets::of(&secrets, head),
            from: secrets.url(url),
            secrets,
            began,
            request,
            interim: Vec::new(),
            has_begun: false,
            at_ms: None,
            times: None,
            summary: Summary { began, ..Summary::default() },
        }
    }

    /// Returns the lines as a part of the timeline of a proxy, whose clock began with the proxy.
    pub(super) fn on_timeline(self) -> Self {
        Self { at_ms: Some(self.began.as_millis()), ..self }
    }

    /// Returns the lines of an exchange in virtual time.
    pub(super) fn in_virtual_time(self) -> Self {
        Self { times: Some(Times::Exact), ..self }
    }

    /// Takes in the next bytes of the request's body.
    pub(super) fn request_body(&mut self, data: &[u8]) {
        // Cuts the body where the head of the response comes, with which the line of the request is written.
        let room = BODY_BYTES_MAX - self.request.body.len();
        let kept = if self.has_begun { 0 } else { data.len().min(room) };
        self.request.body.extend_from_slice(&data[..kept]);
        self.request.is_cut |= kept < data.len();
    }

    /// Takes in the end of the request.
    pub(super) fn request_end(&mut self) {
        self.request.is_complete = true;
    }

    /// Returns the summary so far.
    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Returns whether the exchange has ended.
    pub(super) fn is_over(&self) -> bool {
        self.summary.end.is_some()
    }

    /// Returns whether the head of the response has come.
    pub(super) fn has_head(&self) -> bool {
        self.summary.status.is_some()
    }

    /// Takes in a part of the response; hands on the lines that follow.
    pub(super) fn see(&mut self, tapped: TappedPart, lines: &mut Vec<RecordedLine>) {
        let TappedPart { first, at, part, framing } = tapped;
        let (t_ms, first_ms) = (self.ms(at), self.ms(first));
        let fact: Fact = match part {
            Part::Head(head) => {
                // Takes the status from the final head, or from 101, the last head before another protocol. Interim heads (1xx)
                // have no framing.
                let is_interim = framing.is_none();
                if !is_interim || head.status == 101 {
                    self.summary.status = Some(head.status);
                    self.summary.coding = head.header("content-encoding").map(str::to_owned);
                }
                let headers = self.secrets.headers(head.headers, &self.known);
                let line = line(t_ms, first_ms, ResponseHead { status: head.status, headers });
                if is_interim && self.interim.len() < INTERIM_HEADS_MAX && !self.has_begun {
                    // Keeps interim heads back, since the first line needs the framing of the final head.
                    self.interim.push(line);
                } else {
                    self.begin(framing, lines);
                    lines.push(line);
                }
                return;
            }
            Part::Data(bytes) => {
                self.summary.writes += 1;
                Write { bytes: self.known.hide(bytes) }.into()
            }
            Part::End => return self.end(at, How::Complete, lines),
        };
        lines.push(line(t_ms, first_ms, fact));
    }

    /// Ends the exchange, unless it is over; hands on the lines that follow.
    pub(super) fn end(&mut self, at: Instant, how: How, lines: &mut Vec<RecordedLine>) {
        if self.is_over() {
            return;
        }
        // Writes the first lines if no head has come.
        self.begin(None, lines);
        let t_ms = self.ms(at);
        self.summary.end = Some((how, t_ms));
        lines.push(line(t_ms, t_ms, End { how }));
    }

    /// Hands on the first lines, once.
    fn begin(&mut self, framing: Option<Framing>, lines: &mut Vec<RecordedLine>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let onbeat = env!("CARGO_PKG_VERSION").to_owned();
        let from = std::mem::take(&mut self.from);
        let (at_ms, times) = (self.at_ms, self.times);
        lines.push(line(0, 0, RecordingStart { format: FORMAT, onbeat, from, framing, at_ms, times }));
        let RequestText { head, content_type, body, is_complete, is_cut } = &mut self.request;
        let mut request = line(0, 0, RawRequest { text: std::mem::take(head) });
        // Finds secrets only in the whole body, since a key and the value may come in different pieces.
        let bytes: Bytes = self.secrets.body(content_type, std::mem::take(body).freeze());
        let is_cut = *is_cut || !*is_complete;
        request.notes.body = (!bytes.is_empty() || is_cut).then_some(Body { bytes, is_cut });
        lines.push(request);
        lines.append(&mut self.interim);
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from((at - self.began).as_millis()).unwrap_or(u64::MAX)
    }
}

fn line(t_ms: u64, first_ms: u64, fact: impl Into<Fact>) -> RecordedLine {
    // Leaves out a first time equal to the last.
    let notes = ArrivalNotes { first_ms: (first_ms < t_ms).then_some(first_ms), ..ArrivalNotes::default() };
    Line { t_ms, exchange: Exchange::default(), fact: fact.into(), notes }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onbeat_wire::Head;
    use onbeat_wire::printable::to_json;

    use super::*;

    const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn exchange() -> ExchangeLines {
        ExchangeLines::new(Arc::default(), Instant::EPOCH, "http://a/", HEAD)
    }

    fn part(ms: u64, part: Part, framing: Option<Framing>) -> TappedPart {
        let at = Instant::EPOCH + Duration::from_millis(ms);
        TappedPart { first: at, at, part, framing }
    }

    fn head(status: u16) -> Part {
        Part::Head(Head { minor_version: 1, status, headers: Vec::new() })
    }

    fn kinds(lines: &[RecordedLine]) -> Vec<&str> {
        lines.iter().map(|line| line.fact.kind()).collect()
    }

    #[test]
    fn nothing_is_written_before_the_head_tells_the_framing() {
        let (mut exchange, mut lines) = (exchange(), Vec::new());
        exchange.request_end();
        exchange.see(part(5, head(103), None), &mut lines);
        assert_eq!(kinds(&lines), [""; 0]);
        exchange.see(part(9, head(200), Some(Framing::Close)), &mut lines);
        assert_eq!(kinds(&lines), ["recording", "request", "head", "head"]);
        assert!(to_json(&lines[0]).ends_with(r#""from":"http://a/","framing":"close"}"#));
        assert_eq!(lines.iter().map(|line| line.t_ms).collect::<Vec<_>>(), [0, 0, 5, 9]);
    }

    #[test]
    fn interim_heads_without_end_do_not_wait() {
        let (mut exchange, mut lines) = (exchange(), Vec::new());
        for _ in 0..2 * INTERIM_HEADS_MAX {
            exchange.see(part(1, head(100), None), &mut lines);
        }
        assert_eq!(lines.len(), 2 + 2 * INTERIM_HEADS_MAX);
        assert!(!exchange.has_head());
    }

    #[test]
    fn a_body_that_is_too_long_or_comes_too_late_is_cut() {
        for (length, is_complete, kept, is_cut) in [
            (BODY_BYTES_MAX, true, BODY_BYTES_MAX, false),
            (BODY_BYTES_MAX + 1, true, BODY_BYTES_MAX, true),
            (3, false, 3, true),
        ] {
            let (mut exchange, mut lines) = (exchange(), Vec::new());
            exchange.request_body(&vec![b'a'; length]);
            if is_complete {
                exchange.request_end();
            }
            exchange.see(part(1, head(200), Some(Framing::Length)), &mut lines);
            exchange.request_body(b"too late");
            let body = lines[1].notes.body.as_ref().expect("a body");
            assert_eq!((body.bytes.len(), body.is_cut), (kept, is_cut));
        }
    }

    #[test]
    fn an_exchange_ends_once() {
        let (mut exchange, mut lines) = (exchange(), Vec::new());
        exchange.end(Instant::EPOCH, How::Cut, &mut lines);
        exchange.end(Instant::EPOCH, How::Closed, &mut lines);
        assert_eq!(kinds(&lines), ["recording", "request", "end"]);
        assert_eq!(exchange.summary().end, Some((How::Cut, 0)));
    }
}
