//! One exchange of a recording: the request, and the lines of the response in their order.

use super::read::STATUSES;
use super::recorded_request::{RecordedRequest, has_controls, is_plain};
use super::{End, Exchange, Fact, ResponseHead, missing_end};
use crate::jsonl::{self, Problem};
use crate::response::{has_no_body, told_body, told_framing};
use crate::{Framing, How, TIME_MS_MAX};

/// An exchange of a recording.
#[derive(Clone, Debug)]
pub struct RecordedExchange {
    /// When the request came, in milliseconds since the beginning of the recording; 0 without a request.
    pub start_ms: u64,
    /// The request; nothing for the lines of a replay.
    pub request: Option<RecordedRequest>,
    /// The place of the first line among all lines.
    pub first: usize,
    /// The places of the lines of the response among all lines, in order.
    pub response: Vec<usize>,
    /// The status of the response; nothing before the head. Interim heads (1xx) count as no head, apart from 101.
    status: Option<u16>,
    has_ended: bool,
    last_ms: u64,
}

impl RecordedExchange {
    /// Returns the exchange that begins with the line at this place.
    pub(super) fn begun_at(first: usize) -> Self {
        Self { start_ms: 0, request: None, first, response: Vec::new(), status: None, has_ended: false, last_ms: 0 }
    }

    /// Returns the time of the last line.
    pub(super) fn last_ms(&self) -> u64 {
        self.last_ms
    }

    /// Returns whether a line with this fact begins the next exchange of the same connection, where no ordinals tell exchanges
    /// apart.
    pub(super) fn is_followed_by(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Request(_) | Fact::RawRequest(_) => true,
            Fact::Head(_) => self.has_ended,
            _ => false,
        }
    }

    /// Checks whether a line with this fact may follow the lines before.
    pub(super) fn check_order(&self, fact: &Fact) -> Result<(), Problem> {
        let kind = fact.kind();
        match fact {
            // Accepts both also behind the end, where a replay prints what a client did last.
            Fact::Event(_) | Fact::Leave(_) => Ok(()),
            Fact::Request(_) | Fact::RawRequest(_) => {
                Err(Problem::line("one request for each exchange, got a second one"))
            }
            _ if self.has_ended => Err(Problem::line(format_args!(
                "nothing behind the end, got a line of kind {kind}: delete the line, or move it before the end"
            ))),
            Fact::Head(_) if self.status.is_some() => Err(Problem::line("one head, got a second one")),
            Fact::Write(_) if self.status.is_none() => Err(Problem::line("the head before the first write")),
            _ => Ok(()),
        }
    }

    /// Takes in the line at this place.
    pub(super) fn take_in(&mut self, at: usize, t_ms: u64, fact: &Fact, above_ms: u64) -> Result<(), Problem> {
        // Checks the time before the rest of the line, since a wrong time is most often a line in a wrong place.
        jsonl::within("t_ms", t_ms, above_ms..=TIME_MS_MAX)?;
        self.last_ms = t_ms;
        match fact {
            Fact::Request(_) => self.start_ms = t_ms,
            Fact::RawRequest(request) => {
                self.start_ms = t_ms;
                self.request = Some(request.parts()?);
            }
            _ => {
                self.check_response(fact)?;
                self.response.push(at);
            }
        }
        Ok(())
    }

    /// Checks a line of the response, and notes what the next lines depend on.
    fn check_response(&mut self, fact: &Fact) -> Result<(), Problem> {
        match fact {
            Fact::Head(head) => {
                check_head(head)?;
                // Takes 101 for the last head as well: what follows is no HTTP.
                if head.status >= 200 || head.status == 101 {
                    self.status = Some(head.status);
                }
            }
            Fact::Write(write) if write.bytes.is_empty() => {
                let expected = "bytes in a write, got none: delete the line, since no chunk is empty (RFC 9112, 7.1)";
                return Err(Problem::line(expected));
            }
            Fact::Write(_) => {
                let of_head = self.request.as_ref().filter(|request| request.method == "HEAD");
                let status = self.status.filter(|status| has_no_body(*status));
                let response =
                    of_head.map(|_| "to HEAD".to_owned()).or(status.map(|status| format!("with status {status}")));
                if let Some(response) = response {
                    let expected = format_args!("no write in a response {response}, which has no body (RFC 9112, 6.3)");
                    return Err(Problem::line(expected));
                }
            }
            Fact::End(End { how: How::Complete }) if self.status.is_none() => {
                return Err(Problem::line("the head before the end, since no response is complete without a head"));
            }
            Fact::End(_) => self.has_ended = true,
            _ => {}
        }
        Ok(())
    }

    /// Checks that the response has ended, if it has begun. The lines have these ordinals.
    pub(super) fn check_end(&self, exchange: Exchange) -> Result<(), Problem> {
        if self.status.is_some() && !self.has_ended { Err(missing_end(self.last_ms, exchange)) } else { Ok(()) }
    }

    /// Checks that a head of this exchange does not contradict the framing on the first line of the recording.
    pub(super) fn check_framing(&self, head: &ResponseHead, framing: Framing) -> Result<(), Problem> {
        let method = self.request.as_ref().map_or("GET", |request| request.method.as_str());
        // Accepts a head that tells no framing, from which a person may have removed the fields of the connection.
        let told = if head.status < 200 { None } else { told_framing(method, head.status, &head.headers) };
        match told.filter(|told| *told != framing) {
            None => Ok(()),
            Some(told) => {
                let expected = format_args!(
                    "the headers of the framing {framing}, which the first line says, got those of the framing {told}"
                );
                Err(Problem::field("headers", expected))
            }
        }
    }

    /// Returns the place of the last line among all lines.
    pub(super) fn last(&self) -> usize {
        self.response.last().copied().unwrap_or(self.first)
    }
}

/// Checks the fields of a head.
fn check_head(head: &ResponseHead) -> Result<(), Problem> {
    jsonl::within("status", head.status.into(), STATUSES)?;
    for (number, (name, value)) in head.headers.iter().enumerate() {
        let wrong = |expected| {
            Problem::field(format!("headers[{number}]"), format_args!("{expected}, got {name:?}: {value:?}"))
        };
        if !is_plain(name) || name.contains(':') {
            return Err(wrong("the name of a header"));
        }
        if has_controls(value) {
            return Err(wrong("the value of a header, without control characters"));
        }
        // Refuses spaces at the ends, which no client takes for a part of the value (RFC 9110, 5.5).
        if value.trim_matches([' ', '\t']) != value {
            return Err(wrong("the value of a header, without spaces at its ends"));
        }
    }
    let wrong = |got| Problem::field("headers", format_args!("one plain Content-Length (RFC 9112, 6.3), got {got}"));
    told_body(&head.headers).map(|_| ()).map_err(wrong)
}
