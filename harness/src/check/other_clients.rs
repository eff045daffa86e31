//! Other clients of the server during a check: how many there are, and which events of other clients may be heard.

#[cfg(feature = "live")]
use std::time::Duration;

use onbeat_wire::Event;
#[cfg(feature = "live")]
use onbeat_wire::Instant;
use onbeat_wire::recording::Vary;

use super::Tag;
use crate::judge::{Observation, Others, Recurring};
use crate::player::ClientLog;
#[cfg(feature = "live")]
use crate::player::HttpExchange;

/// The heartbeat of `/sse`. The machine decides how long a scenario takes, so that more may fall due than a fixture has.
pub(super) const HEARTBEAT: Recurring = Recurring { request: "GET /sse ", write: "heartbeat:\n\n", period_ms: 30_000 };

/// What is sent to all clients comes to two of them within this time, however busy the machine is: the check reads both.
#[cfg(feature = "live")]
const AT_ONCE_MAX: Duration = Duration::from_millis(20);

/// The events that a client of `/sse` may hear besides the events of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    /// None.
    None,
    /// The events of other users, which do not bear the tag of the check.
    #[cfg(any(test, feature = "live"))]
    OtherUsers,
    /// All events.
    AllUsers,
}

/// The other clients of a server, beside the clients of a scenario.
#[derive(Clone, Debug)]
pub(super) struct OtherClients {
    /// The tag in the messages of the check.
    pub(super) tag: Tag,
    pub(super) noise: Noise,
    /// The number of other clients of `/sse`; none if the number is unknown.
    pub(super) count: Option<u64>,
}

/// No other clients.
impl Default for OtherClients {
    fn default() -> Self {
        Self { tag: Tag::default(), noise: Noise::None, count: Some(0) }
    }
}

impl OtherClients {
    /// Returns the logs of a scenario for the judge.
    pub(super) fn observation(self, logs: Vec<(String, ClientLog)>) -> Observation {
        Observation { logs, unconnected: None, dispatched: None, others: Box::new(self), recurring: Some(HEARTBEAT) }
    }

    /// Returns whether a client of `/sse` heard a message that no client of the scenario had sent.
    #[cfg(feature = "live")]
    pub(super) fn are_heard(&self, seen: &Observation, scenario: &crate::judge::Scenario) -> bool {
        let pieces = seen.logs.iter().flat_map(|(_, log)| log.answers()).flat_map(|response| response.pieces());
        let is_known = |piece: &[u8]| scenario.lines.iter().any(|(_, line)| seen.conforms(line, piece));
        // Leaves out messages with the tag of the check, which come from the scenario, right or wrong.
        let mut messages = pieces.filter(|piece| self.is_message(&piece.bytes));
        messages.any(|piece| !is_known(&piece.bytes))
    }

    /// Returns whether two clients of `/sse` heard others from `start` on, while the check sent nothing: messages, or comments
    /// that came to both at once. A wrong server that sends comments by a timer of each client sends them at different times.
    #[cfg(feature = "live")]
    pub(super) fn are_heard_by(&self, one: &ClientLog, other: &ClientLog, start: Instant) -> bool {
        let comments = |log: &ClientLog| {
            let pieces = log.answers().iter().flat_map(HttpExchange::pieces).collect::<Vec<_>>();
            let comments = pieces.into_iter().filter(|piece| is_comment(&piece.bytes) && piece.at >= start);
            comments.map(|piece| piece.at).collect::<Vec<_>>()
        };
        let (heard, others) = (comments(one), comments(other));
        let is_shared =
            |at: &&Instant| others.iter().any(|other| (**at).max(*other) - (**at).min(*other) <= AT_ONCE_MAX);
        let shared = heard.iter().filter(is_shared).count();
        (shared > 0 && 2 * shared >= heard.len()) || self.have_messages_in(one)
    }

    /// Returns whether a client of `/sse` heard a message of others.
    #[cfg(feature = "live")]
    pub(super) fn have_messages_in(&self, log: &ClientLog) -> bool {
        log.answers().iter().flat_map(HttpExchange::pieces).any(|piece| self.is_message(&piece.bytes))
    }

    /// Returns whether a piece is a message of other users.
    #[cfg(feature = "live")]
    fn is_message(&self, piece: &[u8]) -> bool {
        has_message(piece) && !self.tag.is_in(piece)
    }
}

impl Others for OtherClients {
    fn clients(&self) -> Option<u64> {
        self.count
    }

    fn marked(&self, write: &str, vary: &[Vary]) -> String {
        self.tag.expected(write, vary)
    }

    fn may_have_caused(&self, piece: &[u8]) -> bool {
        match self.noise {
            Noise::None => false,
            #[cfg(any(test, feature = "live"))]
            Noise::OtherUsers => is_event(piece) && !self.tag.is_in(piece),
            Noise::AllUsers => is_event(piece),
        }
    }

    fn may_have_caused_event(&self, event: &Event) -> bool {
        self.noise != Noise::None && ["broadcast", "heartbeat"].contains(&event.event_type.as_str())
    }

