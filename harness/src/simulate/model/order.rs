//! The order of the events: the same for all clients.

use std::collections::{BTreeMap, BTreeSet};

use super::sse::Heard;
use super::{Judged, World, holds};
use crate::simulate::circle::circle;

const ORDER: &str = "all clients hear the events in one order, and that in which they were sent";

impl World<'_> {
    pub(super) fn order(&self) -> Judged {
        // Keeps the events that some client heard directly after each event. In a single order no way leads back.
        let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for view in self.views.iter().filter(|view| view.is_plain()) {
            for (request, response) in view.requests.iter().zip(&view.responses) {
                if !request.resource.hears_broadcasts() {
                    continue;
                }
                let heard = self.hear(view, response)?.into_iter();
                let events: Vec<usize> = heard.filter_map(|(_, heard, _)| heard.number()).collect();
                for pair in events.windows(2) {
                    // Demands the order of sending where certain: of events with exact times, and of the events of a client.
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

impl Heard {
    fn number(self) -> Option<usize> {
        if let Self::Event(number) = self { Some(number) } else { None }
    }
}
