//! Performs single requests side by side.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use onbeat_wire::How;

use super::inspection::Inspection;
use crate::check::requests::perform;
use crate::judge::{Evidence, ExpectedExchange};

/// The most attempts at a request: a reset may have overtaken an answer that failed soon, or no answer came in time.
const ATTEMPTS: usize = 3;
/// A whole answer that took longer was no accident.
const SOON: Duration = Duration::from_secs(5);
/// The number of requests at the same time.
const SIDE_BY_SIDE: usize = 16;

impl<'a> Inspection<'a> {
    /// Performs requests side by side.
    pub(super) async fn requests(&self, requests: &[&ExpectedExchange]) {
        if requests.is_empty() {
            return;
        }
        let evidence = stream::iter(requests).map(|request| self.request(request)).buffer_unordered(SIDE_BY_SIDE);
        // Adds each evidence at once, which then counts even if the rest is given up.
        evidence.for_each(async |evidence| self.findings().evidence.add(evidence)).await;
        self.finished([]);
    }

    /// Performs a request; again, if the answer failed at once, or did not come in time.
    async fn request(&self, request: &ExpectedExchange) -> Evidence<'a> {
        let (mut attempts, begun) = (0, self.live.clock.now());
        loop {
            attempts += 1;
            let start = self.live.clock.now();
            let log = perform(&mut self.live.clone(), request, self.cases).await;
            let evidence = request.judge(self.cases, log.as_ref());
            let soon = self.live.clock.now() - start < SOON;
            let is_over = log.and_then(|log| log.first_exchange()?.end).is_some_and(|(_, how)| how != How::Closed);
            // Accepts a complete and late answer, which was no accident.
            if evidence.is_clean() || attempts == ATTEMPTS || !soon && is_over {
                return evidence;
            }
            self.allow_beside(self.live.clock.now() - begun);
        }
    }
}
