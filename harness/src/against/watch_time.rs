//! How long the response to a replayed request is watched.

use std::time::Duration;

use onbeat_wire::How;

use super::facts::ResponseFacts;
use crate::judge::PATIENCE;

/// An endless response is watched so much longer than the recording: a late write is late, and not missing.
const OVERTIME: Duration = Duration::from_secs(1);

impl ResponseFacts {
    /// Returns whether the response was open at the end of the recording.
    pub(super) fn is_endless(&self) -> bool {
        self.end.is_none_or(|end| end.how == How::Closed)
    }

    /// Returns how long the response is watched at most, where the recording takes so long now, and writes may be so late.
    pub(super) fn usual_watch(&self, length: Duration, tolerance: Duration) -> Duration {
        if self.is_endless() { length + tolerance * 2 + OVERTIME } else { length * 5 / 4 + tolerance + PATIENCE }
    }

    /// Returns how long the response is watched: as long as a user asks for, but not longer than until its end.
    pub(super) fn watch(&self, usual: Duration, asked: Option<Duration>) -> Duration {
        match asked {
            Some(asked) if self.is_endless() => asked,
            Some(asked) => asked.min(usual),
            None => usual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::against::facts::EndFact;

    #[test]
    fn a_user_decides_how_long_an_endless_response_is_watched_and_an_end_ends_the_watch() {
        let endless = ResponseFacts::default();
        let (second, tolerance) = (Duration::from_secs(1), Duration::from_millis(250));
        let usual = endless.usual_watch(4 * second, tolerance);
        assert_eq!(usual, 5 * second + 2 * tolerance);
        assert_eq!((endless.watch(usual, None), endless.watch(usual, Some(60 * second))), (usual, 60 * second));
        let end = Some(EndFact { line: 9, at_ms: 4000, how: How::Complete });
        let ending = ResponseFacts { end, ..endless };
        let usual = ending.usual_watch(4 * second, tolerance);
        assert_eq!(usual, 15 * second + tolerance);
        assert_eq!((ending.watch(usual, Some(second)), ending.watch(usual, Some(60 * second))), (second, usual));
    }
}
