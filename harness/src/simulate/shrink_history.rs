//! Shrinks a history: takes clients, operations and faults away as long as the history still shows the violation.

use super::history::History;
use super::link::Link;
use super::operation::{Operation, OperationKind};
use super::resource::{Manner, Resource};
use super::shrinking::Shrinking;
use super::timed_history::{TimedHistory, remove_client};

/// More attempts are not worth the wait.
const ATTEMPTS_MAX: usize = 4000;

/// Returns the shortest history found that still `shows` the violation.
pub(super) fn shrink(history: History, shows: impl Fn(&History) -> bool) -> History {
    let bounds: [fn(&mut History); 2] =
        [|history| history.mailbox_events_max = 1024, |history| history.connections_max = 65_536];
    Shrinking::new(history, ATTEMPTS_MAX, shows).shortest_history(&SIMPLIFY, &bounds)
}

/// Changes that simplify an operation.
const SIMPLIFY: [fn(&mut Operation); 5] = [
    |operation| operation.settles = true,
    |operation| operation.races = false,
    |operation| change_request(operation, |request| request.cut = None),
    |operation| change_request(operation, |request| request.manner = Manner::Get),
    |operation| {
        change_request(operation, |request| {
            if let Resource::Broadcast(message) | Resource::Heartbeat(message) = &mut request.resource {
                message.text = 0;
            }
        });
    },
];

/// Changes the request of an operation, if the operation is a request.
pub(crate) fn change_request<R>(operation: &mut Operation<R>, change: fn(&mut R)) {
    if let OperationKind::Request(request) = &mut operation.kind {
        change(request);
    }
}

impl<H: TimedHistory, F: Fn(&H) -> bool> Shrinking<H, F> {
    /// Returns the shortest history found: by taking clients, operations, faults and time away, by `simplify` for each
    /// operation, and by the `other` changes.
    pub(crate) fn shortest_history(self, simplify: &[fn(&mut Operation<H::Request>)], other: &[fn(&mut H)]) -> H {
        self.repeat(|shrinking| {
            // Removes large parts first, since each attempt plays a world.
            shrinking.remove_parts(H::operations);
            shrinking.remove_clients();
            shrinking.remove_items(H::operations);
            for change in other {
                shrinking.attempt(change);
            }
            shrinking.remove_network_faults();
            shrinking.simplify(simplify);
            shrinking.remove_time();
        })
    }

    /// Removes each client in turn, with the operations of the client.
    fn remove_clients(&mut self) {
        // Goes backwards, since a removal numbers later clients anew.
        for client in (0..self.shortest.clients().len()).rev() {
            self.attempt(|history| remove_client(history, client));
        }
    }

    /// Gives each client a network without faults, and makes each return a first visit.
    fn remove_network_faults(&mut self) {
        for client in 0..self.shortest.clients().len() {
            self.attempt(|history| history.clients()[client] = Link::PLAIN);
            self.attempt(|history| {
                let link = &mut history.clients()[client];
                *link = Link { again: link.again, ..Link::PLAIN };
            });
            self.attempt(|history| history.clients()[client].again = None);
        }
    }

    /// Simplifies each operation by each of the changes.
    fn simplify(&mut self, changes: &[fn(&mut Operation<H::Request>)]) {
        for at in 0..self.shortest.operations().len() {
            for change in changes {
                self.attempt(|history| change(&mut history.operations()[at]));
            }
        }
    }

    /// Moves operations to the time of the operation before, and ends the world sooner.
    fn remove_time(&mut self) {
        for at in 0..self.shortest.operations().len() {
            self.attempt(|history| {
                let operations = history.operations();
                let (from, to) = (operations[at].at_ms, operations[..at].last().map_or(0, Operation::over_ms));
                // Moves all operations of the same time together, so that races stay races.
                for operation in operations.iter_mut().filter(|operation| operation.at_ms == from) {
                    operation.at_ms = to;
                }
            });
        }
        let last_ms = |history: &mut H| history.operations().last().map_or(0, Operation::over_ms);
        self.attempt(|history| *history.end_ms() = last_ms(history) + 1);
        // Tries an end behind the next multiple of 30 s as well: the violation may need a heartbeat.
        self.attempt(|history| *history.end_ms() = last_ms(history).next_multiple_of(30_000) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::ResourceRequest;

    #[test]
    fn needless_parts_are_taken_away() {
        let requests = |operation: &&Operation| {
            matches!(operation.kind, OperationKind::Request(ResourceRequest { resource: Resource::Stream(_), .. }))
        };
        let shows = |history: &History| history.operations.iter().filter(requests).count() >= 2;
        let shown = (0..200).map(History::new).filter(|history| shows(history));
        for history in shown {
            let shortest = shrink(history, shows);
            assert!(shows(&shortest) && shortest.operations.len() == 2 && shortest.clients.len() <= 2, "{shortest}");
            assert!(
                shortest
                    .operations
                    .iter()
                    .all(|operation| operation.settles && !operation.races && operation.at_ms == 0),
                "{shortest}"
            );
            assert_eq!(shortest.end_ms, 1);
        }
    }

    #[test]
    fn a_client_that_is_removed_leaves_the_others_as_they_were() {
        for mut history in (0..200).map(History::new).filter(|history| history.clients.len() > 1) {
            let mut operations = history.operations.clone();
            let last = history.clients.len() - 1;
            operations.retain(|operation| operation.client != 0 || operation.kind.is_of_the_world());
            remove_client(&mut history, 0);
            assert_eq!(history.clients.len(), last);
            assert!(history.operations.iter().zip(&operations).all(|(after, before)| after.kind == before.kind));
            assert!(history.clients.iter().all(|link| link.again.is_none_or(|again| again < last)));
        }
    }
}
