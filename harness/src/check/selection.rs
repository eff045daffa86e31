//! Which cases are judged.

use glob::Pattern;

use super::evidence::Evidence;
use crate::fixtures::format::Case;
use crate::fixtures::golden::Golden;

/// What needs more of the contract's time than this is left out of a quick check: 10 s, but not what happens then.
const QUICK_MS: u64 = 9_500;

/// A choice of cases, and of how much of each stream is watched.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, if there are any.
    pub only: Vec<Pattern>,
    /// Not these.
    pub skip: Vec<Pattern>,
    /// Only what needs no more than 10 s.
    pub quick: bool,
    /// Only what is true from end to end: there is a proxy between the checker and the server.
    pub behind_proxy: bool,
}

impl Selection {
    /// Whether a case is judged.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(id));
        (self.only.is_empty() || among(&self.only)) && !among(&self.skip)
    }

    /// Returns the fixtures by which this selection is judged.
    pub(super) fn golden(&self) -> Golden {
        let golden = Golden::read();
        if self.behind_proxy { golden.end_to_end() } else { golden }
    }

    /// Notes which cases the selection keeps from being judged, and why.
    pub(super) fn explain(&self, evidence: &mut Evidence) {
        if self.behind_proxy {
            let hop_by_hop = evidence.cases.iter().filter(|case| case.hop_by_hop).map(|case| case.id.clone());
            evidence.unjudged(&hop_by_hop.collect::<Vec<_>>(), "a proxy in between may change it");
        }
    }

    /// Whether any of these cases is judged.
    pub(super) fn has_any<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> bool {
        ids.into_iter().any(|id| self.has(id))
    }

    /// Patterns that match no case, and so are misspelled.
    pub(super) fn misspelled(&self, cases: &[Case]) -> Option<&Pattern> {
        self.only.iter().chain(&self.skip).find(|pattern| !cases.iter().any(|case| pattern.matches(&case.id)))
    }

    /// Until when streams are watched, in the contract's time.
    pub(super) fn watched_ms(&self) -> u64 {
        if self.quick { QUICK_MS } else { u64::MAX }
    }
}
