//! The plan of a check: which parts run side by side, and which one after another.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join, join_all};

use super::client_numbers::ClientNumbers;
use super::inspection::Inspection;
use super::target::SETTLING;
use crate::check::{Noise, Target};
use crate::fixtures::read_back::Golden;
use crate::judge::{ExpectedExchange, Pace, Scenario};

/// The parts of a check.
pub(super) struct Plan<'a> {
    /// The streams that end, watched all at the same time.
    pub(super) streams: Vec<&'a Scenario>,
    /// `/sse`, watched after the short scenarios.
    sse: Option<&'a Scenario>,
    /// Short scenarios, played one after another, since each counts the clients of `/sse`.
    short: Vec<&'a Scenario>,
    /// Long scenarios, played beside `/sse`.
    long: Vec<&'a Scenario>,
    /// Requests that the clients of `/sse` do not notice.
    apart: Vec<&'a ExpectedExchange>,
    /// Requests that join the clients of `/sse`, or send events to the clients.
    noticed: Vec<&'a ExpectedExchange>,
    pub(super) length: Duration,
}

/// A scenario that is over by then is short.
const SHORT_MS: u64 = 5_000;
/// The requests begin so long after the streams: a burst of connections on a busy machine would delay the first writes of the
/// streams, and hide writes that are too early.
const REQUESTS_AFTER: Duration = Duration::from_secs(1);

impl<'a> Plan<'a> {
    pub(super) fn new(golden: &'a Golden, pace: &Pace) -> Self {
        let (sse, streams): (Vec<&Scenario>, Vec<&Scenario>) =
            golden.streams.iter().partition(|stream| stream.path.ends_with("/sse.jsonl"));
        let (short, long): (Vec<&Scenario>, Vec<&Scenario>) =
            golden.scenes.iter().partition(|scenario| scenario.length_ms <= SHORT_MS);
        let (noticed, apart) = golden.requests.iter().partition(|request| is_noticed(request));
        let longest = |scenarios: &[&Scenario]| {
            pace.takes(scenarios.iter().map(|scenario| scenario.length_ms).max().unwrap_or_default())
        };
        // Adds the pauses after clients that leave, in which the server settles.
        let short_length: Duration = short.iter().map(|scenario| pace.takes(scenario.length_ms) + 4 * SETTLING).sum();
        let rest = REQUESTS_AFTER + short_length + longest(&sse).max(longest(&long));
        let length = longest(&streams).max(rest) + SETTLING;
        Self { streams, sse: sse.first().copied(), short, long, apart, noticed, length }
    }

    pub(super) fn parts(&self) -> usize {
        let requests = usize::from(!self.apart.is_empty()) + usize::from(!self.noticed.is_empty());
        self.streams.len() + usize::from(self.sse.is_some()) + self.short.len() + self.long.len() + requests
    }

    /// Returns the cases of all parts but the streams that end.
    pub(super) fn cases_of_rest(&self) -> Vec<String> {
        let scenarios = self.sse.iter().chain(&self.short).chain(&self.long).flat_map(|scenario| scenario.cases());
        let requests = self.apart.iter().chain(&self.noticed).flat_map(|request| &request.cases);
        scenarios.chain(requests).cloned().collect()
    }
}

/// Returns whether a request looks like a request that joins the clients of `/sse` or sends an event to the clients, even
/// where the server must not do so.
fn is_noticed(request: &ExpectedExchange) -> bool {
    let target = request.request.split(' ').nth(1).unwrap_or_default().to_ascii_lowercase();
    target.replace("sse-data", "").contains("sse")
        || ["broadcast", "heartbeat"].iter().any(|word| target.contains(word))
}

impl Inspection<'_> {
    /// Performs all parts.
    pub(super) async fn perform(&self, plan: &Plan<'_>) {
        let streams = plan.streams.iter().map(|stream| self.stream(stream, Noise::None).boxed_local());
        // Watches the streams that end beside the rest: neither the streams nor the requests apart disturb other parts.
        let mut lanes: Vec<LocalBoxFuture<()>> = streams.collect();
        let rest = async {
            if !plan.streams.is_empty() {
                self.live.clock.sleep_until(self.live.clock.now() + REQUESTS_AFTER).await;
            }
            join(self.requests(&plan.apart), self.noticed(plan)).await;
        };
        lanes.push(self.unless_in_vain(plan, rest).boxed_local());
        join_all(lanes).await;
    }

    /// Performs the parts that the clients of `/sse` notice, one after another; at last watches `/sse` itself.
    async fn noticed(&self, plan: &Plan<'_>) {
        // Counts the clients before the check has any.
        let at_first = if plan.short.is_empty() { None } else { self.clients().await };
        let mut numbers = ClientNumbers::new(at_first);
        if !plan.noticed.is_empty() {
            self.requests(&plan.noticed).await;
            numbers.joined(plan.noticed.len());
            self.live.settle().await;
        }
        // Plays one after another: counts are right only while no other part has clients of `/sse`.
        for scenario in &plan.short {
            self.scenario(scenario, &mut numbers).await;
        }
        let sse = plan.sse.iter().map(|stream| self.stream(stream, Noise::AllUsers).boxed_local());
        let mut lanes: Vec<LocalBoxFuture<()>> = sse.collect();
        lanes.extend(plan.long.iter().map(|scenario| self.long_scenario(scenario).boxed_local()));
        join_all(lanes).await;
    }
}
