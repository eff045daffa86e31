//! What was seen of a scene, on a server that others may use at the same time.

use onbeat_wire::Event;

use super::heartbeats::HEARTBEAT;
use super::noise::{Noise, has_message};
use super::tag::Tag;
use crate::judge::case::Case;
use crate::judge::evidence::Evidence;
use crate::judge::observation::{Dispatched, Observation};
use crate::judge::others::Others;
use crate::judge::pace::Pace;
use crate::judge::responses::got;
use crate::judge::scene::Scene;
use crate::judge::stalls::Stalls;
use crate::judge::trial;
use crate::judge::vary::Vary;
use crate::player::ClientLog;

/// What was seen of a scene.
#[derive(Debug)]
pub(super) struct Seen {
    /// The log of each client, in the order of their appearance.
    pub(super) logs: Vec<(String, ClientLog)>,
    /// The tag that this run put into its messages.
    pub(super) tag: Tag,
    /// Events of others that a client of `/sse` may have heard besides.
    pub(super) noise: Noise,
    /// How many clients of `/sse` there were besides; nothing if that can't be told.
    pub(super) others: Option<u64>,
    /// What an application dispatched, if one watched.
    pub(super) dispatched: Option<Dispatched>,
}

/// Holds what was seen of a scene against the fixture.
pub(super) fn judge<'a>(cases: &'a [Case], scene: &Scene, seen: &Seen, pace: &Pace, stalls: &Stalls) -> Evidence<'a> {
    trial::judge(cases, scene, &seen.observation(), pace, stalls)
}

impl Seen {
    /// Returns what the judge looks at.
    pub(super) fn observation(&self) -> Observation<'_> {
        let Self { logs, dispatched, .. } = self;
        Observation { logs, dispatched: dispatched.as_ref(), others: self, recurring: Some(HEARTBEAT) }
    }

    /// Returns whether a client of `/sse` heard a message that nobody of the scene had sent.
    pub(super) fn hears_others(&self, scene: &Scene) -> bool {
        let seen = self.observation();
        let pieces = self.logs.iter().flat_map(|(_, log)| got(log)).flat_map(|response| response.pieces());
        let is_known = |piece: &[u8]| scene.lines.iter().any(|(_, line)| seen.differences(line, piece).is_empty());
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
        self.noise == Noise::Anybody
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::golden::Golden;

    #[test]
    fn a_server_that_takes_no_connection_does_not_pass() {
        let golden = Golden::read();
        for scene in golden.streams.iter().chain(&golden.scenes) {
            let (logs, tag) = (Vec::new(), Tag::default());
            let seen = Seen { logs, tag, noise: Noise::None, others: Some(0), dispatched: None };
            let evidence = judge(&golden.cases, scene, &seen, &Pace::exact(), &Stalls::default());
            assert!(!evidence.is_clean(), "{}", scene.path);
        }
        for exchange in &golden.requests {
            let evidence = crate::check::exchange::judge(&golden.cases, exchange, None);
            let findings: usize = exchange.cases.iter().map(|case| evidence.record(case).found).sum();
            assert!(findings > 0, "{}", exchange.id);
        }
    }
}
