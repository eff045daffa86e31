//! The response of an exchange, out of lines: recorded once, or seen now.

use bytes::Bytes;
use onbeat_wire::recording::{Fact, Framing, How};
use onbeat_wire::{Head, Instant};

use crate::judge::Loosening;
use crate::record::RecordedLine;

/// The response of one exchange. All times are in milliseconds since the request.
#[derive(Clone, Debug, Default)]
pub(super) struct ResponseFacts {
    pub(super) framing: Option<Framing>,
    pub(super) head: Option<HeadFact>,
    pub(super) writes: Vec<WriteFact>,
    pub(super) end: Option<EndFact>,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(super) struct HeadFact {
    /// The number of the line, from 1.
    pub(super) line: usize,
    pub(super) times: ByteTimes,
    pub(super) head: Head,
    pub(super) vary: Vec<Loosening>,
}

/// A write of a body.
#[derive(Clone, Debug)]
pub(super) struct WriteFact {
    /// The number of the line, from 1.
    pub(super) line: usize,
    pub(super) times: ByteTimes,
    pub(super) bytes: Bytes,
    pub(super) vary: Vec<Loosening>,
    /// Whether the write may come at any time, any number of times, or not at all.
    pub(super) may: bool,
}

/// The end of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndFact {
    /// The number of the line, from 1.
    pub(super) line: usize,
    pub(super) at_ms: u64,
    pub(super) how: How,
}

/// When the first and the last byte of a head or a write came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteTimes {
    pub(super) first_ms: u64,
    pub(super) last_ms: u64,
}

/// The response in a replay.
#[derive(Clone, Debug)]
pub(super) struct SeenResponse {
    pub(super) facts: ResponseFacts,
    /// When the request began, on the clock of the check.
    pub(super) began: Instant,
    /// Why the response could not be read, or did not come.
    pub(super) trouble: Option<String>,
}

impl ResponseFacts {
    /// Returns whether the server ended the response before its end.
    pub(super) fn is_broken_off(&self) -> bool {
        self.end.is_some_and(|end| matches!(end.how, How::Cut | How::Reset))
    }

    /// Takes in a line of the exchange, whose request was at `start_ms`. `vary` has the rules for the line: its own, and those
    /// of the first line.
    pub(super) fn add(&mut self, number: usize, line: &RecordedLine, start_ms: u64, vary: Vec<Loosening>) {
        let after = |ms: u64| ms.saturating_sub(start_ms);
        let first_ms = after(line.notes.first_ms.unwrap_or(line.t_ms));
        let times = ByteTimes { first_ms, last_ms: after(line.t_ms) };
        match &line.fact {
            Fact::Recording(start) => self.framing = start.framing,
            // Passes over interim heads (1xx), except 101, the last head before another protocol.
            Fact::Head(head) if head.status >= 200 || head.status == 101 => {
                // Takes names in any case, as a person may write them.
                let headers = head.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
                let head = Head { minor_version: 1, status: head.status, headers: headers.collect() };
                self.head = Some(HeadFact { line: number, times, head, vary });
            }
            Fact::Write(write) => {
                let (bytes, may) = (write.bytes.clone(), line.notes.may);
                self.writes.push(WriteFact { line: number, times, bytes, vary, may });
            }
            Fact::End(end) => self.end = Some(EndFact { line: number, at_ms: times.last_ms, how: end.how }),
            _ => {}
        }
    }

    /// Returns the facts of an exchange that was just recorded.
    pub(super) fn of(lines: &[RecordedLine]) -> Self {
        let mut facts = Self::default();
        for (number, line) in (1..).zip(lines) {
            facts.add(number, line, 0, Vec::new());
        }
        facts
    }

    /// Returns when the last line came.
    pub(super) fn length_ms(&self) -> u64 {
        let head = self.head.as_ref().map(|head| head.times.last_ms);
        let last = self.writes.last().map(|write| write.times.last_ms);
        [head, last, self.end.map(|end| end.at_ms)].into_iter().flatten().max().unwrap_or_default()
    }
}
