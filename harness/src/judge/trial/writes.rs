//! The writes of a response: presence, order, bytes and chunks.

use onbeat_wire::Instant;
use onbeat_wire::printable::visible;

use super::alignment::Alignment;
use super::{Comparison, Trial, checks};
use crate::judge::align::Step;
use crate::judge::compare::{self, WriteDifference};
use crate::judge::{Aspect, NumberedLine, Piece, ScenarioLine, Skipped};
use crate::player::HttpExchange;

/// The number of writes that are named where another write moved past several writes.
const CROSSED_MAX: usize = 3;

impl Trial<'_, '_> {
    /// Judges the writes; returns when the last was to come, and when the last came.
    pub(super) fn writes<'e>(
        &mut self,
        response: Comparison<'e>,
        writes: Vec<NumberedLine<'e>>,
        pieces: &[Piece],
    ) -> (u64, Instant) {
        let alignment = &self.align(response, writes, pieces);
        let (writes, cut, end) = (&alignment.writes, alignment.cut, alignment.end());
        let (got, mut last) = (response.got, response.request_time());
        let mut came = Vec::new();
        for (at, step) in alignment.steps.iter().enumerate() {
            match *step {
                // Accepts a write beyond the cut, unless the write is too early.
                Step::Came(e, g) if e >= cut => {
                    if pieces[g].at + self.pace.early_max < self.earliest(response, writes[e]) {
                        self.extra(writes[e], &pieces[g], got);
                    }
                }
                Step::Missing(e) if e >= cut => {}
                Step::Extra(g) if end < Some(at) && self.is_beyond(response, &pieces[g]) => {}
                Step::Came(e, g) => {
                    let (write, piece) = (writes[e], &pieces[g]);
                    self.write(alignment, e, piece, got);
                    self.time(response, write, piece, last);
                    last = (write.1.t_ms, piece.at);
                    came.push((write, piece));
                }
                Step::Missing(e) => self.missing(alignment, at, e, got),
                Step::Extra(g) => {
                    // Leaves out a piece in place of a missing write, which is named with the missing write.
                    let explained = self.seen.others.may_have_caused(&pieces[g].bytes)
                        || alignment.is_in_place(at)
                        || alignment.is_moved(g);
                    let near = came.last().map(|(write, _)| *write).or(writes.first().copied());
                    if let (false, Some(near)) = (explained, near) {
                        self.extra(near, &pieces[g], got);
                    }
                }
            }
        }
        self.stamps(&came, got);
        self.random_numbers(&came, got);
        last
    }

    /// Judges the bytes and the chunk of a write that came.
    fn write(&mut self, alignment: &Alignment, e: usize, piece: &Piece, got: &HttpExchange) {
        let write = alignment.writes[e];
        self.judged(write.1);
        // Adds a finding about the order if two writes changed places: each has the bytes of the other.
        let differences = self.seen.differences(write.1, &piece.bytes);
        if !differences.is_empty() && alignment.is_swapped(e) {
            self.out_of_order(write, &[], got);
        }
        for WriteDifference { aspect, what, expected } in differences {
            let finding = self.finding(write, visible(expected.as_bytes()), visible(&piece.bytes), what);
            let finding = finding.differing(expected.as_bytes(), &piece.bytes).after(piece.at - got.sent);
            self.evidence.found(&write.1.notes.cases, aspect, &finding);
        }
        self.framing(write, piece, got);
    }

    /// Notes that a line has been judged, without the counts of the line if the number of other users is unknown.
    fn judged(&mut self, line: &ScenarioLine) {
        if self.seen.others.clients().is_none() && compare::counts(&line.notes.vary) {
            self.evidence.judged_but_for(&line.notes.cases, Aspect::Count, &Skipped::OthersCameAndWent);
        } else {
            self.evidence.judged(&line.notes.cases);
        }
    }

    /// Returns whether a piece came after the cut of a scenario.
    fn is_beyond(&self, response: Comparison, piece: &Piece) -> bool {
        let (asked_ms, sent) = response.request_time();
        let watched = self.pace.takes(self.scenario.length_ms.saturating_sub(asked_ms));
        !self.scenario.rest.is_empty() && piece.at + self.pace.early_max >= sent + watched
    }

    /// Judges a write that is not in its place: moved, replaced by another piece, or missing.
    fn missing(&mut self, alignment: &Alignment, at: usize, e: usize, got: &HttpExchange) {
        let write = alignment.writes[e];
        if let Some(to) = alignment.moved_to(e) {
            let crossed: Vec<NumberedLine> = alignment.came_between(at, to).take(CROSSED_MAX).collect();
            return self.out_of_order(write, &crossed, got);
        }
        let (cases, wanted) = (&write.1.notes.cases, self.seen.wanted(write.1));
        let expected = visible(wanted.as_bytes());
        self.evidence.judged_for(cases, &[Aspect::Bytes, Aspect::Presence]);
        // Takes a piece in the same place for the write with other bytes. Without a piece the write is missing.
        let instead = alignment.in_place_of(at).filter(|piece| !self.seen.others.may_have_caused(&piece.bytes));
        if let Some(piece) = instead {
            let finding = self.finding(write, expected, visible(&piece.bytes), "something else came");
            let finding = finding.differing(wanted.as_bytes(), &piece.bytes).after(piece.at - got.sent);
            self.evidence.found(cases, if is_id(&piece.bytes) { Aspect::Id } else { Aspect::Bytes }, &finding);
        } else {
            let finding = self.finding(write, expected, got.why_no_more(), "missing");
            self.evidence.found(cases, Aspect::Presence, &finding);
        }
    }

    fn out_of_order(&mut self, write: NumberedLine, crossed: &[NumberedLine], got: &HttpExchange) {
        let expected = visible(self.seen.wanted(write.1).as_bytes());
        let mut finding = self.finding(write, expected, "it came in another place", "out of order");
        // Takes the end of the response for the time, since a move has no single time.
        if let Some((at, _)) = got.writes.last() {
            finding = finding.after(*at - got.sent);
        }
        self.evidence.found(&write.1.notes.cases, Aspect::Order, &finding);
        // Accuses the writes in between as well, since from outside either may have moved.
        for (_, line) in [write].iter().chain(crossed) {
            self.evidence.found(&line.notes.cases, Aspect::Bytes, &finding);
        }
    }

    /// Judges a piece that is one too many.
    fn extra(&mut self, near: NumberedLine, piece: &Piece, got: &HttpExchange) {
        // Accuses the write that came again, if any: a write too often breaks the cases of the write, and the period.
        let again = self.scenario.lines.iter().chain(&self.scenario.rest).find(|(_, line)| {
            line.notes.client.is_empty() && !line.written().is_empty() && self.seen.conforms(line, &piece.bytes)
        });
        let near = again.map_or(near, |(number, line)| (*number, line));
        let finding = self.finding(near, "no further write here", visible(&piece.bytes), "one too many");
        let (finding, cases) = (finding.after(piece.at - got.sent), &near.1.notes.cases);
        if again.is_some() {
            self.evidence.found(cases, Aspect::Period, &finding);
        }
        self.evidence.found(cases, if is_id(&piece.bytes) { Aspect::Id } else { Aspect::Presence }, &finding);
    }

    /// Judges whether a write is one chunk, where a case of the line says so.
    pub(super) fn framing(&mut self, write: NumberedLine, piece: &Piece, got: &HttpExchange) {
        let chunked = got.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        if !checks(self.evidence.cases, write.1, Aspect::Framing) || piece.is_chunk && chunked {
            return;
        }
        let has_piece = |bytes: &&bytes::Bytes| memchr::memmem::find(bytes, &piece.bytes).is_some();
        let with_piece = got.writes.iter().map(|(_, bytes)| bytes).find(has_piece);
        // Passes over a chunk of the same length, which is another write with the same bytes.
        let joined = with_piece.filter(|bytes| bytes.len() > piece.bytes.len());
        let (expected, actual) = match joined {
            _ if !chunked => ("transfer-encoding: chunked".into(), "a body without chunks".into()),
            Some(bytes) => (format!("one chunk {}", visible(&piece.bytes)), format!("one chunk {}", visible(bytes))),
            None => (format!("one chunk {}", visible(&piece.bytes)), "split over several chunks".into()),
        };
        let finding = self.finding(write, expected, actual, "framing").after(piece.at - got.sent);
        self.evidence.found(&write.1.notes.cases, Aspect::Framing, &finding);
    }
}

fn is_id(piece: &[u8]) -> bool {
    piece.starts_with(b"id:") || piece.starts_with(b"id\n")
}
