//! One check under way: the findings so far, and the time that the check may take.

use std::time::Duration;

use onbeat_clock::epoch_today;
use parking_lot::{Mutex, MutexGuard};

use super::download::Downloader;
use super::target::Live;
use super::{Progress, Remote};
use crate::check::hint::Pulse;
use crate::check::tag::MARK;
use crate::check::{Tag, Target};
use crate::judge::{Case, Evidence, Observation, Scenario, Timeline, judge};

/// A check that takes so much longer than planned is broken off.
pub(super) const OVERTIME_MAX: Duration = Duration::from_secs(20);
/// The time between two looks at the progress, or at the other clients of the server.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// One check under way.
pub(super) struct Inspection<'a> {
    pub(super) behind_proxy: bool,
    pub(super) live: &'a Live,
    pub(super) cases: &'a [Case],
    pub(super) downloader: Downloader,
    pub(super) tag: Tag,
    findings: Mutex<Findings<'a>>,
}

/// All findings so far.
pub(super) struct Findings<'a> {
    pub(super) evidence: Evidence<'a>,
    pub(super) timelines: Vec<Timeline>,
    pub(super) pulses: Vec<Pulse>,
    /// The number of parts that are done.
    parts: usize,
    /// How long the check may take besides, since parts were repeated one after another.
    allowed: Duration,
    /// The same for requests repeated side by side, of which the longest counts.
    allowed_beside: Duration,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(remote: &Remote, behind_proxy: bool, live: &'a Live, cases: &'a [Case]) -> Self {
        let downloader = Downloader::new(&remote.headers);
        // Makes a unique tag: two processes of a machine differ in their ids, two machines in the time.
        let now: String = epoch_today().to_string().chars().filter(char::is_ascii_digit).collect();
        let tag = Tag::new(format!("{MARK}{now}-{}-", std::process::id()));
        let (evidence, timelines, pulses) = (Evidence::new(cases), Vec::new(), Vec::new());
        let findings = Mutex::new(Findings {
            evidence,
            timelines,
            pulses,
            parts: 0,
            allowed: Duration::ZERO,
            allowed_beside: Duration::ZERO,
        });
        Self { behind_proxy, live, cases, downloader, tag, findings }
    }

    pub(super) fn findings(&self) -> MutexGuard<'_, Findings<'a>> {
        self.findings.lock()
    }

    pub(super) fn into_findings(self) -> Findings<'a> {
        self.findings.into_inner()
    }

    pub(super) fn judge(&self, scenario: &Scenario, seen: &Observation) -> Evidence<'a> {
        judge(self.cases, scenario, seen, &self.live.pace, &self.live.stalls.lock())
    }

    /// Adds the evidence of a part that is done.
    pub(super) fn finished(&self, evidence: impl IntoIterator<Item = Evidence<'a>>) {
        let mut findings = self.findings();
        evidence.into_iter().for_each(|evidence| findings.evidence.add(evidence));
        findings.parts += 1;
    }

    /// Allows the check so much more time, since a part is repeated.
    pub(super) fn allow(&self, time: Duration) {
        self.findings().allowed += time;
    }

    /// Allows the check so much more time, since a request is repeated beside others.
    pub(super) fn allow_beside(&self, time: Duration) {
        let mut findings = self.findings();
        findings.allowed_beside = findings.allowed_beside.max(time);
    }

    /// Waits until a check of this length takes too long, even on a machine that was held up, and with repeated parts.
    pub(super) async fn overtime(&self, length: Duration) {
        let start = self.live.clock.now();
        // Allows a quarter more for a server whose timers drift.
        let due = start + length * 5 / 4 + OVERTIME_MAX;
        // Adds the time of parts repeated meanwhile, and of the stalls of the machine.
        let mut until = due;
        while self.live.clock.now() < until {
            self.live.clock.sleep_until(until).await;
            let allowed = {
                let findings = self.findings();
                findings.allowed + findings.allowed_beside
            };
            until = due + allowed + self.live.held_up(start, until).min(OVERTIME_MAX);
        }
    }

    /// Shows the progress, for ever.
    pub(super) async fn show(&self, progress: &impl Progress, of: usize) {
        let start = self.live.clock.now();
        loop {
            progress.passed(self.live.clock.now() - start, self.findings().parts, of);
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
        }
    }
}
