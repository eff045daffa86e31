//! Which texts of two answers are compared with each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::compared_text::ComparedText;

/// The texts of an answer, by place, and what each is compared with.
#[derive(Default)]
pub(super) struct Pairs {
    /// Texts of both answers.
    pub(super) both: Vec<(usize, usize)>,
    /// Texts of the first answer alone, such as the last event of a timer, each with the text of its kind before.
    pub(super) alone: Vec<(usize, usize)>,
}

impl Pairs {
    /// Pairs the first text of a kind with the first of the same kind, and so on, since the kinds of several timers may come in
    /// another order. Texts of kinds that only one answer has are paired by their order.
    pub(super) fn of(texts: &[ComparedText], others: &[ComparedText]) -> Self {
        let all: BTreeSet<TextKind> = texts.iter().chain(others).map(TextKind::of).collect();
        let by_kind = |texts: &[ComparedText]| {
            let mut by_kind: BTreeMap<TextKind, Vec<usize>> = BTreeMap::new();
            for (at, text) in texts.iter().enumerate() {
                by_kind.entry(TextKind::of(text).with_fewest_names(&all).clone()).or_default().push(at);
            }
            by_kind
        };
        let (mut kinds, mut other_kinds) = (by_kind(texts), by_kind(others));
        let mut pairs = Self::default();
        kinds.retain(|kind, places| {
            let Some(partners) = other_kinds.remove(kind) else { return true };
            let (paired, alone) = places.split_at(places.len().min(partners.len()));
            pairs.both.extend(paired.iter().copied().zip(partners));
            pairs.alone.extend(paired.last().into_iter().flat_map(|last| alone.iter().map(|at| (*at, *last))));
            false
        });
        let in_order =
            |kinds: BTreeMap<TextKind, Vec<usize>>| kinds.into_values().flatten().collect::<BTreeSet<usize>>();
        pairs.both.extend(in_order(kinds).into_iter().zip(in_order(other_kinds)));
        pairs.both.sort_unstable();
        pairs
    }
}

/// The kind of a text: the type of the event, the value `type` in a JSON object, and the names in the object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TextKind {
    event_type: String,
    object_type: String,
    /// The names; nothing for other texts.
    names: Option<BTreeSet<String>>,
}

impl TextKind {
    fn of(text: &ComparedText) -> Self {
        let object = serde_json::from_str::<Map<String, Value>>(&text.text).ok();
        let object_type = object.as_ref().and_then(|object| object.get("type")?.as_str());
        Self {
            event_type: text.event_type.clone(),
            object_type: object_type.unwrap_or_default().to_owned(),
            names: object.map(|object| object.keys().cloned().collect()),
        }
    }

    /// Returns the kind with the fewest names among kinds that differ from this one by further names alone: some keys are not
    /// in each object.
    fn with_fewest_names<'k>(&'k self, kinds: &'k BTreeSet<Self>) -> &'k Self {
        let Some(names) = &self.names else { return self };
        let is_part =
            |kind: &&Self| kind.names.as_ref().is_some_and(|fewer| !fewer.is_empty() && fewer.is_subset(names));
        let of_type = |kind: &&Self| kind.event_type == self.event_type && kind.object_type == self.object_type;
        let parts = kinds.iter().filter(of_type).filter(is_part);
        parts.min_by_key(|kind| kind.names.as_ref().map(BTreeSet::len)).unwrap_or(self)
    }
}
