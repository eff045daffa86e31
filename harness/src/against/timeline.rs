//! The drawing of an exchange: the recorded units, and the units that came.

use super::compare::Comparison;
use super::contract::RecordingContract;
use super::unit::Unit;
use crate::judge::{Mark, Timeline, float_ms};

/// Returns the timeline of an exchange, in the time of the recording. The time of the server runs `scale` times as fast.
pub(super) fn timeline(contract: &RecordingContract, exchange: usize, comparison: &Comparison, scale: u32) -> Timeline {
    let mark = |unit: &Unit, scale: u32| Mark::new(float_ms(unit.times.last_ms * u64::from(scale)), &unit.bytes);
    let name = if contract.exchanges.len() == 1 {
        contract.name.clone()
    } else {
        format!("{}, exchange {}", contract.name, exchange + 1)
    };
    let recorded_ms = contract.exchanges[exchange].response.length_ms();
    let expected = comparison.expected_units.iter().map(|unit| mark(unit, 1));
    let actual = comparison.seen_units.iter().map(|unit| mark(unit, scale));
    Timeline::new(name, recorded_ms, expected, actual)
}
