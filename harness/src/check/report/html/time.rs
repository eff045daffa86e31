//! Times, as the page has them.

/// A time, in seconds with three decimals.
pub(super) fn seconds(ms: f64) -> String {
    format!("{:.3} s", ms / 1000.0)
}
