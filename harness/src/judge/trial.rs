//! One scenario being judged: logs go in, evidence comes out.

mod alignment;
mod events;
mod head;
mod periodic;
#[cfg(test)]
mod tests;
mod times;
mod values;
mod writes;

use std::collections::BTreeMap;

use onbeat_wire::recording::{End, Fact};
use onbeat_wire::{How, Instant};

use self::times::Gap;
use super::milliseconds::duration_ms;
use super::responses::ExpectedResponse;
use super::{
    Aspect, Case, Evidence, Finding, NumberedLine, Observation, Pace, Scenario, ScenarioLine, Skipped, Stalls, float_ms,
};
use crate::player::{ClientLog, HttpExchange};

/// Holds the logs of clients against the scenario.
pub(crate) fn judge<'a>(
    cases: &'a [Case],
    scenario: &Scenario,
    seen: &Observation,
    pace: &Pace,
    stalls: &Stalls,
) -> Evidence<'a> {
    let log_of = |name: &str| seen.logs.iter().find(|(known, _)| known == name).map(|(_, log)| log);
    let of_client =
        |name: &str| (scenario.responses_of(name), log_of(name).map(ClientLog::answers).unwrap_or_default());
    let names = scenario.clients();
    let clients: Vec<(Vec<ExpectedResponse>, Vec<HttpExchange>)> = names.iter().copied().map(of_client).collect();
    // The requests of all clients come first: the time of a write may depend on a request of another client.
    let sent = clients.iter().flat_map(|(expected, got)| {
        expected.iter().zip(got).map(|(expected, got)| (expected.request.0, (expected.request.1.t_ms, got.sent)))
    });
    let causes = sent.collect();
    let evidence = Evidence::new(cases);
    let mut trial = Trial { evidence, scenario, seen, pace, stalls, causes, gaps: BTreeMap::new() };
    for (name, (expected, got)) in names.iter().zip(&clients) {
        for (at, expected) in expected.iter().enumerate() {
            match got.get(at) {
                Some(got) => trial.response(Comparison { expected, got }),
                None if seen.unconnected.as_deref() == Some(*name) => trial.never_connected(expected),
                None => trial.skip(expected, &Skipped::BrokeOff(scenario.path.clone())),
            }
        }
        // A request after the end of the last response shows whether the connection can be used again.
        if let (Some(expected), [_, .., after]) = (expected.last(), &got[..])
            && let Some(end) = expected.end.filter(|(_, end)| checks(cases, end, Aspect::Reuse))
        {
            trial.reuse(end, after);
        }
    }
    if let Some(dispatched) = &seen.dispatched {
        let events = clients.iter().flat_map(|(expected, _)| expected).flat_map(|expected| &expected.events);
        trial.events(&events.copied().collect::<Vec<_>>(), dispatched);
    }
    // Periods come last: a period has gaps from all responses.
    trial.periods();
    trial.evidence.took(seen.logs.iter().map(|(_, log)| log.lasted()).max().unwrap_or_default());
    trial.evidence
}

/// Returns whether a case of the line looks at the aspect.
fn checks(cases: &[Case], line: &ScenarioLine, aspect: Aspect) -> bool {
    cases.iter().any(|case| case.checks.contains(&aspect) && line.notes.cases.contains(&case.id))
}

/// The most pieces of a response that are judged: more than any conforming response has, even among many other users.
const PIECES_MAX: usize = 4096;

/// A response that came, beside the expected response.
#[derive(Clone, Copy)]
struct Comparison<'r> {
    expected: &'r ExpectedResponse<'r>,
    got: &'r HttpExchange,
}

impl Comparison<'_> {
    /// Returns when the request was to be sent, and when the request was sent.
    fn request_time(self) -> (u64, Instant) {
        (self.expected.request.1.t_ms, self.got.sent)
    }
}

