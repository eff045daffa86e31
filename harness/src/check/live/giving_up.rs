//! Gives up the rest of a check where waiting is in vain: a proxy that holds back all streams, or a clock that stands still,
//! would make each scenario wait for each line, for minutes.

use super::inspection::{Inspection, TICK};
use super::plan::Plan;
use crate::check::hint::Cause;
use crate::judge::Skipped;

impl Inspection<'_> {
    /// Performs the parts of a check beside the streams that end, and gives the parts up once the streams show that waiting
    /// is in vain.
    pub(super) async fn unless_in_vain<T>(&self, plan: &Plan<'_>, rest: impl Future<Output = T>) {
        tokio::select! {
            biased;
            _ = rest => {}
            () = self.in_vain(plan) => self.findings().evidence.skipped(&plan.cases_of_rest(), &Skipped::GivenUp),
        }
    }

    /// Waits until all streams that end have shown, to the raw clients, that waiting is in vain. Waits for ever otherwise.
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
