//! Finds the piece for each expected write, and tells writes that moved from writes that are missing.

use onbeat_wire::Instant;

use super::{Comparison, Trial};
use crate::judge::align::{Step, UNIT, align};
use crate::judge::{NumberedLine, Piece};

/// The expected writes of a response, the pieces that came, and the steps that lead along both.
pub(super) struct Alignment<'e, 'p> {
    pub(super) writes: Vec<NumberedLine<'e>>,
    pub(super) pieces: &'p [Piece],
    pub(super) steps: Vec<Step>,
    /// From here on a write is beyond the cut of the scenario: the write may come, but need not.
    pub(super) cut: usize,
    /// By write and piece, whether the piece conforms to the write.
    fits: Vec<Vec<bool>>,
}

/// A write that comes so much too early, in the contract's time, is rather the write of another time.
const EARLY_MS: u64 = 250;

impl Trial<'_, '_> {
    pub(super) fn align<'e, 'p>(
        &self,
        response: Comparison<'e>,
        mut writes: Vec<NumberedLine<'e>>,
        pieces: &'p [Piece],
    ) -> Alignment<'e, 'p> {
        let cut = writes.len();
        writes.extend(&response.expected.beyond);
        let fits =
            |write: &NumberedLine| pieces.iter().map(|piece| self.seen.conforms(write.1, &piece.bytes)).collect();
        let fits: Vec<Vec<bool>> = writes.iter().map(fits).collect();
        let earliest: Vec<Instant> = writes.iter().map(|write| self.earliest(response, *write)).collect();
        // A piece of the same field is a wrong write. A piece of another field costs more than a missing write and a piece
        // too many.
        let cost = |e: usize, g: usize| match fits[e][g] {
            true if pieces[g].at + self.pace.takes(EARLY_MS) < earliest[e] => UNIT - 10,
            true => 0,
            false if field(writes[e].1.written().as_bytes()) == field(&pieces[g].bytes) => UNIT,
            false => 2 * UNIT + 1,
        };
        let extra = |g: usize| if self.seen.others.may_have_caused(&pieces[g].bytes) { 1 } else { UNIT };
        let steps = align(writes.len(), pieces.len(), cost, extra);
        Alignment { writes, pieces, steps, cut, fits }
    }
}

impl<'e> Alignment<'e, '_> {
    /// Returns the last step of a write before the cut.
    pub(super) fn end(&self) -> Option<usize> {
        self.steps.iter().rposition(|step| matches!(step, Step::Came(e, _) | Step::Missing(e) if *e < self.cut))
    }

    /// Returns the step at which a missing write came in another place.
    pub(super) fn moved_to(&self, e: usize) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step, Step::Extra(g) if self.fits[e][*g]))
    }

    /// Returns whether an extra piece is a missing write in another place.
    pub(super) fn is_moved(&self, g: usize) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Missing(e) if self.fits[*e][g]))
    }

    /// Returns whether a write changed places with another write.
    pub(super) fn is_swapped(&self, e: usize) -> bool {
        let takes_place = |other: usize, g: usize| other != e && self.fits[e][g] && !self.fits[other][g];
        self.steps.iter().any(|step| matches!(step, Step::Came(other, g) if takes_place(*other, *g)))
    }

    /// Returns the writes that came between two steps.
    pub(super) fn came_between(&self, one: usize, other: usize) -> impl Iterator<Item = NumberedLine<'e>> {
        let steps = &self.steps[one.min(other)..one.max(other)];
        steps.iter().filter_map(|step| if let Step::Came(e, _) = step { Some(self.writes[*e]) } else { None })
    }

    /// Returns the piece that came in place of a missing write.
    pub(super) fn in_place_of(&self, at: usize) -> Option<&Piece> {
        let extra = |step: &Step| if let Step::Extra(g) = step { Some(&self.pieces[*g]) } else { None };
        self.unmatched_around(at).iter().find_map(extra)
    }

    /// Returns whether an extra piece came in place of a missing write.
    pub(super) fn is_in_place(&self, at: usize) -> bool {
        self.unmatched_around(at).iter().any(|step| matches!(step, Step::Missing(_)))
    }

    /// Returns the missing writes and the extra pieces around a step, up to the next pair on either side.
    fn unmatched_around(&self, at: usize) -> &[Step] {
        let is_pair = |step: &Step| matches!(step, Step::Came(..));
        let start = self.steps[..at].iter().rposition(is_pair).map_or(0, |before| before + 1);
        let end = self.steps[at..].iter().position(is_pair).map_or(self.steps.len(), |after| at + after);
        &self.steps[start..end]
    }
}

/// Returns the name of a line's field.
fn field(piece: &[u8]) -> &[u8] {
    piece.split(|byte| *byte == b':').next().unwrap_or_default()
}
