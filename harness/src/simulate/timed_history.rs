//! The part that the histories of all kinds of worlds share: clients with networks, and operations with times.

use super::link::Link;
use super::operation::Operation;

/// A history of any kind of world.
pub(crate) trait TimedHistory: Clone + PartialEq {
    /// The requests of clients.
    type Request: Clone + PartialEq;

    /// Returns the networks of the clients.
    fn clients(&mut self) -> &mut Vec<Link>;
    /// Returns the operations, in the order of time.
    fn operations(&mut self) -> &mut Vec<Operation<Self::Request>>;
    /// Returns the time at which all faults stop, in milliseconds.
    fn end_ms(&mut self) -> &mut u64;
}

/// Removes a client, and numbers the later clients anew.
pub(crate) fn remove_client<T: TimedHistory>(history: &mut T, client: usize) {
    history.operations().retain(|operation| operation.client != client || operation.kind.is_of_the_world());
    history.clients().remove(client);
    for operation in history.operations().iter_mut().filter(|operation| operation.client > client) {
        operation.client -= 1;
    }
    for link in history.clients() {
        link.again = link.again.filter(|again| *again != client).map(|again| again - usize::from(again > client));
    }
}
