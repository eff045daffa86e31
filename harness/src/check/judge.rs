//! The judge: what clients saw, held against what a fixture says they should have seen.
//!
//! It knows neither sockets nor tasks: logs of clients go in, evidence comes out.

mod heartbeats;
mod times;
mod writes;

use std::collections::BTreeMap;
use std::time::Duration;

use onbeat_wire::{Event, How, Instant};

use self::times::Gap;
use super::application::Dispatched;
use super::data::{self, Difference};
use super::evidence::{Evidence, Finding, clipped};
use super::fields;
use super::noise::{Noise, has_message};
use super::pace::Pace;
use super::responses::{Expected, Numbered, expected, got};
use super::stalls::Stalls;
use super::tag::{Tag, contains};
use crate::fixtures::format::{Aspect, Case, Kind, Line};
use crate::fixtures::golden::Scene;
use crate::player::{ClientLog, HttpExchange};

/// What was seen of a scene.
#[derive(Debug)]
pub(super) struct Seen {
    /// The log of each client, in the order of their appearance.
    pub(super) logs: Vec<(String, ClientLog)>,
    /// The tag that this run put into its messages.
    pub(super) tag: Tag,
    /// Events of others that a client of `/sse` may have heard besides.
    pub(super) noise: Noise,
    /// How many clients of `/sse` there were besides; nothing if that can't be told.
    pub(super) others: Option<u64>,
    /// What an application dispatched, if one watched.
    pub(super) dispatched: Option<Dispatched>,
}

impl Seen {
    /// Whether a piece of a client of `/sse` is somebody else's event.
    pub(super) fn is_noise(&self, piece: &[u8]) -> bool {
        self.noise.has(piece, &self.tag)
    }

    /// Returns a line of a fixture as it has to come: with the tag, and with other clients counted.
    fn wanted(&self, line: &Line) -> String {
        data::corrected(&self.tag.expected(line.written(), &line.vary), &line.vary, self.others)
    }

    fn differences(&self, line: &Line, got: &[u8]) -> Vec<Difference> {
        data::compare(&self.tag.expected(line.written(), &line.vary), &line.vary, got, self.others)
    }

    /// Whether a client of `/sse` heard a message that nobody of the scene had sent.
    pub(super) fn hears_others(&self, scene: &Scene) -> bool {
        let pieces = self.logs.iter().flat_map(|(_, log)| got(log)).flat_map(|response| response.pieces());
        let is_known = |piece: &[u8]| scene.lines.iter().any(|(_, line)| self.differences(line, piece).is_empty());
        let mut messages = pieces.filter(|piece| has_message(&piece.bytes) && !self.tag.is_in(&piece.bytes));
        messages.any(|piece| !is_known(&piece.bytes))
    }
}

/// Holds what was seen of a scene against the fixture.
pub(super) fn judge<'a>(cases: &'a [Case], scene: &Scene, seen: &Seen, pace: &Pace, stalls: &Stalls) -> Evidence<'a> {
    let clients: Vec<(&str, Vec<Expected>, Vec<HttpExchange>)> = scene
        .clients()
        .into_iter()
        .map(|name| {
            let log = seen.logs.iter().find(|(known, _)| known == name);
            (name, expected(scene, name), log.map(|(_, log)| got(log)).unwrap_or_default())
        })
        .collect();
    let sent = clients.iter().flat_map(|(_, expected, got)| {
        expected.iter().zip(got).map(|(expected, got)| (expected.request.0, (expected.request.1.at_ms, got.sent)))
    });
    let causes = sent.collect();
    let mut trial = Trial { evidence: Evidence::new(cases), scene, seen, pace, stalls, causes, gaps: BTreeMap::new() };
    for (_, expected, got) in &clients {
        for (at, expected) in expected.iter().enumerate() {
            match got.get(at) {
                Some(response) => trial.response(expected, response),
                None if got.is_empty() => trial.never_connected(expected),
                None => trial.never_asked(expected),
            }
        }
        if let (Some(expected), [.., after]) = (expected.last(), &got[..])
            && got.len() > 1
            && let Some((_, end)) = expected.end.filter(|(_, end)| checks(cases, end, Aspect::Reuse))
        {
            trial.reuse(expected, end, after);
        }
    }
    if let Some(dispatched) = &seen.dispatched {
        let events = clients.iter().flat_map(|(_, expected, _)| expected).flat_map(|expected| &expected.events);
        trial.events(&events.copied().collect::<Vec<_>>(), dispatched);
    }
    trial.periods();
    trial.evidence.took(seen.logs.iter().map(|(_, log)| log.lasted()).max().unwrap_or_default());
    trial.evidence
}

fn checks(cases: &[Case], line: &Line, aspect: Aspect) -> bool {
    cases.iter().any(|case| case.checks.contains(&aspect) && line.cases.contains(&case.id))
}

