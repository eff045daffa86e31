//! Stalls: the times at which the machine held up the checker or the server. A write that came late then may have been in
//! time.
//!
//! The checker notices a stall of the checker by a timer that fires late, and a stall of the server by probes: requests
//! that any server answers at once. Since a server may also be slow by itself, a slow probe counts only if the checker was
//! held up at about the same time.

use std::time::Duration;

use onbeat_wire::Instant;

/// A probe that takes so much longer than the fastest probe is slow.
const SLOW_MIN: Duration = Duration::from_millis(15);
/// A probe is slow because of the machine only so near a stall of the checker.
const NEAR_MAX: Duration = Duration::from_secs(2);
/// On an idle machine the probes are usually delayed by no more.
const IDLE_MAX: Duration = Duration::from_millis(4);

/// The beginning and the end of a span of time.
type Span = (Instant, Instant);

/// The stalls and probes of one check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls {
    /// The spans in which no part of the checker ran.
    own: Vec<Span>,
    /// The probes, each from the request to the answer.
    probes: Vec<Span>,
    /// When the probe without an answer yet was sent.
    pending: Option<Instant>,
}

impl Stalls {
    /// Returns how long the machine held up the checker, or the server, in between.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Duration {
        // Counts a probe without an answer until now.
        let pending = self.pending.map(|sent| (sent, to));
        let fastest = self.fastest();
        let slow = self.probes.iter().copied().chain(pending).filter(|probe| probe.1 - probe.0 > fastest + SLOW_MIN);
        let by_machine = slow.filter(|probe| overlaps(*probe, (from, to)) && self.is_near_a_stall(*probe));
        let mut spans: Vec<Span> = self.own.iter().copied().chain(by_machine).collect();
        spans.sort_unstable();
        // Counts overlapping spans once: each span counts from the end of all earlier spans.
        let mut counted = from;
        let mut sum = Duration::ZERO;
        for (start, end) in spans {
            let (start, end) = (start.max(counted), end.min(to));
            sum += end - start;
            counted = counted.max(end);
        }
        sum
    }

    /// Returns the longest time for which the machine held up the checker at once in between.
    pub(crate) fn longest(&self, from: Instant, to: Instant) -> Duration {
        self.own.iter().map(|(start, end)| *end.min(&to) - *start.max(&from)).max().unwrap_or_default()
    }

    /// Returns how much later than on an idle machine the server usually answered in between.
    pub(crate) fn jitter(&self, from: Instant, to: Instant) -> Duration {
        let during = self.probes.iter().filter(|probe| overlaps(**probe, (from, to)));
        let mut delays: Vec<Duration> = during.map(|(sent, answered)| *answered - *sent).collect();
        delays.sort_unstable();
        // Takes the median, which ignores the few probes that a short stall delayed.
        let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
        let jitter = median.saturating_sub(self.fastest());
        if jitter > IDLE_MAX { jitter } else { Duration::ZERO }
    }

    fn fastest(&self) -> Duration {
        self.probes.iter().map(|(sent, answered)| *answered - *sent).min().unwrap_or_default()
    }

    fn is_near_a_stall(&self, (from, to): Span) -> bool {
        self.own.iter().any(|(start, end)| *start <= to + NEAR_MAX && *end + NEAR_MAX >= from)
    }
}

/// The notes of a check in real time. Virtual time knows no stall.
#[cfg(any(test, feature = "live"))]
impl Stalls {
    /// Notes a span in which no part of the checker ran.
    pub(crate) fn stalled(&mut self, from: Instant, to: Instant) {
        self.own.push((from, to));
    }

    /// Notes that a probe was sent.
    pub(crate) fn probe(&mut self, at: Instant) {
        self.pending = Some(at);
    }

    /// Notes that the probe was answered, or given up.
    pub(crate) fn probed(&mut self, answered: Option<Instant>) {
        let sent = self.pending.take();
        self.probes.extend(sent.zip(answered));
    }
}

fn overlaps(one: Span, other: Span) -> bool {
    one.0 < other.1 && other.0 < one.1
}

/// The stalls of a check under way, noted by some tasks of the check and read by others.
#[cfg(feature = "live")]
pub(crate) type SharedStalls = std::sync::Arc<parking_lot::Mutex<Stalls>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(after: u64) -> Instant {
        Instant::EPOCH + ms(after)
    }

    fn probed(stalls: &mut Stalls, sent: u64, answered: u64) {
        stalls.probe(at(sent));
        stalls.probed(Some(at(answered)));
    }

    #[test]
    fn stalls_are_counted_where_they_overlap() {
        let mut stalls = Stalls::default();
        stalls.stalled(at(100), at(200));
        stalls.stalled(at(300), at(350));
        assert_eq!(stalls.within(at(0), at(1000)), ms(150));
        assert_eq!(stalls.within(at(150), at(310)), ms(60));
        assert_eq!(stalls.within(at(200), at(300)), ms(0));
        assert_eq!(stalls.longest(at(0), at(1000)), ms(100));
        assert_eq!(stalls.longest(at(150), at(310)), ms(50));
        assert_eq!(stalls.longest(at(200), at(300)), ms(0));
    }

    #[test]
    fn a_stall_of_the_checker_and_of_the_server_at_once_counts_once() {
        let mut stalls = Stalls::default();
        probed(&mut stalls, 0, 1);
        stalls.stalled(at(100), at(200));
        probed(&mut stalls, 50, 250);
        assert_eq!(stalls.within(at(0), at(1000)), ms(200));
        assert_eq!(stalls.within(at(150), at(300)), ms(100));
    }

    #[test]
    fn a_server_that_is_slow_on_an_idle_machine_is_slow_by_itself() {
        let mut stalls = Stalls::default();
        probed(&mut stalls, 0, 1);
        probed(&mut stalls, 100, 500);
        assert_eq!(stalls.within(at(0), at(1000)), ms(0));
        stalls.stalled(at(600), at(606));
        assert_eq!(stalls.within(at(0), at(1000)), ms(406));
    }

    #[test]
    fn a_probe_without_an_answer_is_a_stall_so_far() {
        let mut stalls = Stalls::default();
        probed(&mut stalls, 0, 1);
        stalls.stalled(at(90), at(100));
        stalls.probe(at(100));
        assert_eq!(stalls.within(at(0), at(1000)), ms(910));
        stalls.probed(None);
        assert_eq!(stalls.within(at(0), at(1000)), ms(10));
    }

    #[test]
    fn the_usual_delay_is_the_median_beyond_the_fastest() {
        let mut stalls = Stalls::default();
        for (sent, answered) in [(0, 50), (100, 160), (200, 262), (300, 363), (400, 900)] {
            probed(&mut stalls, sent, answered);
        }
        assert_eq!(stalls.jitter(at(0), at(1000)), ms(12));
        // What is far away answers late, but evenly.
        assert_eq!(stalls.jitter(at(0), at(90)), ms(0));
        assert_eq!(stalls.jitter(at(2000), at(3000)), ms(0));
    }
}