    fn are_left_out(&self) -> bool {
        self.noise == Noise::AllUsers
    }
}

/// Returns whether a piece is a part of an event for all clients of `/sse`.
fn is_event(piece: &[u8]) -> bool {
    has_message(piece)
        || is_comment(piece)
        || [&b"event: broadcast"[..], b"event: heartbeat"].contains(&piece.trim_ascii_end())
}

/// Returns whether a piece is the comment that is sent to all clients of `/sse` in place of a message.
fn is_comment(piece: &[u8]) -> bool {
    piece.trim_ascii_end() == b":"
}

/// Returns whether a piece is the data of an event for all clients of `/sse`.
fn has_message(piece: &[u8]) -> bool {
    let key = b"\"msg\":";
    piece.starts_with(b"data: {") && piece.windows(key.len()).any(|window| window == key)
}

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::{Fact, RawRequest};

    #[cfg(feature = "live")]
    use onbeat_wire::{Head, What};

    use super::*;
    use crate::fixtures::read_back::Golden;
    use crate::judge::{Pace, Stalls, judge};
    #[cfg(feature = "live")]
    use crate::player::{Action, LogEntry};

    /// The log of a client of `/sse` that hears these writes, each so many ms after the start.
    #[cfg(feature = "live")]
    fn log(writes: &[(u64, &str)]) -> ClientLog {
        let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
        let head =
            Head { minor_version: 1, status: 200, headers: vec![("content-type".into(), "text/event-stream".into())] };
        let asked = (at(0), LogEntry::Did(Action::request("GET /sse HTTP/1.1\r\n\r\n")));
        let came = writes.iter().map(|(ms, text)| (at(*ms), LogEntry::Saw(What::Write(text.to_string().into()))));
        let entries = [asked, (at(0), LogEntry::Saw(What::Head(head)))].into_iter().chain(came).collect();
        ClientLog { entries }
    }

    #[cfg(feature = "live")]
    #[test]
    fn others_are_heard_by_messages_and_by_comments_that_come_to_two_clients_at_once() {
        let own = OtherClients { tag: Tag::new("onbeat-1-".into()), ..OtherClients::default() };
        let (look, other_look) = ("data: {\"msg\":\"onbeat-1-look\"}\n\n", "data: {\"msg\":\"onbeat-2-look\"}\n\n");
        for (one, other, are_heard) in [
            (&[][..], &[][..], false),
            (&[(100, look)], &[(100, look)], false),
            (&[(100, other_look)], &[], true),
            // A ping of others, and one that was held up.
            (&[(100, ":\n\n")], &[(110, ":\n\n")], true),
            (&[(100, ":\n\n"), (900, ":\n\n")], &[(100, ":\n\n"), (990, ":\n\n")], true),
            // A timer of each client, and a comment for each client that joins.
            (&[(100, ":\n\n"), (600, ":\n\n")], &[(400, ":\n\n"), (900, ":\n\n")], false),
            (&[(5, ":\n\n")], &[(5, ":\n\n")], false),
            (&[(100, ": keep-alive\n\n")], &[(100, ": keep-alive\n\n")], false),
        ] {
            let start = Instant::EPOCH + Duration::from_millis(10);
            assert_eq!(own.are_heard_by(&log(one), &log(other), start), are_heard, "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_heartbeat_is_that_of_the_fixture() {
        let golden = Golden::read();
        let is_heartbeat = |case: &String| case == "sse.heartbeat-period";
        let stream = golden.streams.iter().find(|stream| stream.cases().any(is_heartbeat));
        let stream = stream.expect("a stream with heartbeats");
        let lines = stream.lines.iter().map(|(_, line)| line).filter(|line| line.notes.cases.iter().any(is_heartbeat));
        let heartbeats: Vec<_> = lines.map(|line| (line.t_ms, line.written())).collect();
        assert_eq!(heartbeats, [1, 2].map(|n| (n * HEARTBEAT.period_ms, HEARTBEAT.write)));
        let Fact::RawRequest(RawRequest { text }) = &stream.lines[0].1.fact else { panic!("no request") };
        assert!(text.starts_with(HEARTBEAT.request));
    }

    #[test]
    fn a_server_that_takes_no_connection_does_not_pass() {
        let golden = Golden::read();
        for scenario in golden.streams.iter().chain(&golden.scenes) {
            let unconnected = scenario.clients().first().map(|name| (*name).to_owned());
            let seen = Observation { unconnected, ..OtherClients::default().observation(Vec::new()) };
            let evidence = judge(&golden.cases, scenario, &seen, &Pace::exact(), &Stalls::default());
            assert!(!evidence.is_clean(), "{}", scenario.path);
        }
        for request in &golden.requests {
            let evidence = request.judge(&golden.cases, None);
            let findings: usize = request.cases.iter().map(|case| evidence.record(case).found).sum();
            assert!(findings > 0, "{}", request.id);
        }
    }
}
