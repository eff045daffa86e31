//! The order of the events: the same for all clients.

use std::collections::{BTreeMap, BTreeSet};

use super::sse::Heard;
use super::{Judged, World, holds};

const ORDER: &str = "all clients hear the events in one order, and that in which they were sent";

impl World<'_> {
    pub(super) fn order(&self) -> Judged {
        // The events that some client heard directly after each event. In a single order no way leads back.
        let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for view in self.views.iter().filter(|view| view.is_plain()) {
            for (request, response) in view.requests.iter().zip(&view.responses) {
                if !request.resource.hears_broadcasts() {
                    continue;
                }
                let heard = self.hear(view, response)?.into_iter();
                let events: Vec<usize> = heard.filter_map(|(_, heard, _)| heard.number()).collect();
                for pair in events.windows(2) {
                    // The order of events with exact times, and of the events of a client, is certain.
                    let [first, then] = [&self.subscribers.numbered[&pair[0]], &self.subscribers.numbered[&pair[1]]];
                    let one_sender = first.client == then.client && then.operation < first.operation;
                    let is_late = first.exact && then.exact && then.batch < first.batch || one_sender;
                    holds(!is_late, ORDER, Some(view), || {
                        format!("event {} came after {}, which was sent later", pair[1], pair[0])
                    })?;
                    next.entry(pair[0]).or_default().insert(pair[1]);
                }
            }
        }
        let circle = circle(next);
        holds(circle.is_empty(), ORDER, None, || format!("these did not: {circle:?}"))
    }
}

/// Returns the events that have no place in a single order, by taking out, again and again, an event with none before.
fn circle(mut next: BTreeMap<usize, BTreeSet<usize>>) -> Vec<usize> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    for after in next.values().flatten() {
        *before.entry(*after).or_default() += 1;
    }
    let mut free: Vec<usize> = next.keys().copied().filter(|event| !before.contains_key(event)).collect();
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

impl Heard {
    fn number(self) -> Option<usize> {
        if let Self::Event(number) = self { Some(number) } else { None }
    }
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
