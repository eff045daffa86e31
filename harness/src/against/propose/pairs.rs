//! Which units of two answers are compared with each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::against::unit::UnitKind;

/// The units of an answer, by index, and what each is compared with.
#[derive(Default)]
pub(super) struct Pairs {
    /// Units of both answers.
    pub(super) both: Vec<(usize, usize)>,
    /// Units of the first answer alone, such as the last event of a timer, each with the unit of its kind before.
    pub(super) alone: Vec<(usize, usize)>,
}

impl Pairs {
    /// Pairs the first unit of a kind with the first of the same kind, and so on, since the kinds of several timers may come in
    /// another order. Units of kinds that only one answer has are paired by their order.
    pub(super) fn of(kinds: &[UnitKind], other_kinds: &[UnitKind]) -> Self {
        let all: BTreeSet<&UnitKind> = kinds.iter().chain(other_kinds).collect();
        // Takes kinds that differ by further names alone for one: some keys are not in each object.
        let with_fewest_names = |kind: &UnitKind| {
            let parts = all.iter().filter(|part| part.has_some_names_of(kind));
            parts.min_by_key(|part| part.names.len()).map_or_else(|| kind.clone(), |part| (*part).clone())
        };
        let by_kind = |kinds: &[UnitKind]| {
            let mut by_kind: BTreeMap<UnitKind, Vec<usize>> = BTreeMap::new();
            for (at, kind) in kinds.iter().enumerate() {
                by_kind.entry(with_fewest_names(kind)).or_default().push(at);
            }
            by_kind
        };
        let (mut left, mut other_left) = (by_kind(kinds), by_kind(other_kinds));
        let mut pairs = Self::default();
        left.retain(|kind, places| {
            let Some(partners) = other_left.remove(kind) else { return true };
            let (paired, alone) = places.split_at(places.len().min(partners.len()));
            pairs.both.extend(paired.iter().copied().zip(partners));
            pairs.alone.extend(paired.last().into_iter().flat_map(|last| alone.iter().map(|at| (*at, *last))));
            false
        });
        let in_order = |left: BTreeMap<_, Vec<usize>>| left.into_values().flatten().collect::<BTreeSet<usize>>();
        pairs.both.extend(in_order(left).into_iter().zip(in_order(other_left)));
        pairs.both.sort_unstable();
        pairs
    }
}
