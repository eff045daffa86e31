//! The writes of a response: presence, order, bytes and chunks.

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;

use super::{Trial, checks};
use crate::judge::align::{Step, UNIT, align};
use crate::judge::case::Aspect;
use crate::judge::compare::{self, Difference};
use crate::judge::pieces::Piece;
use crate::judge::responses::Expected;
use crate::judge::scene::{Line, Numbered};
use crate::judge::values;
use crate::player::HttpExchange;

/// Why counts were not judged.
const OTHERS: &str = "others came and went during the scene, so how many clients there were could not be judged";
/// The number of writes that are named where another write moved past them.
const CROSSED_MAX: usize = 3;

impl Trial<'_, '_> {
    /// Judges the writes; returns when the last was to come, and when the last came.
    pub(super) fn writes(
        &mut self,
        expected: &Expected,
        writes: &[Numbered],
        got: &HttpExchange,
        pieces: &[Piece],
    ) -> (u64, Instant) {
        // From here on a write may come, but need not.
        let cut = writes.len();
        let writes = &[writes, &expected.beyond].concat()[..];
        let earliest: Vec<Instant> = writes.iter().map(|write| self.earliest(expected, *write, got)).collect();
        let cost = |e: usize, g: usize| {
            let (line, piece) = (writes[e].1, &pieces[g]);
            let early = piece.at + self.pace.takes(250) < earliest[e];
            match self.differences(line, &piece.bytes).is_empty() {
                true if early => UNIT - 10,
                true => 0,
                false if field(line.written().as_bytes()) == field(&piece.bytes) => UNIT,
                false => 2 * UNIT + 1,
            }
        };
        let noise = |g: usize| if self.seen.others.may_have_caused(&pieces[g].bytes) { 1 } else { UNIT };
        let steps = align(writes.len(), pieces.len(), cost, noise);
        let mut last = (expected.request.1.t_ms, got.sent);
        let mut before = None;
        let mut came = Vec::new();
        let end = steps.iter().rposition(|step| matches!(step, Step::Came(e, _) | Step::Missing(e) if *e < cut));
        for (at, step) in steps.iter().enumerate() {
            match *step {
                Step::Came(e, g) if e >= cut => {
                    let (write, piece) = (writes[e], &pieces[g]);
                    if piece.at + self.pace.early_max < self.earliest(expected, write, got) {
                        self.extra(write, piece, got);
                    }
                }
                Step::Missing(e) if e >= cut => {}
                Step::Extra(g) if end < Some(at) && self.is_beyond(expected, &pieces[g], got) => {}
                Step::Came(e, g) => {
                    let (write, piece) = (writes[e], &pieces[g]);
                    self.judged(write.1);
                    let differences = self.differences(write.1, &piece.bytes);
                    if !differences.is_empty() && self.is_swapped(writes, &steps, e, pieces) {
                        self.out_of_order(write, &[], got);
                    }
                    for difference in differences {
                        self.differs(write, piece, got, difference);
                    }
                    self.framing(write, piece, got);
                    self.time(expected, write, piece, got, last);
                    last = (write.1.t_ms, piece.at);
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
                        let instead =
                            in_place_of(&steps, at).filter(|g| !self.seen.others.may_have_caused(&pieces[*g].bytes));
                        self.missing(writes[e], instead.map(|g| &pieces[g]), got);
                    }
                }
                Step::Extra(g) => {
                    // A piece in place of a missing write is told with that write.
                    if self.seen.others.may_have_caused(&pieces[g].bytes) || is_in_place(&steps, at) {
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

    /// Judges varying values together: timestamps advance with time, and random numbers differ.
    fn values(&mut self, came: &[(Numbered, &Piece)], got: &HttpExchange) {
        let held_up = |until| self.stalls.within(got.sent, until);
        for oddity in values::oddities(came, self.pace, held_up) {
            let values::Oddity { write, piece, aspect, expected, actual, is_of_time } = oddity;
            let finding = self.finding(write, expected, actual, visible(&piece.bytes)).after(piece.at - got.sent);
            if is_of_time {
                self.evidence.found_late(&write.1.notes.cases, &[aspect], &finding);
            } else {
                self.evidence.found(&write.1.notes.cases, aspect, &finding);
            }
        }
    }

    /// Notes that a line has been judged, without its counts if the number of others is unknown.
    fn judged(&mut self, line: &Line) {
        if self.seen.others.clients().is_none() && compare::counts(&line.notes.vary) {
            self.evidence.judged_but_for(&line.notes.cases, Aspect::Count, OTHERS);
        } else {
            self.evidence.judged(&line.notes.cases);
        }
    }

    /// Returns whether a piece came after the cut of a scene.
    fn is_beyond(&self, expected: &Expected, piece: &Piece, got: &HttpExchange) -> bool {
        let watched = self.pace.takes(self.scene.length_ms.saturating_sub(expected.request.1.t_ms));
        !self.scene.rest.is_empty() && piece.at + self.pace.early_max >= got.sent + watched
    }

    fn differences(&self, line: &Line, got: &[u8]) -> Vec<Difference> {
        self.seen.differences(line, got)
    }

    fn differs(&mut self, write: Numbered, piece: &Piece, got: &HttpExchange, difference: Difference) {
        let Difference { aspect, what, expected } = difference;
        let mut finding = self.finding(write, visible(expected.as_bytes()), visible(&piece.bytes), what);
        finding.first_differing_byte = compare::first_difference(expected.as_bytes(), &piece.bytes);
        self.evidence.found(&write.1.notes.cases, aspect, &finding.after(piece.at - got.sent));
    }

    fn missing(&mut self, write: Numbered, instead: Option<&Piece>, got: &HttpExchange) {
        let wanted = self.seen.wanted(write.1);
        let expected = visible(wanted.as_bytes());
        self.evidence.judged_for(&write.1.notes.cases, &[Aspect::Bytes, Aspect::Presence]);
        if let Some(piece) = instead {
            let mut finding = self.finding(write, expected, visible(&piece.bytes), "something else came");
            finding.first_differing_byte = compare::first_difference(wanted.as_bytes(), &piece.bytes);
            let aspect = if is_id(&piece.bytes) { Aspect::Id } else { Aspect::Bytes };
            self.evidence.found(&write.1.notes.cases, aspect, &finding.after(piece.at - got.sent));
        } else {
            let finding = self.finding(write, expected, got.why_no_more(), "missing");
            self.evidence.found(&write.1.notes.cases, Aspect::Presence, &finding);
        }
    }

    /// Returns whether the write `e` changed places with another write.
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

    fn out_of_order(&mut self, write: Numbered, crossed: &[Numbered], got: &HttpExchange) {
        let expected = visible(self.seen.wanted(write.1).as_bytes());
        let mut finding = self.finding(write, expected, "it came in another place", "out of order");
        if let Some((at, _)) = got.writes.last() {
            finding = finding.after(*at - got.sent);
        }
        self.evidence.found(&write.1.notes.cases, Aspect::Order, &finding);
        // From outside, a moved write and the writes in between look alike.
        for (_, line) in [write].iter().chain(crossed) {
            self.evidence.found(&line.notes.cases, Aspect::Bytes, &finding);
        }
    }

    fn extra(&mut self, near: Numbered, piece: &Piece, got: &HttpExchange) {
        // A write of a stream that comes too often breaks the cases of the write, and the period.
        let again = self.scene.lines.iter().chain(&self.scene.rest).find(|(_, line)| {
            line.notes.client.is_empty()
                && !line.written().is_empty()
                && self.differences(line, &piece.bytes).is_empty()
        });
        let near = again.map_or(near, |(number, line)| (*number, line));
        let finding = self.finding(near, "no further write here", visible(&piece.bytes), "one too many");
        let finding = finding.after(piece.at - got.sent);
        if again.is_some() {
            self.evidence.found(&near.1.notes.cases, Aspect::Period, &finding);
        }
        self.evidence.found(
            &near.1.notes.cases,
            if is_id(&piece.bytes) { Aspect::Id } else { Aspect::Presence },
            &finding,
        );
    }

    pub(super) fn framing(&mut self, write: Numbered, piece: &Piece, got: &HttpExchange) {
        let chunked = got.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        // A write is one chunk where a case of the line says so.
        if !checks(self.evidence.cases, write.1, Aspect::Framing) || piece.is_chunk && chunked {
            return;
        }
        let (expected, actual) = if chunked {
            let with = |(_, bytes): &(Instant, bytes::Bytes)| {
                memchr::memmem::find(bytes, &piece.bytes).is_some().then(|| bytes.clone())
            };
            let joined = got.writes.iter().find_map(with).filter(|bytes| bytes.len() > piece.bytes.len());
            let actual =
                joined.map_or("split over several chunks".into(), |bytes| format!("one chunk {}", visible(&bytes)));
            (format!("one chunk {}", visible(&piece.bytes)), actual)
        } else {
            ("transfer-encoding: chunked".into(), "a body without chunks".into())
        };
        let finding = self.finding(write, expected, actual, "framing").after(piece.at - got.sent);
        self.evidence.found(&write.1.notes.cases, Aspect::Framing, &finding);
    }
}

/// Returns the missing writes and the extra pieces around a step, up to the next right write on either side.
fn run(steps: &[Step], at: usize) -> &[Step] {
    let right = |step: &Step| matches!(step, Step::Came(..));
    let start = steps[..at].iter().rposition(right).map_or(0, |before| before + 1);
    let end = steps[at..].iter().position(right).map_or(steps.len(), |after| at + after);
    &steps[start..end]
}

/// Returns the piece that came in place of a missing write.
fn in_place_of(steps: &[Step], at: usize) -> Option<usize> {
    run(steps, at).iter().find_map(|step| if let Step::Extra(g) = step { Some(*g) } else { None })
}

/// Returns whether a piece came in place of a missing write.
fn is_in_place(steps: &[Step], at: usize) -> bool {
    run(steps, at).iter().any(|step| matches!(step, Step::Missing(_)))
}

fn is_id(piece: &[u8]) -> bool {
    piece.starts_with(b"id:") || piece.starts_with(b"id\n")
}

/// Returns the name of a line's field.
fn field(piece: &[u8]) -> &[u8] {
    piece.split(|byte| *byte == b':').next().unwrap_or_default()
}
