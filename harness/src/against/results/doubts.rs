//! Doubts, which other plays of a round settle: all recordings together, and each recording alone.

use std::collections::BTreeSet;

use super::{PlayedExchange, PlayedRound};

impl PlayedRound<'_> {
    /// Settles the doubts by another play of the round.
    pub(in crate::against) fn settle_doubts(&mut self, again: Self) {
        for (comparison, again) in self.comparisons.iter_mut().zip(again.comparisons) {
            // Notes what the other play found, since hints have to know.
            comparison.has_other_findings |= again.has_other_findings;
            comparison.proxy_change = comparison.proxy_change.max(again.proxy_change);
            comparison.evidence.take_over_certain(&again.evidence);
            comparison.evidence.settle_doubts(again.evidence);
        }
    }

    /// Returns the recordings with exchanges in doubt.
    pub(in crate::against) fn recordings_in_doubt(&self) -> BTreeSet<usize> {
        let exchanges = self.exchanges.iter().zip(&self.comparisons);
        let in_doubt = exchanges.filter(|(_, comparison)| comparison.evidence.has_doubts());
        in_doubt.map(|(exchange, _)| exchange.planned.contract).collect()
    }

    /// Settles the doubts of one recording by a play without the other recordings.
    pub(in crate::against) fn settle_doubts_alone(&mut self, alone: Self) {
        // Decides nothing where the server does something else without the other recordings: an exchange may need another.
        if alone.comparisons.iter().any(|comparison| comparison.evidence.has_certain()) {
            return;
        }
        for (exchange, again) in alone.exchanges.iter().zip(alone.comparisons) {
            let of_exchange = |one: &PlayedExchange| one.planned.is_same_exchange(exchange.planned);
            if let Some(at) = self.exchanges.iter().position(of_exchange) {
                self.comparisons[at].evidence.settle_doubts(again.evidence);
            }
        }
    }
}
