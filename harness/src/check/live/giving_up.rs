//! Gives up the rest of a check where waiting is in vain: behind a buffering proxy, or before a stopped clock, each scenario
//! would wait for each line, for minutes.

use super::inspection::{Inspection, TICK};
use super::plan::Plan;
use crate::check::hint::Cause;
use crate::judge::Skipped;

impl Inspection<'_> {
    /// Performs the parts of a check beside the ending streams, and gives the parts up once the streams prove waiting vain.
    pub(super) async fn unless_in_vain<T>(&self, plan: &Plan<'_>, rest: impl Future<Output = T>) {
        tokio::select! {
            biased;
            _ = rest => {}
            () = self.in_vain(plan) => self.findings().evidence.skipped(&plan.cases_of_rest(), &Skipped::GivenUp),
        }
    }

    /// Waits until the raw clients have seen all ending streams. Returns only if waiting for more is in vain.
    async fn in_vain(&self, plan: &Plan<'_>) {
        while self.findings().pulses.len() < plan.streams.len() {
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
        }
        let cause = Cause::of_times(&self.findings().pulses, self.live.pace.speed);
        if !cause.is_some_and(Cause::makes_waiting_vain) {
            std::future::pending::<()>().await;
        }
    }
}
