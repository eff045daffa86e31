//! The judge: what clients saw, held against what a fixture says they should have seen.
//!
//! It knows neither sockets nor tasks: accounts go in, evidence comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use onbeat_server::clock::Instant;

use super::align::{Step, UNIT, align};
use super::data::{self, Difference};
use super::evidence::{Evidence, Finding, clipped};
use super::pace::{Pace, Periods, Stalls};
use super::pieces::Piece;
use super::responses::{Expected, Got, Numbered, expected, got};
use super::tag::Tag;
use super::values;
use crate::account::Account;
use crate::event_stream::Event;
use crate::fixtures::format::{Aspect, Case, Kind, Line};
use crate::fixtures::golden::Scene;
use crate::transcript::{How, visible};

/// What was seen of a scene.
#[derive(Debug)]
pub(super) struct Seen {
    /// The account of each client, in the order of their appearance.
    pub(super) accounts: Vec<(String, Account)>,
    /// The tag that this run put into its messages.
    pub(super) tag: Tag,
    /// Events of others that a client of `/sse` may have heard besides.
    pub(super) noise: Noise,
    /// How many clients of `/sse` there were besides; nothing if that can't be told.
    pub(super) others: Option<u64>,
    /// What an application dispatched, if one watched.
    pub(super) dispatched: Option<Result<Vec<Event>, String>>,
}

/// Whose events a client of `/sse` may hear besides those of its scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noise {
    /// Nobody's.
    None,
    /// Those of strangers, which do not bear this run's tag.
    Strangers,
    /// Anybody's.
    Anybody,
}

impl Seen {
    /// Whether a piece of a client of `/sse` is somebody else's event.
    pub(super) fn is_noise(&self, piece: &[u8]) -> bool {
        let is_event = [&b":\n\n"[..], b"event: broadcast\n", b"event: heartbeat\n"].contains(&piece)
            || (piece.starts_with(b"data: {") && contains(piece, b"\"msg\":"));
        match self.noise {
            Noise::None => false,
            Noise::Strangers => is_event && !self.tag.is_in(piece),
            Noise::Anybody => is_event,
        }
    }
}

