//! Sends a single request, and waits for as much of the answer as can be judged.

use std::time::Duration;

use super::Target;
use crate::judge::{AfterAnswer, Case, ExpectedExchange, Tier};
use crate::player::{Action, Bounds, ClientLog};

/// The times after which an answer is given up: in general, where servers may differ anyway, and where the body is long.
const PATIENCE: Duration = Duration::from_secs(10);
const PATIENCE_TO_OBSERVE: Duration = Duration::from_secs(2);
const PATIENCE_FOR_A_STREAM: Duration = Duration::from_secs(15);
/// A longer body is the body of a stream.
const SHORT_BODY_BYTES_MAX: usize = 1000;

/// Sends the request, and waits for the expected answer; returns no log if the target can't be reached.
pub(super) async fn perform(target: &mut impl Target, wanted: &ExpectedExchange, cases: &[Case]) -> Option<ClientLog> {
    let mut client = target.connect(Bounds { bytes_max: 1 << 20, entries_max: 1 << 12 }).await.ok()?;
    let ExpectedExchange { request, response, then, .. } = wanted;
    client.act(Action::request(target.address(request))).await;
    // Waits only briefly for a request that servers may answer differently.
    let observes = cases.iter().any(|case| wanted.cases.contains(&case.id) && case.tier == Tier::Observe);
    let streams = response.body.as_ref().is_some_and(|body| body.len() > SHORT_BODY_BYTES_MAX);
    let patience = match (streams, observes) {
        (true, _) => PATIENCE_FOR_A_STREAM,
        (false, true) => PATIENCE_TO_OBSERVE,
        (false, false) => PATIENCE,
    };
    let enough = |log: &ClientLog| {
        let Some(got) = log.first_exchange() else { return false };
        // Stops at a wrong status, behind which there is no more to wait for: the body may be a stream without end.
        if got.head.is_some() && !response.has_status(got.status()) {
            return true;
        }
        match &response.body_start {
            Some(start) => got.end.is_some() || got.body().len() >= start.len(),
            None => got.end.is_some() && *then != AfterAnswer::Closed,
        }
    };
    client.until_within(patience, enough).await;
    Some(client.close().await)
}
