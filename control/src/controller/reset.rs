//! A reset: a new world replaces the old world.

use onbeat_server::random::Seed;
use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::{Controller, OperationError};

/// The outcome of a reset.
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
    /// Opens a new world, and ends the responses of the old world. Connections without a stream stay, and count as new
    /// connections in the new world. Without a scenario or a seed, the world has the scenario or the seed of the start.
    /// Calls `opened` when the new world is open. The reset goes on even if the caller leaves.
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
        // Lets one reset follow another, so that each answer counts the responses of one world.
        let _alone = self.resetting.lock().await;
        // Opens the new world before ending the old, so that a client that reconnects at once finds the new world.
        let old = self.renew(scenario, seed);
        opened();
        // Ends the responses in a task of its own, which goes on to the end even if the caller leaves.
        let ended = tokio::spawn(async move { old.monitor.end_all().await }).await;
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let now = self.instance().world.timestamp(Instant::EPOCH);
        Ok(ResetReport { now_ms: 0, now, ended })
    }
}
