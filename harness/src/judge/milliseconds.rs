//! Milliseconds as reports show them: with parts of milliseconds.

use std::time::Duration;

/// Returns whole milliseconds as a number that may have parts.
#[expect(clippy::cast_precision_loss, reason = "a stream lasts a century at most")]
pub(crate) fn float_ms(ms: u64) -> f64 {
    ms as f64
}

/// Returns the milliseconds of a duration, with parts.
pub(crate) fn duration_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
