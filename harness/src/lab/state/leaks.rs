//! Leaks: requests that the application is still at work on after all clients have left.

use std::time::Duration;

use super::LabState;
use crate::lab::failure::LabFailure;
use crate::lab::peer::Peer;

/// How often the lab looks whether the application has noticed that all clients have left.
const LEAVING_STEP: Duration = Duration::from_secs(10);

impl LabState {
    /// Lets all clients leave.
    pub(in crate::lab) async fn close_all(&self) {
        for client in self.clients() {
            client.leave().await;
        }
        self.settle().await;
        // Gives hyper time: while a further request waits, hyper sees a leave only when the next write fails.
        let end = self.clock.now() + self.patience;
        while self.leak().is_some() && self.clock.now() < end {
            self.touch();
            self.clock.sleep_until(self.clock.now() + LEAVING_STEP).await;
            self.settle().await;
        }
    }

    /// Returns the failure that the application is still at work on requests of clients, all of which have left.
    pub(in crate::lab) fn leak(&self) -> Option<LabFailure> {
        let mut open = self.open.list();
        open.retain(|request| matches!(request.peer, Peer::Client(_)));
        (!open.is_empty()).then_some(LabFailure::Leaked(open))
    }
}