/// A response is judged by so many pieces at most: more than any conforming one has, even if strangers say a lot.
const PIECES_MAX: usize = 4096;

/// One scene being judged.
struct Trial<'a, 's> {
    evidence: Evidence<'a>,
    scene: &'s Scene,
    seen: &'s Seen,
    pace: &'s Pace,
    stalls: &'s Stalls,
    /// By line of a request, when it was to be sent, and when it was.
    causes: BTreeMap<usize, (u64, Instant)>,
    /// By case and period in ms, the gaps that were seen.
    gaps: BTreeMap<(String, u64), Vec<Gap>>,
}

impl Trial<'_, '_> {
    fn place(&self, number: usize) -> String {
        format!("{}:{number}", self.scene.path)
    }

    fn finding(&self, (number, line): Numbered, expected: String, actual: String, why: impl Into<String>) -> Finding {
        let (place, why) = (self.place(number), why.into());
        let (expected, actual) = (clipped(expected), clipped(actual));
        #[expect(clippy::cast_precision_loss, reason = "a scene lasts minutes")]
        let t_ms = Some(line.at_ms as f64);
        Finding { place, t_ms, expected, actual, first_differing_byte: None, why }
    }

    fn never_connected(&mut self, expected: &Expected) {
        if let Some(head) = expected.head {
            let finding = self.finding(head, "an answer".into(), "no connection".into(), "the server was not reached");
            self.evidence.found(&head.1.cases, Aspect::Status, &finding);
        }
        self.unjudge(expected, "no connection");
    }

    fn never_asked(&mut self, expected: &Expected) {
        self.unjudge(expected, &format!("the scene {} broke off before", self.scene.path));
    }

    /// What follows the head can't be judged.
    fn unjudge(&mut self, expected: &Expected, why: &str) {
        for (_, line) in expected.writes.iter().chain(&expected.end) {
            self.evidence.unjudged(&line.cases, why);
        }
    }

    fn response(&mut self, expected: &Expected, got: &HttpExchange) {
        let Some(head) = expected.head else { return };
        if self.head(expected, head, got) {
            // Where anybody may be heard, what anybody may say is none of this stream's.
            let mut pieces = got.pieces();
            pieces.retain(|piece| self.seen.noise != Noise::Anybody || !self.seen.is_noise(&piece.bytes));
            let writes = self.apart_from_heartbeats(expected, got, &mut pieces);
            pieces.truncate(PIECES_MAX);
            let times = self.writes(expected, &writes, got, &pieces);
            self.end(expected, got, times);
        }
    }

    /// Judges the head; whether the body is worth a look.
    fn head(&mut self, expected: &Expected, head: Numbered, got: &HttpExchange) -> bool {
        let cases = &head.1.cases;
        let Kind::Head { status, headers } = &head.1.kind else { return false };
        let asked = match &expected.request.1.kind {
            Kind::Request { text } => text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1"),
            _ => "",
        };
        let Some((at, answer)) = &got.head else {
            let why = got.broken.clone().unwrap_or_else(|| "no answer came".into());
            let finding = self.finding(head, format!("{asked} answered with {status}"), why.clone(), "no answer");
            self.evidence.found(cases, Aspect::Status, &finding);
            self.unjudge(expected, &format!("{asked}: {why}"));
            return false;
        };
        self.evidence.judged(cases);
        if answer.status != *status {
            let finding =
                self.finding(head, status.to_string(), answer.status.to_string(), format!("status of {asked}"));
            self.evidence.found(cases, Aspect::Status, &finding);
            self.unjudge(expected, &format!("{asked} was answered with {}", answer.status));
            return false;
        }
        for (name, value) in headers {
            self.header(head, got, name, value);
        }
        if let Some(coding) = fields::coding(answer) {
            let actual = format!("content-encoding: {coding}");
            let finding = self.finding(head, "a body that is not encoded".into(), actual, "nobody asked for it");
            self.evidence.found_in_header(cases, "content-type", &finding);
            self.unjudge(expected, &format!("{asked}: the body is encoded as {coding}"));
            return false;
        }
        let late = *at - got.sent;
        if late > self.pace.late_max + self.stalls.within(got.sent, *at) {
            let actual = format!("the head after {} ms", late.as_millis());
            let finding = self.finding(head, "the head at once".into(), actual, "held back");
            self.evidence.found(cases, Aspect::HeadTime, &finding);
            self.evidence.found(cases, Aspect::Time, &finding);
        }
        true
    }

