//! Streams behind a buffer: many writes come at once.

use std::time::Duration;

/// Writes within this time of each other came at once.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(20);

/// The way to switch a proxy's buffer off.
pub(crate) const NO_BUFFERING: &str = "(nginx: `proxy_buffering off`, or `X-Accel-Buffering: no` in the response)";
/// The likeliest cause where there is no proxy.
pub(crate) const NO_FLUSH: &str =
    "If there is no proxy, the server does not flush its writes, as with a middleware that compresses.";

/// Returns in how many bursts writes come, out of the times of the writes in order.
pub(crate) fn bursts(times: impl IntoIterator<Item = Duration>) -> usize {
    let (mut count, mut last) = (0, None);
    for at in times {
        count += usize::from(last.is_none_or(|last| at > last + AT_ONCE));
        last = Some(at);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_come_at_once_are_one_burst() {
        let count = |times: &[u64]| bursts(times.iter().copied().map(Duration::from_millis));
        assert_eq!(count(&[]), 0);
        assert_eq!(count(&[0]), 1);
        assert_eq!(count(&[0, 20, 40, 60]), 1);
        assert_eq!(count(&[0, 21, 41, 62]), 3);
    }
}
