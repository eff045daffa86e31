//! Waits for instants, and keeps the turn of each.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use onbeat_wire::Instant;

use crate::connection::Connection;
use onbeat_clock::{Clock, Turn, TurnSleep, Waiter};

/// The waits of one stream.
pub(super) struct Alarm {
    clock: Arc<dyn Clock>,
    pub(super) waiter: Arc<Waiter>,
    connection: Arc<Connection>,
    sleep: Option<TurnSleep>,
    turn: Turn,
}

impl Alarm {
    pub(super) fn new(clock: Arc<dyn Clock>, waiter: Arc<Waiter>, connection: Arc<Connection>) -> Self {
        Self { clock, waiter, connection, sleep: None, turn: Turn::unawaited() }
    }

    /// Returns an alarm of the same response, for other waits.
    pub(super) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.clock), Arc::clone(&self.waiter), Arc::clone(&self.connection))
    }

    /// Returns the connection of the response.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Returns the time now.
    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Waits until `deadline`, and takes the turn that begins then. The caller first cancels a wait for another time.
    pub(super) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.get_or_insert_with(|| self.clock.turn_at(deadline, &self.waiter));
        self.poll_turn(cx)
    }

    /// Takes the turn that has begun, if the wait is over: without the turn, time could pass before the writes are sent.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        let turn = ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        // Hands the turn before on, whose writes may still be on the way.
        self.hand_turn_on();
        self.turn = turn;
        Poll::Ready(())
    }

    /// Ends the wait, and takes the turn if the wait is over: dropped with the wait, the turn would end, and time could pass.
    pub(super) fn cancel(&mut self) {
        let _ = self.poll_turn(&mut Context::from_waker(Waker::noop()));
        self.sleep = None;
    }

    /// Counts a write that was due.
    pub(super) fn count_write(&mut self) {
        self.turn.count_write();
    }

    /// Hands the turn to the connection, which keeps the turn until all writes have been sent.
    pub(super) fn hand_turn_on(&mut self) {
        if self.turn.is_awaited() {
            self.connection.turns().hold(std::mem::take(&mut self.turn));
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.cancel();
        // Hands the turn on instead of ending it: the last write may not have been sent yet.
        self.hand_turn_on();
    }
}
