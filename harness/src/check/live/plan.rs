//! What a check has to do, and in which order.

use std::time::Duration;

use crate::check::Scope;
use crate::fixtures::format::Exchange;
use crate::fixtures::golden::Golden;
use crate::judge::pace::Pace;
use crate::judge::scene::Scene;

/// What has to be done.
pub(super) struct Plan<'a> {
    /// Watched all at the same time.
    pub(super) streams: Vec<Scene>,
    /// `/sse`, watched when the short scenes are over.
    pub(super) sse: Option<Scene>,
    /// Played one after another, since they count the clients of `/sse`.
    pub(super) short: Vec<&'a Scene>,
    /// Played beside `/sse`.
    pub(super) long: Vec<&'a Scene>,
    /// Those that the clients of `/sse` do not notice.
    pub(super) apart: Vec<&'a Exchange>,
    /// Those that join them, or send them events.
    pub(super) noticed: Vec<&'a Exchange>,
    pub(super) length: Duration,
}

/// A scene that is over by then is short.
const SHORT_MS: u64 = 5_000;

impl<'a> Plan<'a> {
    pub(super) fn new(golden: &'a Golden, scope: &Scope, pace: &Pace) -> Self {
        let wanted = |scene: &&Scene| scope.cases.has_any(scene.lines.iter().flat_map(|(_, line)| &line.notes.cases));
        let (sse, streams): (Vec<&Scene>, Vec<&Scene>) =
            golden.streams.iter().filter(wanted).partition(|scene| scene.path.ends_with("/sse.jsonl"));
        let cut = |scene: &Scene| scene.clone().until(scope.watched_ms());
        let in_time = |scene: &&Scene| scene.length_ms <= scope.watched_ms();
        let (short, long) =
            golden.scenes.iter().filter(wanted).filter(in_time).partition(|scene| scene.length_ms <= SHORT_MS);
        let (noticed, apart) = golden
            .requests
            .iter()
            .filter(|request| scope.cases.has_any(&request.cases))
            .partition(|request| is_noticed(request));
        let mut plan = Self {
            streams: streams.into_iter().map(cut).collect(),
            sse: sse.into_iter().map(cut).next(),
            short,
            long,
            apart,
            noticed,
            length: Duration::ZERO,
        };
        let longest = plan.streams.iter().map(|scene| scene.length_ms).max().unwrap_or_default();
        let beside =
            plan.sse.iter().chain(plan.long.iter().copied()).map(|scene| scene.length_ms).max().unwrap_or_default();
        let short: Duration = plan.short.iter().map(|scene| pace.takes(scene.length_ms) + 4 * pace.settling).sum();
        plan.length = pace.takes(longest).max(pace.takes(beside) + short) + pace.settling;
        plan
    }

    pub(super) fn parts(&self) -> usize {
        let requests = usize::from(!self.apart.is_empty()) + usize::from(!self.noticed.is_empty());
        self.streams.len() + usize::from(self.sse.is_some()) + self.short.len() + self.long.len() + requests
    }
}

/// Whether the request looks like one that joins the clients of `/sse`, or sends them an event, even where it must not.
fn is_noticed(exchange: &Exchange) -> bool {
    let target = exchange.request.split(' ').nth(1).unwrap_or_default().to_ascii_lowercase();
    target.replace("sse-data", "").contains("sse")
        || ["broadcast", "heartbeat"].iter().any(|word| target.contains(word))
}
