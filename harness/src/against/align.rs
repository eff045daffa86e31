//! Alignment: finds the seen unit for each expected unit, so that a single mistake stays a single finding.

use std::collections::BTreeSet;

use super::facts::WriteFact;
use super::unit::{Unit, UnitKind};
use crate::judge::{Loosening, Step, UNIT, align as align_by_cost};

/// A wrong unit costs a little less than a missing unit and an extra unit.
const WRONG: u32 = UNIT + UNIT * 4 / 5;
const SIMILAR: u32 = UNIT + UNIT / 5;
/// A unit of another kind costs more than a missing unit and an extra unit, since no single mistake makes one of the other.
const OTHER_KIND: u32 = 2 * UNIT + 1;
/// Of two equal units, the unit within this time of the expected time is the right unit.
const FAR_MS: u64 = 200;
/// The alignment looks at so many units at once, and keeps the first half of the result.
const WINDOW: usize = 64;
/// The number of units in a row that agree behind a long run of missing or extra units.
const AGREEMENT: usize = 3;
/// A run of missing or extra units is no longer.
const SEARCH_MAX: usize = 4096;

/// A step of an alignment: the index of the expected unit, and then the index of the seen unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aligned {
    /// The unit came.
    Same(usize, usize),
    /// The unit came with a mistake.
    Wrong(usize, usize),
    /// The unit is missing.
    Missing(usize),
    /// The seen unit is extra.
    Extra(usize),
    /// The seen unit is optional: the index of an optional unit with the same text, and of the seen unit.
    May(usize, usize),
}

impl Aligned {
    /// Returns the index of the expected unit.
    pub(super) fn expected(self) -> Option<usize> {
        match self {
            Self::Same(e, _) | Self::Wrong(e, _) | Self::Missing(e) | Self::May(e, _) => Some(e),
            Self::Extra(_) => None,
        }
    }

    /// Returns the index of the seen unit.
    pub(super) fn seen(self) -> Option<usize> {
        match self {
            Self::Same(_, g) | Self::Wrong(_, g) | Self::Extra(g) | Self::May(_, g) => Some(g),
            Self::Missing(_) => None,
        }
    }

    /// Returns the step with indices into longer lists: of the expected, and of the seen units.
    pub(super) fn mapped(self, e_at: &[usize], g_at: &[usize]) -> Self {
        match self {
            Self::Same(e, g) => Self::Same(e_at[e], g_at[g]),
            Self::Wrong(e, g) => Self::Wrong(e_at[e], g_at[g]),
            Self::Missing(e) => Self::Missing(e_at[e]),
            Self::Extra(g) => Self::Extra(g_at[g]),
            Self::May(e, g) => Self::May(e_at[e], g_at[g]),
        }
    }
}

/// Returns the rules for the values of a unit.
pub(super) fn vary(writes: &[WriteFact], unit: &Unit) -> Vec<Loosening> {
    writes[unit.writes.0..=unit.writes.1].iter().flat_map(|write| write.vary.clone()).collect()
}

/// Returns whether a unit may come at any time, any number of times, or not at all.
pub(super) fn may(writes: &[WriteFact], unit: &Unit) -> bool {
    writes[unit.writes.0..=unit.writes.1].iter().any(|write| write.may)
}

