//! A check in virtual time under way: the findings so far. Virtual time knows no stall.

use super::{Scope, application};
use crate::fixtures::read_back::Golden;
use crate::judge::{
    Evidence, ExpectedExchange, Measured, Observation, Pace, Report, Scenario, Stalls, Timeline, judge,
};
use crate::player::ClientLog;

/// A check in virtual time under way.
pub(super) struct ExactCheck<'g> {
    golden: &'g Golden,
    evidence: Evidence<'g>,
    timelines: Vec<Timeline>,
    pace: Pace,
}

impl<'g> ExactCheck<'g> {
    /// Returns a check that has no findings yet.
    pub(super) fn new(golden: &'g Golden, scope: &Scope, pace: Pace) -> Self {
        let mut evidence = Evidence::new(&golden.cases);
        scope.explain(&mut evidence);
        Self { golden, evidence, timelines: Vec::new(), pace }
    }

    /// Judges a stream, also as an application sees the stream.
    pub(super) fn stream(&mut self, stream: &Scenario, mut seen: Observation) {
        let response = seen.first_response();
        seen.dispatched = response.map(|(got, _)| application::dispatch(got.writes.iter().map(|(_, bytes)| bytes)));
        self.timelines.push(Timeline::of(stream, &seen, &self.pace));
        self.scenario(stream, &seen);
    }

    /// Judges a scenario.
    pub(super) fn scenario(&mut self, scenario: &Scenario, seen: &Observation) {
        self.evidence.add(judge(&self.golden.cases, scenario, seen, &self.pace, &Stalls::default()));
    }

    /// Judges a single request.
    pub(super) fn request(&mut self, request: &ExpectedExchange, log: Option<&ClientLog>) {
        self.evidence.add(request.judge(&self.golden.cases, log));
    }

    /// Returns the report on the target.
    pub(super) fn report(self, scope: &Scope, target: &str) -> Report {
        let verdicts = self.evidence.verdicts(|id| scope.cases.has(id), None);
        let (target, by) = (target.to_owned(), Measured::Fixtures);
        Report { target, verdicts, timelines: self.timelines, trouble: None, hint: None, by }
    }
}
