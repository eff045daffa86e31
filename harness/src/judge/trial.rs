//! One scene being judged: logs go in, evidence comes out.

mod events;
mod head;
mod periodic;
#[cfg(test)]
mod tests;
mod times;
mod writes;

use std::collections::BTreeMap;
use std::time::Duration;

use onbeat_wire::recording::{End, Fact};
use onbeat_wire::{How, Instant};

use self::times::Gap;
use super::case::{Aspect, Case};
use super::evidence::{Evidence, Finding, clipped};
use super::observation::Observation;
use super::pace::Pace;
use super::responses::{Expected, expected, got};
use super::scene::{Line, Numbered, Scene};
use super::stalls::Stalls;
use crate::player::HttpExchange;

/// Holds what was seen of a scene against the scene.
pub(crate) fn judge<'a>(
    cases: &'a [Case],
    scene: &Scene,
    seen: &Observation,
    pace: &Pace,
    stalls: &Stalls,
) -> Evidence<'a> {
    let clients: Vec<(&str, Vec<Expected>, Vec<HttpExchange>)> = scene
        .clients()
        .into_iter()
        .map(|name| {
            let log = seen.logs.iter().find(|(known, _)| known == name);
            (name, expected(scene, name), log.map(|(_, log)| got(log)).unwrap_or_default())
        })
        .collect();
    let sent = clients.iter().flat_map(|(_, expected, got)| {
        expected.iter().zip(got).map(|(expected, got)| (expected.request.0, (expected.request.1.t_ms, got.sent)))
    });
    let causes = sent.collect();
    let mut trial = Trial { evidence: Evidence::new(cases), scene, seen, pace, stalls, causes, gaps: BTreeMap::new() };
    for (_, expected, got) in &clients {
        for (at, expected) in expected.iter().enumerate() {
            match got.get(at) {
                Some(response) => trial.response(expected, response),
                None if got.is_empty() => trial.never_connected(expected),
                None => trial.unjudge(expected, &format!("the scene {} broke off before", scene.path)),
            }
        }
        if let (Some(expected), [.., after]) = (expected.last(), &got[..])
            && got.len() > 1
            && let Some(end) = expected.end.filter(|(_, end)| checks(cases, end, Aspect::Reuse))
        {
            trial.reuse(end, after);
        }
    }
    if let Some(dispatched) = seen.dispatched {
        let events = clients.iter().flat_map(|(_, expected, _)| expected).flat_map(|expected| &expected.events);
        trial.events(&events.copied().collect::<Vec<_>>(), dispatched);
    }
    trial.periods();
    trial.evidence.took(seen.logs.iter().map(|(_, log)| log.lasted()).max().unwrap_or_default());
    trial.evidence
}

/// Returns whether a case of the line looks at the aspect.
fn checks(cases: &[Case], line: &Line, aspect: Aspect) -> bool {
    cases.iter().any(|case| case.checks.contains(&aspect) && line.notes.cases.contains(&case.id))
}

/// The number of pieces of a response that are judged at most: more than any conforming one has, even among many strangers.
const PIECES_MAX: usize = 4096;

/// One scene being judged.
struct Trial<'a, 's> {
    evidence: Evidence<'a>,
    scene: &'s Scene,
    seen: &'s Observation<'s>,
    pace: &'s Pace,
    stalls: &'s Stalls,
    /// By line of a request, when it was to be sent, and when it was.
    causes: BTreeMap<usize, (u64, Instant)>,
    /// By case and period in ms, the gaps that were seen.
    gaps: BTreeMap<(String, u64), Vec<Gap>>,
}

impl Trial<'_, '_> {
    /// Returns what stands against a line, at the time of the line.
    fn finding(
        &self,
        (number, line): Numbered,
        expected: impl Into<String>,
        actual: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        let (expected, actual) = (clipped(expected.into()), clipped(actual.into()));
        #[expect(clippy::cast_precision_loss, reason = "a scene lasts minutes")]
        let t_ms = Some(line.t_ms as f64);
        let place = format!("{}:{number}", self.scene.path);
        Finding { place, t_ms, expected, actual, first_differing_byte: None, why: why.into() }
    }

    fn never_connected(&mut self, expected: &Expected) {
        if let Some(head) = expected.head {
            let finding = self.finding(head, "an answer", "no connection", "the server was not reached");
            self.evidence.found(&head.1.notes.cases, Aspect::Status, &finding);
        }
        self.unjudge(expected, "no connection");
    }

    /// Notes that the writes and the end can't be judged.
    fn unjudge(&mut self, expected: &Expected, why: &str) {
        for (_, line) in expected.writes.iter().chain(&expected.end) {
            self.evidence.unjudged(&line.notes.cases, why);
        }
    }

    fn response(&mut self, expected: &Expected, got: &HttpExchange) {
        let Some(head) = expected.head else { return };
        if self.head(expected, head, got) {
            // Where anybody may be heard, what anybody may say is none of this stream's.
            let mut pieces = got.pieces();
            pieces.retain(|piece| !self.seen.others.are_left_out() || !self.seen.others.may_have_caused(&piece.bytes));
            let writes = self.apart_from_recurring(expected, got, &mut pieces);
            pieces.truncate(PIECES_MAX);
            let times = self.writes(expected, &writes, got, &pieces);
            self.end(expected, got, times);
        }
    }

    fn end(&mut self, expected: &Expected, got: &HttpExchange, last: (u64, Instant)) {
        let Some(end) = expected.end else { return };
        let Fact::End(End { how }) = end.1.fact else { return };
        self.evidence.judged_for(&end.1.notes.cases, &[Aspect::End]);
        let came = got.end.map(|(_, how)| how);
        let right = match how {
            How::Closed | How::Reset => matches!(came, Some(How::Closed | How::Reset)),
            How::Cut => matches!(came, Some(How::Cut | How::Reset)),
            How::Complete => came == Some(How::Complete),
        };
        let told = |how: Option<How>| match how {
            None | Some(How::Closed) => got.broken.clone().unwrap_or_else(|| "the response goes on".into()),
            Some(how) => format!("the response is {how}"),
        };
        if !right {
            let finding = self.finding(end, told(Some(how)), told(came), "the end");
            self.evidence.found(&end.1.notes.cases, Aspect::End, &finding);
        }
        if let (How::Complete, Some((at, How::Complete))) = (how, got.end) {
            let due = last.1 + self.pace.takes(end.1.t_ms.saturating_sub(last.0));
            if at - due > self.pace.late_max + self.stalls.within(last.1, at) {
                let actual = format!("the end {:.1} ms after it", ms(at - due));
                let finding = self.finding(end, "the end with the last write", actual, "too late");
                self.evidence.found(&end.1.notes.cases, Aspect::End, &finding);
            }
        }
    }

    /// Judges what became of a request after the end, on the same connection.
    fn reuse(&mut self, end: Numbered, after: &HttpExchange) {
        self.evidence.judged_for(&end.1.notes.cases, &[Aspect::Reuse]);
        if after.head.is_none() {
            let actual = after.broken.as_deref().unwrap_or("no answer came");
            let finding = self.finding(end, "an answer to another request", actual, "the connection");
            self.evidence.found(&end.1.notes.cases, Aspect::Reuse, &finding);
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
