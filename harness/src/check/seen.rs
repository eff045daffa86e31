//! What clients saw of a scenario, on a server with other users at the same time.

use onbeat_wire::Event;

use super::noise::has_message;
use super::{Noise, Tag};
use crate::judge::{self, Case, Dispatched, Evidence, Observation, Others, Pace, Recurring, Scenario, Stalls, Vary};
use crate::player::ClientLog;

/// The heartbeat of `/sse`. The machine decides how long a scenario takes, so that more may fall due than a fixture has.
pub(super) const HEARTBEAT: Recurring = Recurring { request: "GET /sse ", write: "heartbeat:\n\n", period_ms: 30_000 };

/// What clients saw of a scenario.
#[derive(Debug)]
pub(super) struct Seen {
    /// The log of each client, in the order of their appearance.
    pub(super) logs: Vec<(String, ClientLog)>,
    /// The tag that the check put into the messages of the scenario.
    pub(super) tag: Tag,
    /// The events of other users that a client of `/sse` may have heard besides.
    pub(super) noise: Noise,
    /// How many clients of `/sse` there were besides; none if the number is unknown.
    pub(super) others: Option<u64>,
    /// What an application dispatched, if an application watched.
    pub(super) dispatched: Option<Dispatched>,
}

impl Seen {
    /// Returns what clients saw on a server without other users.
    pub(super) fn alone(logs: Vec<(String, ClientLog)>) -> Self {
        Self { logs, tag: Tag::default(), noise: Noise::None, others: Some(0), dispatched: None }
    }

    /// Holds what clients saw against the scenario.
    pub(super) fn judge<'a>(
        &self,
        cases: &'a [Case],
        scenario: &Scenario,
        pace: &Pace,
        stalls: &Stalls,
    ) -> Evidence<'a> {
        judge::judge(cases, scenario, &self.observation(), pace, stalls)
    }

    /// Returns the input of the judge.
    pub(super) fn observation(&self) -> Observation<'_> {
        let Self { logs, dispatched, .. } = self;
        Observation { logs, dispatched: dispatched.as_ref(), others: self, recurring: Some(HEARTBEAT) }
    }

    /// Returns whether a client of `/sse` heard a message that no client of the scenario had sent.
    pub(super) fn hears_others(&self, scenario: &Scenario) -> bool {
        let seen = self.observation();
        let pieces = self.logs.iter().flat_map(|(_, log)| log.answers()).flat_map(|response| response.pieces());
        let is_known = |piece: &[u8]| scenario.lines.iter().any(|(_, line)| seen.conforms(line, piece));
        // A message with the tag of the check comes from the scenario itself, right or wrong.
        let mut messages = pieces.filter(|piece| has_message(&piece.bytes) && !self.tag.is_in(&piece.bytes));
        messages.any(|piece| !is_known(&piece.bytes))
    }
}

impl Others for Seen {
    fn clients(&self) -> Option<u64> {
        self.others
    }

    fn marked(&self, write: &str, vary: &[Vary]) -> String {
        self.tag.expected(write, vary)
    }

    fn may_have_caused(&self, piece: &[u8]) -> bool {
        self.noise.has(piece, &self.tag)
    }

    fn may_have_caused_event(&self, event: &Event) -> bool {
        !self.noise.may_be_own(event)
    }

    fn are_left_out(&self) -> bool {
        self.noise == Noise::AllUsers
    }
}

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::{Fact, RawRequest};

    use super::*;
    use crate::fixtures::golden::Golden;

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
            let seen = Seen::alone(Vec::new());
            let evidence = seen.judge(&golden.cases, scenario, &Pace::exact(), &Stalls::default());
            assert!(!evidence.is_clean(), "{}", scenario.path);
        }
        for request in &golden.requests {
            let evidence = request.judge(&golden.cases, None);
            let findings: usize = request.cases.iter().map(|case| evidence.record(case).found).sum();
            assert!(findings > 0, "{}", request.id);
        }
    }
}
