//! The drawing of an exchange: the recorded units, and the units that came.

use super::compare::Comparison;
use super::contract::RecordingContract;
use super::unit::Unit;
use crate::judge::{Mark, Timeline};

/// The most units that are drawn.
const MARKS_MAX: usize = 2048;

/// Returns the timeline of an exchange.
pub(super) fn timeline(contract: &RecordingContract, exchange: usize, comparison: &Comparison) -> Timeline {
    let marks = |units: &[Unit]| -> Vec<Mark> {
        units.iter().take(MARKS_MAX).map(|unit| Mark::new(ms(unit.times.last_ms), &unit.bytes)).collect()
    };
    let name = if contract.exchanges.len() == 1 {
        contract.name.clone()
    } else {
        format!("{}, exchange {}", contract.name, exchange + 1)
    };
    let actual = marks(&comparison.seen_units);
    let recorded_ms = ms(contract.exchanges[exchange].response.length_ms());
    let length_ms = actual.last().map_or(0.0, |mark| mark.t_ms).max(recorded_ms);
    Timeline { name, length_ms, expected: marks(&comparison.expected_units), actual }
}

#[expect(clippy::cast_precision_loss, reason = "a recording lasts a century at most")]
fn ms(ms: u64) -> f64 {
    ms as f64
}
