//! The pulse of a stream: when writes were due, and when pieces came.

use std::time::Duration;

use onbeat_wire::How;

use crate::judge::{AT_ONCE, Observation, Pace, Scenario, bursts};

/// When the writes of one stream were due, and when pieces came, in real time since the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::check) struct Pulse {
    /// When each write was due, at the expected speed.
    pub(super) due: Vec<Duration>,
    /// When each piece came.
    pub(super) came: Vec<Duration>,
    /// Whether the response ended before the checker left.
    pub(super) ended: bool,
    /// How long the stream was watched.
    pub(super) watched: Duration,
}

impl Pulse {
    /// Takes the pulse of the first client of a scenario.
    pub(in crate::check) fn take(scenario: &Scenario, seen: &Observation, pace: &Pace) -> Self {
        let due = scenario.first_writes().iter().map(|(_, line)| pace.takes(line.t_ms)).collect();
        let first = seen.logs.first().zip(seen.first_response());
        let Some(((_, log), (response, pieces))) = first else { return Self { due, ..Self::default() } };
        let came = pieces.iter().map(|piece| piece.at - response.sent).collect();
        let left = log.left_at().map_or(Duration::ZERO, |left| left - response.sent);
        // Takes a response that can't be read for ended.
        let ended = response.broken.is_some() || !matches!(response.end, None | Some((_, How::Closed)));
        Self { due, came, ended, watched: left }
    }

    /// Returns how many writes were due at once with the request.
    pub(super) fn due_at_once(&self) -> usize {
        self.due.iter().filter(|due| due.is_zero()).count()
    }

    /// Returns in how many bursts the writes that came were due.
    pub(super) fn bursts_due(&self) -> usize {
        bursts(self.due.iter().take(self.came.len()).copied())
    }

    /// Returns in how many bursts the writes came.
    pub(super) fn bursts(&self) -> usize {
        bursts(self.came.iter().copied())
    }

    /// Returns whether a piece came clearly too early, if the pieces are the writes in order.
    pub(super) fn is_early(&self) -> bool {
        self.came.iter().zip(&self.due).any(|(came, due)| *came + AT_ONCE < *due)
    }
}
