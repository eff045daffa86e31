//! Watches again where a busy machine may explain late writes: lateness counts only if found each time.

use super::inspection::Inspection;
use crate::judge::{Evidence, PATIENCE, REPEATS_MAX, Scenario};

impl<'a> Inspection<'a> {
    /// Watches a scenario again for as long as the evidence is in doubt, and returns the evidence of all watches together.
    pub(super) async fn watch_again(
        &self,
        scenario: &Scenario,
        mut evidence: Evidence<'a>,
        mut watch: impl AsyncFnMut() -> Evidence<'a>,
    ) -> Evidence<'a> {
        for _ in 0..REPEATS_MAX {
            if !evidence.is_in_doubt(scenario.writes()) {
                break;
            }
            // Allows the time before the repeat: otherwise the check would be overdue in the middle of a long scenario.
            self.allow(self.live.pace.takes(scenario.length_ms) * 5 / 4 + PATIENCE);
            evidence.settle_doubts(watch().await);
        }
        evidence
    }
}