/// One scenario being judged.
struct Trial<'a, 's> {
    evidence: Evidence<'a>,
    scenario: &'s Scenario,
    seen: &'s Observation,
    pace: &'s Pace,
    stalls: &'s Stalls,
    /// By the line of a request, the time at which the request was to be sent, and the time at which the request was sent.
    causes: BTreeMap<usize, (u64, Instant)>,
    /// By case and period in ms, the gaps that were seen.
    gaps: BTreeMap<(String, u64), Vec<Gap>>,
}

impl Trial<'_, '_> {
    /// Returns a finding against a line, at the time of the line.
    fn finding(
        &self,
        (number, line): NumberedLine,
        expected: impl Into<String>,
        actual: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        let place = format!("{}:{number}", self.scenario.path);
        let t_ms = Some(float_ms(line.t_ms));
        Finding { t_ms, ..Finding::new(place, expected, actual, why) }
    }

    fn never_connected(&mut self, expected: &ExpectedResponse) {
        if let Some(head) = expected.head {
            let finding = self.finding(head, "an answer", "no connection", "the server was not reached");
            self.evidence.found(&head.1.notes.cases, Aspect::Status, &finding);
        }
        self.skip(expected, &Skipped::NoConnection);
    }

    /// Notes that the lines not judged before can't be judged.
    fn skip(&mut self, expected: &ExpectedResponse, why: &Skipped) {
        for (_, line) in expected.head.iter().chain(&expected.writes).chain(&expected.end) {
            self.evidence.skipped(&line.notes.cases, why);
        }
    }

    fn response(&mut self, response: Comparison) {
        if self.head(response) {
            // Where the writes of all users are left out of the scenario, the same writes are left out of the pieces.
            let others = &self.seen.others;
            let mut pieces = response.got.pieces();
            pieces.retain(|piece| !others.are_left_out() || !others.may_have_caused(&piece.bytes));
            let writes = self.apart_from_recurring(response, &mut pieces);
            pieces.truncate(PIECES_MAX);
            let last = self.writes(response, writes, &pieces);
            self.end(response, last);
        }
    }

    /// Judges how and when the response ended, after the last write: when the last write was to come, and when it came.
    fn end(&mut self, Comparison { expected, got }: Comparison, last: (u64, Instant)) {
        let Some(end) = expected.end else { return };
        let Fact::End(End { how }) = end.1.fact else { return };
        self.evidence.judged_for(&end.1.notes.cases, &[Aspect::End]);
        let came = got.end.map(|(_, how)| how);
        // A client can't tell a close from a reset where the client leaves, nor a reset from a cut.
        let is_right = match how {
            How::Closed | How::Reset => matches!(came, Some(How::Closed | How::Reset)),
            How::Cut => matches!(came, Some(How::Cut | How::Reset)),
            How::Complete => came == Some(How::Complete),
        };
        let told = |how: Option<How>| match how {
            None | Some(How::Closed) => got.broken.clone().unwrap_or_else(|| "the response goes on".into()),
            Some(how) => format!("the response is {how}"),
        };
        if !is_right {
            let finding = self.finding(end, told(Some(how)), told(came), "the end");
            self.evidence.found(&end.1.notes.cases, Aspect::End, &finding);
        }
        if let (How::Complete, Some((at, How::Complete))) = (how, got.end) {
            // Only a complete response has a time to end: other ends follow from the scenario.
            let due = last.1 + self.pace.takes(end.1.t_ms.saturating_sub(last.0));
            if at - due > self.pace.late_max + self.stalls.within(last.1, at) {
                let actual = format!("the end {:.1} ms after it", duration_ms(at - due));
                let finding = self.finding(end, "the end with the last write", actual, "too late");
                self.evidence.found(&end.1.notes.cases, Aspect::End, &finding);
            }
        }
    }

    /// Judges the answer to a request after the end, on the same connection.
    fn reuse(&mut self, end: NumberedLine, after: &HttpExchange) {
        self.evidence.judged_for(&end.1.notes.cases, &[Aspect::Reuse]);
        if after.head.is_none() {
            let actual = after.broken.as_deref().unwrap_or("no answer came");
            let finding = self.finding(end, "an answer to another request", actual, "the connection");
            self.evidence.found(&end.1.notes.cases, Aspect::Reuse, &finding);
        }
    }
}
