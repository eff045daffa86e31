//! One exchange of a recording, as the cues of a response.

use std::time::Duration;

use onbeat_server::script::{Action, Cue};
use onbeat_wire::jsonl::{self, Problem};
use onbeat_wire::recording::{Fact, missing_end};
use onbeat_wire::{How, TIME_MS_MAX};

use super::head;

/// An exchange, as far as the lines have been read.
#[derive(Default)]
pub(super) struct RecordedExchange {
    /// The number of the last line, from 1.
    last_line: usize,
    /// The time of the request.
    since_ms: u64,
    /// The time of the last line.
    last_ms: u64,
    has_request: bool,
    has_head: bool,
    has_ended: bool,
    cues: Vec<Cue>,
}

impl RecordedExchange {
    /// Returns whether a line with this fact begins the next exchange.
    pub(super) fn is_followed_by(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Request(_) | Fact::RawRequest(_) => self.has_request || self.has_head || self.has_ended,
            // Begins an exchange with a head as well, since the recording of a replay has no requests.
            Fact::Head(_) => self.has_ended,
            _ => false,
        }
    }

    /// Takes in a line.
    pub(super) fn take_in(&mut self, line: usize, t_ms: u64, fact: Fact) -> Result<(), Problem> {
        self.last_line = line;
        // Compares times within an exchange alone: exchanges of several connections may overlap.
        jsonl::within("t_ms", t_ms, self.last_ms..=TIME_MS_MAX)?;
        self.last_ms = t_ms;
        if let Some(action) = self.action(fact, t_ms)? {
            self.cues.push(Cue { at: Duration::from_millis(t_ms - self.since_ms), action });
        }
        Ok(())
    }

    /// Returns the action of a fact at this time, if the fact is part of the response.
    fn action(&mut self, fact: Fact, t_ms: u64) -> Result<Option<Action>, Problem> {
        if self.has_ended && matches!(fact, Fact::Head(_) | Fact::Write(_) | Fact::End(_)) {
            return Err(Problem::line(format_args!("no {} behind the end of the exchange", fact.kind())));
        }
        match fact {
            Fact::Request(_) | Fact::RawRequest(_) => {
                self.has_request = true;
                // Counts from the request, so that a played response is as late as the recorded one.
                self.since_ms = t_ms;
                Ok(None)
            }
            Fact::Head(_) if self.has_head => Err(Problem::line("one head of an exchange, got another")),
            // Leaves out interim heads, such as 103 with early hints, but not 101, which ends HTTP.
            Fact::Head(head) if matches!(head.status, 100 | 102..200) => Ok(None),
            Fact::Head(head) => {
                self.has_head = true;
                Ok(Some(Action::Head(Box::new(head::read(&head)?))))
            }
            Fact::Write(_) if !self.has_head => Err(Problem::line("a head before the first write")),
            // Leaves out an empty write: an empty chunk would end the body (RFC 9112, 7.1).
            Fact::Write(write) => Ok((!write.bytes.is_empty()).then_some(Action::Write(write.bytes))),
            Fact::End(end) => {
                self.has_ended = true;
                match end.how {
                    How::Closed if !self.has_head => {
                        Err(Problem::line("a head before the end: the client left before the server answered"))
                    }
                    // Cuts an exchange without a head, which has nothing to complete.
                    How::Complete if !self.has_head => Ok(Some(Action::End(How::Cut))),
                    how => Ok(Some(Action::End(how))),
                }
            }
            // Leaves out facts that other lines tell as well: writes make the events, and the end follows a leaving client.
            Fact::Event(_) | Fact::Leave(_) => Ok(None),
            other => {
                let expected = "a line of a recording, such as request, head, write or end";
                Err(Problem::field("kind", format_args!("{expected}, got {}", other.kind())))
            }
        }
    }

    /// Checks that the exchange is complete.
    pub(super) fn check_end(&self) -> Result<(), Problem> {
        if self.has_ended { Ok(()) } else { Err(missing_end(self.last_ms)) }
    }

    /// Returns the number of the last line, from 1.
    pub(super) fn last_line(&self) -> usize {
        self.last_line
    }

    /// Returns the cues, each with its time since the request.
    pub(super) fn into_cues(mut self) -> Vec<Cue> {
        // Checks the length last, when all writes are known.
        head::check_length(&mut self.cues);
        self.cues
    }
}
