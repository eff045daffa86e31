//! The drawing of an exchange: the recorded units, and the units that came.

use super::compare::Comparison;
use super::contract::RecordingContract;
use super::unit::Unit;
use crate::judge::{Mark, Timeline, float_ms};

/// Returns the timeline of an exchange.
pub(super) fn timeline(contract: &RecordingContract, exchange: usize, comparison: &Comparison) -> Timeline {
    let mark = |unit: &Unit| Mark::new(float_ms(unit.times.last_ms), &unit.bytes);
    let name = if contract.exchanges.len() == 1 {
        contract.name.clone()
    } else {
        format!("{}, exchange {}", contract.name, exchange + 1)
    };
    let recorded_ms = contract.exchanges[exchange].response.length_ms();
    let (expected, actual) = (comparison.expected_units.iter().map(mark), comparison.seen_units.iter().map(mark));
    Timeline::new(name, recorded_ms, expected, actual)
}