/// Aligns the units of a recording with the seen units, of which any number may come behind the end of the recording.
pub(super) fn align(
    writes: &[WriteFact],
    expected: &[Unit],
    got: &[Unit],
    kind: impl Fn(&Unit) -> UnitKind,
    is_behind_the_end: impl Fn(&Unit) -> bool,
) -> Vec<Aligned> {
    let [kinds, got_kinds] = [expected, got].map(|units| units.iter().map(&kind).collect::<Vec<UnitKind>>());
    // Takes units of a new kind for units of a similar kind with a mistake, such as another name of a field.
    let known: BTreeSet<&UnitKind> = kinds.iter().collect();
    let is_other_kind = |e: usize, g: usize| {
        let (wanted, came) = (&kinds[e], &got_kinds[g]);
        wanted != came && (known.contains(came) || !came.resembles(wanted))
    };
    let rules: Vec<Vec<Loosening>> = expected.iter().map(|unit| vary(writes, unit)).collect();
    let same = |e: usize, g: usize| expected[e].is_same(&got[g], &rules[e]);
    // Aligns the required units alone: an optional unit may come anywhere, any number of times.
    let (optional, required): (Vec<usize>, Vec<usize>) = (0..expected.len()).partition(|e| may(writes, &expected[*e]));
    let may_be = |g: usize| optional.iter().copied().find(|e| same(*e, g));
    let (mut from_e, mut from_g, mut steps) = (0, 0, Vec::new());
    while from_e < required.len() || from_g < got.len() {
        // Takes a right unit without a search, as most are. Among equal units in a row, the time decides.
        let is_next = |g: usize| required.get(from_e + 1).is_some_and(|e| same(*e, g));
        let is_right = |e: usize, g: usize| same(e, g) && (!is_far(&expected[e], &got[g]) || !is_next(g));
        if from_e < required.len() && from_g < got.len() && is_right(required[from_e], from_g) {
            steps.push(Aligned::Same(required[from_e], from_g));
            (from_e, from_g) = (from_e + 1, from_g + 1);
            continue;
        }
        let (e_len, g_len) = ((required.len() - from_e).min(WINDOW), (got.len() - from_g).min(WINDOW));
        // Takes an optional unit without a search as well: any number of them can come in a row, more than a window.
        let is_required = |g: usize| required[from_e..from_e + e_len].iter().any(|e| same(*e, g));
        if g_len > 0
            && let Some(e) = may_be(from_g).filter(|_| !is_required(from_g))
        {
            steps.push(Aligned::May(e, from_g));
            from_g += 1;
            continue;
        }
        let is_last = from_e + e_len == required.len() && from_g + g_len == got.len();
        let costs: Vec<u32> = (0..e_len * g_len)
            .map(|at| {
                let (e, g) = (required[from_e + at / g_len], from_g + at % g_len);
                // Adds a cost of 1 to a unit far from the expected time, to choose the nearer of equal units.
                let far = u32::from(is_far(&expected[e], &got[g]));
                match () {
                    () if same(e, g) => far,
                    () if is_other_kind(e, g) => OTHER_KIND,
                    () if expected[e].resembles(&got[g]) => SIMILAR + far,
                    () => WRONG + far,
                }
            })
            .collect();
        let optionals: Vec<Option<usize>> = (0..g_len).map(|g| may_be(from_g + g)).collect();
        let is_free = |g: usize| optionals[g].is_some() || is_behind_the_end(&got[from_g + g]);
        let extra = |g: usize| if is_free(g) { 0 } else { UNIT };
        let window = align_by_cost(e_len, g_len, |e, g| costs[e * g_len + g], extra);
        // Looks beyond the window, since a long run of missing or extra units is longer than a window.
        let has_agreement = window.iter().any(|step| matches!(step, Step::Came(e, g) if costs[e * g_len + g] < UNIT));
        if !has_agreement && !is_last {
            let rest = |e: usize, g: usize| same(required[from_e + e], from_g + g);
            if let Some((missing, extra)) = next_agreement(required.len() - from_e, got.len() - from_g, rest) {
                steps.extend(required[from_e..from_e + missing].iter().map(|e| Aligned::Missing(*e)));
                let passed = |g: usize| may_be(g).map_or(Aligned::Extra(g), |e| Aligned::May(e, g));
                steps.extend((from_g..from_g + extra).map(passed));
                (from_e, from_g) = (from_e + missing, from_g + extra);
                continue;
            }
        }
        // Keeps the first half of a window, of which alone the steps are certain, or the whole of the last window.
        let kept = if is_last { window.len() } else { (window.len() / 2).max(1) };
        for step in &window[..kept] {
            steps.push(match *step {
                Step::Came(e, g) => {
                    let (e, g) = (required[from_e + e], from_g + g);
                    if same(e, g) { Aligned::Same(e, g) } else { Aligned::Wrong(e, g) }
                }
                Step::Missing(e) => Aligned::Missing(required[from_e + e]),
                Step::Extra(g) => optionals[g].map_or(Aligned::Extra(from_g + g), |e| Aligned::May(e, from_g + g)),
            });
        }
        // Counts the expected units in the kept steps, and then the seen units.
        let came = window[..kept].iter().filter(|step| !matches!(step, Step::Extra(_))).count();
        let left = window[..kept].iter().filter(|step| !matches!(step, Step::Missing(_))).count();
        (from_e, from_g) = (from_e + came, from_g + left);
    }
    steps
}

fn is_far(expected: &Unit, got: &Unit) -> bool {
    expected.times.last_ms.abs_diff(got.times.last_ms) > FAR_MS
}

/// Returns how many expected units, or how many seen units, lie before the next agreement.
fn next_agreement(expected: usize, got: usize, same: impl Fn(usize, usize) -> bool) -> Option<(usize, usize)> {
    let agree = |e: usize, g: usize| {
        // Takes a shorter run near the end of either list.
        let run = AGREEMENT.min(expected - e).min(got - g);
        run > 0 && (0..run).all(|n| same(e + n, g + n))
    };
    let missing = (1..expected.min(SEARCH_MAX)).find(|e| agree(*e, 0)).map(|e| (e, 0));
    let extra = (1..got.min(SEARCH_MAX)).find(|g| agree(0, *g)).map(|g| (0, g));
    missing.into_iter().chain(extra).min_by_key(|(e, g)| e + g)
}