/// Holds what was seen of a scene against the fixture.
pub(super) fn judge<'a>(cases: &'a [Case], scene: &Scene, seen: &Seen, pace: &Pace, stalls: &Stalls) -> Evidence<'a> {
    let clients: Vec<(&str, Vec<Expected>, Vec<Got>)> = scene
        .clients()
        .into_iter()
        .filter_map(|name| {
            let account = seen.accounts.iter().find(|(known, _)| known == name).map(|(_, account)| account)?;
            Some((name, expected(scene, name), got(account)))
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
    trial.evidence
}

fn checks(cases: &[Case], line: &Line, aspect: Aspect) -> bool {
    cases.iter().any(|case| case.checks.contains(&aspect) && line.cases.contains(&case.id))
}

/// A heartbeat of `/sse`, and when the first is due.
const HEARTBEAT: &str = "heartbeat:\n\n";
const HEARTBEAT_MS: u64 = 30_000;
/// A response is judged by so many pieces at most: more than any conforming one has, even if strangers say a lot.
const PIECES_MAX: usize = 4096;
/// Of the writes past which another was moved, so many are told.
const CROSSED_MAX: usize = 3;

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
    gaps: BTreeMap<(String, u64), Vec<Duration>>,
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

    fn never_asked(&mut self, expected: &Expected) {
        self.unjudge(expected, &format!("the scene {} broke off before", self.scene.path));
    }

    /// What follows the head can't be judged.
    fn unjudge(&mut self, expected: &Expected, why: &str) {
        for (_, line) in expected.writes.iter().chain(&expected.end) {
            self.evidence.unjudged(&line.cases, why);
        }
    }

    fn response(&mut self, expected: &Expected, got: &Got) {
        let Some(head) = expected.head else { return };
        if self.head(expected, head, got) {
            // Where anybody may be heard, what anybody may say is none of this stream's.
            let mut pieces = got.pieces();
            pieces.retain(|piece| self.seen.noise != Noise::Anybody || !self.seen.is_noise(&piece.bytes));
            pieces.truncate(PIECES_MAX);
            let times = self.writes(expected, got, &pieces);
            self.end(expected, got, times);
        }
    }

    /// Judges the head; whether the body is worth a look.
    fn head(&mut self, expected: &Expected, head: Numbered, got: &Got) -> bool {
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
        if let Some(coding) = got.header("content-encoding") {
            let actual = format!("content-encoding: {coding}");
            let finding = self.finding(head, "a body that is not encoded".into(), actual, "nobody asked for it");
            self.evidence.found_in_header(cases, "content-type", &finding);
            self.unjudge(expected, &format!("{asked}: the body is encoded as {coding}"));
            return false;
        }
        let late = *at - got.sent;
        if late > self.pace.late_max {
            let actual = format!("the head after {} ms", late.as_millis());
            let finding = self.finding(head, "the head at once".into(), actual, "held back");
            self.evidence.found(cases, Aspect::HeadTime, &finding);
            self.evidence.found(cases, Aspect::Time, &finding);
        }
        true
    }

    fn header(&mut self, head: Numbered, got: &Got, name: &str, value: &str) {
        let came = got.header(name);
        let right = match name {
            // Judged by the chunks themselves.
            "transfer-encoding" => return,
            "content-length" => match came.and_then(|length| length.parse::<usize>().ok()) {
                None => false,
                // The answer to HEAD has the length of a body that does not come.
                Some(length) => got.chunks.is_empty() || length == got.body().len(),
            },
            "content-type" => came.is_some_and(|came| came.eq_ignore_ascii_case(value)),
            _ => came == Some(value),
        };
        if !right {
            let actual = came.map_or_else(|| format!("no {name}"), |came| format!("{name}: {came}"));
            let finding = self.finding(head, format!("{name}: {value}"), actual, "header");
            self.evidence.found_in_header(&head.1.cases, name, &finding);
        }
    }

    /// Judges the writes; returns when the last of them was to come, and did.
    fn writes(&mut self, expected: &Expected, got: &Got, pieces: &[Piece]) -> (u64, Instant) {
        let writes = &expected.writes;
        let differences = |e: usize, g: usize| self.differences(writes[e].1, &pieces[g].bytes);
        let cost = |e: usize, g: usize| {
            let (line, piece) = (writes[e].1, &pieces[g]);
            let early =
                piece.at + self.pace.takes(250) < got.sent + self.pace.takes(line.at_ms - expected.request.1.at_ms);
            match differences(e, g).is_empty() {
                true if early => UNIT - 10,
                true => 0,
                false if field(line.written().as_bytes()) == field(&piece.bytes) => UNIT,
                false => 2 * UNIT + 1,
            }
        };
        let noise = |g: usize| if self.seen.is_noise(&pieces[g].bytes) { 1 } else { UNIT };
        let steps = align(writes.len(), pieces.len(), cost, noise);
        let chunked = got.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let mut last = (expected.request.1.at_ms, got.sent);
        let mut before = None;
        let mut came = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Step::Came(e, g) => {
                    let (write, piece) = (writes[e], &pieces[g]);
                    self.evidence.judged(&write.1.cases);
                    let differences = self.differences(write.1, &piece.bytes);
                    if !differences.is_empty() && self.is_swapped(writes, &steps, e, pieces) {
                        self.out_of_order(write, &[], got);
                    }
                    for difference in differences {
                        self.differs(write, piece, got, difference);
                    }
                    self.framing(write, piece, chunked, got);
                    self.time(expected, write, piece.at, got, last);
                    last = (write.1.at_ms, piece.at);
                    before = Some(write);
                    came.push((write, piece));
                }
                Step::Missing(e) => {
                    let moved = steps.iter().position(|step| match *step {
                        Step::Extra(g) => self.differences(writes[e].1, &pieces[g].bytes).is_empty(),
                        Step::Came(..) | Step::Missing(_) => false,
                    });
                    if let Some(to) = moved {
                        let crossed = steps[at.min(to)..at.max(to)].iter().filter_map(|step| match *step {
                            Step::Came(e, _) => Some(writes[e]),
                            Step::Missing(_) | Step::Extra(_) => None,
                        });
                        self.out_of_order(writes[e], &crossed.take(CROSSED_MAX).collect::<Vec<_>>(), got);
                    } else {
                        let instead = in_place_of(&steps, at).filter(|g| !self.seen.is_noise(&pieces[*g].bytes));
                        self.missing(writes[e], instead.map(|g| &pieces[g]), got);
                    }
                }
                Step::Extra(g) => {
                    // What came in place of something is told with what it is not.
                    if self.seen.is_noise(&pieces[g].bytes) || is_in_place(&steps, at) {
                        continue;
                    }
                    let moved = steps.iter().any(|step| match *step {
                        Step::Missing(e) => self.differences(writes[e].1, &pieces[g].bytes).is_empty(),
                        _ => false,
                    });
                    if let (false, Some(near)) = (moved, before.or(writes.first().copied())) {
                        self.extra(near, &pieces[g], got);
                    }
                }
            }
        }
        self.values(&came, got);
        last
    }

    /// Judges varying values by what they are together: timestamps advance with time, and random numbers differ.
    fn values(&mut self, came: &[(Numbered, &Piece)], got: &Got) {
        for values::Oddity { write, piece, aspect, expected, actual } in values::oddities(came, self.pace) {
            let mut finding = self.finding(write, expected, actual, visible(&piece.bytes));
            finding.t_ms = Some(ms(piece.at - got.sent));
            self.evidence.found(&write.1.cases, aspect, &finding);
        }
    }

    fn differences(&self, line: &Line, got: &[u8]) -> Vec<Difference> {
        data::compare(&self.seen.tag.expected(line.written(), &line.vary), &line.vary, got, self.seen.others)
    }

    fn differs(&mut self, write: Numbered, piece: &Piece, got: &Got, difference: Difference) {
        let Difference { aspect, what, expected } = difference;
        let first_differing_byte = data::first_difference(expected.as_bytes(), &piece.bytes);
        let mut finding = self.finding(write, visible(expected.as_bytes()), visible(&piece.bytes), what);
        finding.t_ms = Some(ms(piece.at - got.sent));
        finding.first_differing_byte = first_differing_byte;
        self.evidence.found(&write.1.cases, aspect, &finding);
    }

    fn missing(&mut self, write: Numbered, instead: Option<&Piece>, got: &Got) {
        let expected = visible(write.1.written().as_bytes());
        self.evidence.judged_for(&write.1.cases, &[Aspect::Bytes, Aspect::Presence]);
        if let Some(piece) = instead {
            let mut finding = self.finding(write, expected, visible(&piece.bytes), "something else came");
            finding.t_ms = Some(ms(piece.at - got.sent));
            finding.first_differing_byte = data::first_difference(write.1.written().as_bytes(), &piece.bytes);
            let id = is_id(&piece.bytes);
            self.evidence.found(&write.1.cases, if id { Aspect::Id } else { Aspect::Bytes }, &finding);
        } else {
            let finding = self.finding(write, expected, got.why_no_more(), "missing");
            self.evidence.found(&write.1.cases, Aspect::Presence, &finding);
        }
    }

    /// Whether the write `e` came as the piece of another write that is wrong, too.
    fn is_swapped(&self, writes: &[Numbered], steps: &[Step], e: usize, pieces: &[Piece]) -> bool {
        steps.iter().any(|step| match *step {
            Step::Came(other, g) => {
                other != e
                    && self.differences(writes[e].1, &pieces[g].bytes).is_empty()
                    && !self.differences(writes[other].1, &pieces[g].bytes).is_empty()
            }
            Step::Extra(_) | Step::Missing(_) => false,
        })
    }

    fn out_of_order(&mut self, write: Numbered, crossed: &[Numbered], got: &Got) {
        let expected = visible(write.1.written().as_bytes());
        let mut finding = self.finding(write, expected, "it came in another place".into(), "out of order");
        finding.t_ms = got.chunks.last().map(|(at, _)| ms(*at - got.sent));
        self.evidence.found(&write.1.cases, Aspect::Order, &finding);
        // What was moved and what it was moved past are the same from outside.
        for (_, line) in [write].iter().chain(crossed) {
            self.evidence.found(&line.cases, Aspect::Bytes, &finding);
        }
    }

    /// Whether a piece is a heartbeat of `/sse`: in real time a short scene may last until one is due.
    fn is_heartbeat_due(&self, piece: &Piece, got: &Got) -> bool {
        let due = got.sent + self.pace.takes(HEARTBEAT_MS);
        self.pace.periods == Periods::Median && piece.bytes == HEARTBEAT && piece.at + self.pace.early_max >= due
    }

    fn extra(&mut self, near: Numbered, piece: &Piece, got: &Got) {
        if !near.1.client.is_empty() && self.is_heartbeat_due(piece, got) {
            return;
        }
        // A write of a stream that comes too often stands against itself, and against its period.
        let again = self.scene.lines.iter().chain(&self.scene.rest).find(|(_, line)| {
            line.client.is_empty() && !line.written().is_empty() && self.differences(line, &piece.bytes).is_empty()
        });
        let near = again.map_or(near, |(number, line)| (*number, line));
        let mut finding = self.finding(near, "no further write here".into(), visible(&piece.bytes), "one too many");
        finding.t_ms = Some(ms(piece.at - got.sent));
        if again.is_some() {
            self.evidence.found(&near.1.cases, Aspect::Period, &finding);
        }
        self.evidence.found(&near.1.cases, if is_id(&piece.bytes) { Aspect::Id } else { Aspect::Presence }, &finding);
    }

    fn framing(&mut self, write: Numbered, piece: &Piece, chunked: bool, got: &Got) {
        if !self.is_chunked(write) || piece.is_chunk && chunked {
            return;
        }
        let (expected, actual) = if chunked {
            let with = |(_, bytes): &(Instant, bytes::Bytes)| contains(bytes, &piece.bytes).then(|| bytes.clone());
            let joined = got.chunks.iter().find_map(with).filter(|bytes| bytes.len() > piece.bytes.len());
            let actual =
                joined.map_or("split over several chunks".into(), |bytes| format!("one chunk {}", visible(&bytes)));
            (format!("one chunk {}", visible(&piece.bytes)), actual)
        } else {
            ("transfer-encoding: chunked".into(), "a body without chunks".into())
        };
        let mut finding = self.finding(write, expected, actual, "framing");
        finding.t_ms = Some(ms(piece.at - got.sent));
        self.evidence.found(&write.1.cases, Aspect::Framing, &finding);
    }

    /// Whether the fixture's response is chunked.
    fn is_chunked(&self, write: Numbered) -> bool {
        checks(self.evidence.cases, write.1, Aspect::Framing)
    }

    /// Judges when a write came, from the one before it and from what caused it.
    fn time(&mut self, expected: &Expected, write: Numbered, at: Instant, got: &Got, last: (u64, Instant)) {
        let (number, line) = write;
        let cause = self.causes.range(..number).next_back().map(|(_, cause)| *cause);
        let after = |(then_ms, then): (u64, Instant)| then + self.pace.takes(line.at_ms.saturating_sub(then_ms));
        let due = cause.map_or(after(last), |cause| after(cause).max(after(last)));
        // Of the requests of that instant any may be the cause.
        let caused = self.causes.range(..number).map(|(_, cause)| *cause).find(|(then_ms, _)| *then_ms == line.at_ms);
        let earliest = caused.map_or(after((expected.request.1.at_ms, got.sent)), |(_, then)| then);
        let heard = self.seen.is_noise(line.written().as_bytes());
        if heard {
            return;
        }
        if at + self.pace.early_max < earliest {
            self.untimely(write, at, earliest, got, "early");
        }
        let late = at - due;
        self.evidence.late(&line.cases, late);
        if late > self.pace.late_max + self.stalls.within(due, at) {
            self.untimely(write, at, due, got, "late");
        }
        let gap_ms = line.at_ms - last.0;
        if gap_ms > 0 {
            for case in &line.cases {
                self.gaps.entry((case.clone(), gap_ms)).or_default().push(at - last.1);
            }
        }
    }

    fn untimely(&mut self, write: Numbered, at: Instant, due: Instant, got: &Got, how: &str) {
        let written = visible(write.1.written().as_bytes());
        let when = |at: Instant| format!("{written} {:.1} ms after the request", ms(at - got.sent));
        let by = ms(at - due).max(ms(due - at));
        let mut finding = self.finding(write, when(due), when(at), format!("{by:.1} ms too {how}"));
        finding.t_ms = Some(ms(at - got.sent));
        self.evidence.found(&write.1.cases, Aspect::Time, &finding);
        self.evidence.found(&write.1.cases, Aspect::Period, &finding);
    }

    /// Judges each period by its median.
    fn periods(&mut self) {
        for ((case, period_ms), mut gaps) in std::mem::take(&mut self.gaps) {
            if let Some(median) = self.pace.median_off(period_ms, &mut gaps) {
                let finding = Finding {
                    place: self.scene.path.into(),
                    t_ms: None,
                    expected: format!("{:.1} ms", ms(self.pace.takes(period_ms))),
                    actual: format!("{:.1} ms, the median of {}", ms(median), gaps.len()),
                    first_differing_byte: None,
                    why: "the period".into(),
                };
                self.evidence.found(&[case], Aspect::Period, &finding);
            }
        }
    }

    fn end(&mut self, expected: &Expected, got: &Got, last: (u64, Instant)) {
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
            if at - due > self.pace.late_max + self.stalls.within(due, at) {
                let actual = format!("the end {:.1} ms after it", ms(at - due));
                let finding = self.finding(end, "the end with the last write".into(), actual, "too late");
                self.evidence.found(&end.1.cases, Aspect::End, &finding);
            }
        }
    }

    /// Judges what became of a request after the end, on the same connection.
    fn reuse(&mut self, expected: &Expected, end: &Line, after: &Got) {
        self.evidence.judged_for(&end.cases, &[Aspect::Reuse]);
        if after.head.is_none() {
            let numbered = expected.end.unwrap_or(expected.request);
            let actual = after.broken.clone().unwrap_or_else(|| "no answer came".into());
            let finding = self.finding(numbered, "an answer to another request".into(), actual, "the connection");
            self.evidence.found(&end.cases, Aspect::Reuse, &finding);
        }
    }

    /// Judges what an application dispatched.
    fn events(&mut self, expected: &[(Numbered, Numbered)], dispatched: &Result<Vec<Event>, String>) {
        let Some(((_, first), _)) = expected.first() else { return };
        self.evidence.judged(&first.cases);
        let (came, failed) = match dispatched {
            Ok(events) => (&events[..], None),
            Err(why) => (&[][..], Some(why)),
        };
        let mine = |event: &&Event| {
            self.seen.noise == Noise::None || !["broadcast", "heartbeat"].contains(&event.event_type.as_str())
        };
        let came: Vec<&Event> = came.iter().filter(mine).collect();
        for (at, (event, write)) in expected.iter().enumerate() {
            let Kind::Event { r#type, data, last_event_id } = &event.1.kind else { continue };
            let told = |event_type: &str, data: &str, id: &str| match id {
                "" => format!("{event_type}: {data}"),
                id => format!("{event_type}: {data} with the id {id}"),
            };
            let wrong = match came.get(at) {
                None => Some(failed.map_or("nothing more".into(), Clone::clone)),
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
        if let (Some(event), Some(((number, last), _))) = (came.get(expected.len()), expected.last()) {
            let actual = format!("{}: {}", event.event_type, event.data);
            let finding = self.finding((*number, last), "no further event".into(), actual, "one too many");
            self.evidence.found(&last.cases, Aspect::Events, &finding);
        }
    }
}

/// Around a step, what is missing and what is one too many without anything right in between.
fn run(steps: &[Step], at: usize) -> &[Step] {
    let right = |step: &Step| matches!(step, Step::Came(..));
    let start = steps[..at].iter().rposition(right).map_or(0, |before| before + 1);
    let end = steps[at..].iter().position(right).map_or(steps.len(), |after| at + after);
    &steps[start..end]
}

/// The piece that came in place of a missing write.
fn in_place_of(steps: &[Step], at: usize) -> Option<usize> {
    run(steps, at).iter().find_map(|step| if let Step::Extra(g) = step { Some(*g) } else { None })
}

/// Whether a piece came in place of a missing write.
fn is_in_place(steps: &[Step], at: usize) -> bool {
    run(steps, at).iter().any(|step| matches!(step, Step::Missing(_)))
}

fn is_id(piece: &[u8]) -> bool {
    piece.starts_with(b"id:") || piece.starts_with(b"id\n")
}

/// What a line is about: the name of its field.
fn field(piece: &[u8]) -> &[u8] {
    piece.split(|byte| *byte == b':').next().unwrap_or_default()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len().max(1)).any(|window| window == part)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
