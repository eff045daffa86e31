//! Events that several clients saw, in a single order or not.

use std::collections::{BTreeMap, BTreeSet};

/// Returns the events without a place in a single order; `next` has the events that came directly after each event.
///
/// Takes out, again and again, an event without an event before. The remaining events are in circles, or behind circles.
pub(crate) fn circle<E: Ord + Copy>(mut next: BTreeMap<E, BTreeSet<E>>) -> Vec<E> {
    let mut before: BTreeMap<E, usize> = BTreeMap::new();
    for after in next.values().flatten() {
        *before.entry(*after).or_default() += 1;
    }
    let mut free: Vec<E> = next.keys().copied().filter(|event| !before.contains_key(event)).collect();
    while let Some(event) = free.pop() {
        for after in next.remove(&event).unwrap_or_default() {
            let left = before.entry(after).or_default();
            *left -= 1;
            if *left == 0 {
                before.remove(&after);
                free.push(after);
            }
        }
    }
    before.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(orders: &[&[usize]]) -> Vec<usize> {
        let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for pair in orders.iter().flat_map(|order| order.windows(2)) {
            next.entry(pair[0]).or_default().insert(pair[1]);
        }
        circle(next)
    }

    #[test]
    fn orders_that_fit_into_one_have_no_circle() {
        assert!(of(&[]).is_empty());
        assert!(of(&[&[1, 2, 5], &[2, 3, 5], &[4]]).is_empty());
    }

    #[test]
    fn two_orders_that_contradict_each_other_have_one() {
        assert_eq!(of(&[&[1, 2, 3], &[1, 3, 2]]), [2, 3]);
        assert_eq!(of(&[&[1, 2], &[2, 3], &[3, 1]]), [1, 2, 3]);
    }
}