    fn header(&mut self, head: Numbered, got: &HttpExchange, name: &str, value: &str) {
        let came = got.head.as_ref().and_then(|(_, head)| fields::value(head, name));
        let came = came.as_deref();
        let mut wanted = value.to_owned();
        let right = match name {
            // Judged by the chunks themselves.
            "transfer-encoding" => return,
            "content-length" => match came.and_then(|length| length.parse::<usize>().ok()) {
                None => false,
                // The answer to HEAD has the length of a body that does not come.
                Some(length) => {
                    // Of counts with more digits the body is longer than the fixture's.
                    let body = got.body().len();
                    wanted = if got.writes.is_empty() { wanted } else { body.to_string() };
                    got.writes.is_empty() || length == body
                }
            },
            _ => came.is_some_and(|came| fields::same(name, value, came)),
        };
        if !right {
            let actual = came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"));
            let finding = self.finding(head, format!("{name}: {wanted}"), actual, "header");
            self.evidence.found_in_header(&head.1.cases, name, &finding);
        }
    }

    fn end(&mut self, expected: &Expected, got: &HttpExchange, last: (u64, Instant)) {
        let Some(end) = expected.end else { return };
        let Kind::End { how } = end.1.kind else { return };
        self.evidence.judged_for(&end.1.cases, &[Aspect::End]);
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
            self.evidence.found(&end.1.cases, Aspect::End, &finding);
        }
        if let (How::Complete, Some((at, How::Complete))) = (how, got.end) {
            let due = last.1 + self.pace.takes(end.1.at_ms.saturating_sub(last.0));
            if at - due > self.pace.late_max + self.stalls.within(last.1, at) {
                let actual = format!("the end {:.1} ms after it", ms(at - due));
                let finding = self.finding(end, "the end with the last write".into(), actual, "too late");
                self.evidence.found(&end.1.cases, Aspect::End, &finding);
            }
        }
    }

    /// Judges what became of a request after the end, on the same connection.
    fn reuse(&mut self, expected: &Expected, end: &Line, after: &HttpExchange) {
        self.evidence.judged_for(&end.cases, &[Aspect::Reuse]);
        if after.head.is_none() {
            let numbered = expected.end.unwrap_or(expected.request);
            let actual = after.broken.clone().unwrap_or_else(|| "no answer came".into());
            let finding = self.finding(numbered, "an answer to another request".into(), actual, "the connection");
            self.evidence.found(&end.cases, Aspect::Reuse, &finding);
        }
    }

    /// Judges what an application dispatched.
    fn events(&mut self, expected: &[(Numbered, Numbered)], dispatched: &Dispatched) {
        let Some(((_, first), _)) = expected.first() else { return };
        match &dispatched.gave_up {
            Some(why) => self.evidence.unjudged(&first.cases, why),
            None => self.evidence.judged(&first.cases),
        }
        let came: Vec<&Event> = dispatched.events.iter().filter(|event| self.seen.noise.may_be_own(event)).collect();
        for (at, (event, write)) in expected.iter().enumerate() {
            let Kind::Event { r#type, data, last_event_id } = &event.1.kind else { continue };
            let told = |event_type: &str, data: &str, id: &str| match id {
                "" => format!("{event_type}: {data}"),
                id => format!("{event_type}: {data} with the id {id}"),
            };
            let wrong = match came.get(at) {
                // What the client library did not get to may be right.
                None if dispatched.gave_up.is_some() => return,
                None => Some(dispatched.failed.clone().unwrap_or_else(|| "nothing more".into())),
                Some(got) => {
                    let same = got.event_type == *r#type
                        && got.last_event_id == *last_event_id
                        && data::compare(data, &write.1.vary, got.data.as_bytes(), self.seen.others).is_empty();
                    (!same).then(|| told(&got.event_type, &got.data, &got.last_event_id))
                }
            };
            if let Some(actual) = wrong {
                let expected = told(r#type, data, last_event_id);
                let finding = self.finding(*event, expected, actual, "what eventsource-stream dispatches");
                self.evidence.found(&event.1.cases, Aspect::Events, &finding);
                return;
            }
        }
        // What comes after a cut is not judged: how much of it, is up to when the application was stopped.
        let cut = !self.scene.rest.is_empty();
        if let (false, Some(event), Some(((number, last), _))) = (cut, came.get(expected.len()), expected.last()) {
            let actual = format!("{}: {}", event.event_type, event.data);
            let finding = self.finding((*number, last), "no further event".into(), actual, "one too many");
            self.evidence.found(&last.cases, Aspect::Events, &finding);
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod made_up;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::golden::Golden;

    #[test]
    fn a_server_that_takes_no_connection_does_not_pass() {
        let golden = Golden::read();
        for scene in golden.streams.iter().chain(&golden.scenes) {
            let (logs, tag) = (Vec::new(), Tag::default());
            let seen = Seen { logs, tag, noise: Noise::None, others: Some(0), dispatched: None };
            let evidence = judge(&golden.cases, scene, &seen, &Pace::exact(), &Stalls::default());
            assert!(!evidence.is_clean(), "{}", scene.path);
        }
        for exchange in &golden.requests {
            let evidence = crate::check::exchange::judge(&golden.cases, exchange, None);
            let findings: usize = exchange.cases.iter().map(|case| evidence.record(case).found).sum();
            assert!(findings > 0, "{}", exchange.id);
        }
    }
}
