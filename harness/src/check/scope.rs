//! How much of the contract is judged.

use crate::fixtures::golden::Golden;
use crate::judge::evidence::Evidence;
use crate::judge::selection::Selection;

/// What needs more of the contract's time than this is left out of a quick check: 10 s, but not what happens then.
const QUICK_MS: u64 = 9_500;

/// How much of the contract is judged.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Which cases.
    pub cases: Selection,
    /// Only what needs no more than 10 s.
    pub quick: bool,
    /// Only what is true from end to end: there is a proxy between the checker and the server.
    pub behind_proxy: bool,
}

impl Scope {
    /// Returns the fixtures by which this scope is judged.
    pub(super) fn golden(&self) -> Golden {
        let golden = Golden::read();
        if self.behind_proxy { golden.end_to_end() } else { golden }
    }

    /// Notes which cases the scope keeps from being judged, and why.
    pub(super) fn explain(&self, evidence: &mut Evidence) {
        if self.behind_proxy {
            let hop_by_hop = evidence.cases.iter().filter(|case| case.hop_by_hop).map(|case| case.id.clone());
            evidence.unjudged(&hop_by_hop.collect::<Vec<_>>(), "a proxy in between may change it");
        }
    }

    /// Returns until when streams are watched, in the contract's time.
    pub(super) fn watched_ms(&self) -> u64 {
        if self.quick { QUICK_MS } else { u64::MAX }
    }
}
