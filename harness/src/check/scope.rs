//! The scope of a check: how much of the contract is judged.

use crate::fixtures::read_back::Golden;
use crate::judge::{Evidence, Measured, NoSuchCase, Selection, Skipped};

/// A quick check leaves out all that needs more of the contract's time: 10 s, without the writes of that moment.
const QUICK_MS: u64 = 9_500;

/// How much of the contract is judged.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The selected cases.
    pub cases: Selection,
    /// Whether all that needs more than 10 s is left out.
    pub quick: bool,
    /// Whether only end-to-end cases are judged, since there is a proxy between the checker and the server.
    pub behind_proxy: bool,
}

impl Scope {
    /// Returns the fixtures by which the scope is judged. All cases stay; streams are cut short where time is short.
    pub(super) fn contract(&self) -> Result<Golden, NoSuchCase> {
        let golden = Golden::read();
        self.cases.among(&golden.cases, Measured::Fixtures)?;
        let mut golden = if self.behind_proxy { golden.end_to_end() } else { golden };
        let watched_ms = if self.quick { QUICK_MS } else { u64::MAX };
        let streams = golden.streams.into_iter().filter(|stream| self.cases.has_any(stream.cases()));
        golden.streams = streams.map(|stream| stream.until(watched_ms)).collect();
        golden.scenes.retain(|scenario| scenario.length_ms <= watched_ms && self.cases.has_any(scenario.cases()));
        golden.requests.retain(|request| self.cases.has_any(&request.cases));
        Ok(golden)
    }

    /// Notes which cases the scope keeps from being judged, and why.
    pub(super) fn explain(&self, evidence: &mut Evidence) {
        if self.behind_proxy {
            let hop_by_hop = evidence.cases.iter().filter(|case| case.hop_by_hop).map(|case| case.id.clone());
            evidence.skipped(&hop_by_hop.collect::<Vec<_>>(), &Skipped::BehindProxy);
        }
    }
}
