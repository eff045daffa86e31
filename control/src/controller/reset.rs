//! A reset: a new world replaces the old world.

use onbeat_server::random::Seed;
use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::{Controller, OperationError};

/// A server that was reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResetReport {
    /// The time in the new world: 0.
    pub now_ms: u64,
    /// The wall-clock time.
    pub now: Timestamp,
    /// How many responses of the old world were ended.
    pub ended: usize,
}

impl Controller {
    /// Opens a new world, and ends the responses of the old one. Connections without a stream stay, and count as new
    /// connections in the new world. Without a scenario and a seed, the world has those with which the server was started.
    /// Calls `opened` when the new world is open. A caller that leaves does not stop the reset.
    ///
    /// # Errors
    ///
    /// If there is no such scenario.
    pub async fn reset(
        &self,
        scenario: Option<&str>,
        seed: Option<Seed>,
        opened: impl FnOnce(),
    ) -> Result<ResetReport, OperationError> {
        if let Some(name) = scenario {
            self.settings.routes.check_scenario(name)?;
        }
        // One reset after another: the answer counts the responses of one world.
        let _alone = self.resetting.lock().await;
        let old = self.renew(scenario, seed);
        opened();
        // A task of its own goes on to the end, even if the caller leaves.
        let ended = tokio::spawn(async move { old.monitor.end_all().await }).await;
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let now = self.instance().world.timestamp(Instant::EPOCH);
        Ok(ResetReport { now_ms: 0, now, ended })
    }
}
