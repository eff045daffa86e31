//! A hook at work in a driver, and the waits for the times at which the hook acts without an action of the source.

use std::ops::Bound;
use std::task::{Context, Poll, ready};

use onbeat_wire::{How, Instant};

use super::alarm::Alarm;
use super::hook::ResponseHook;
use crate::script::Action;

/// A hook, and the progress of the response.
pub(super) struct Hooked {
    pub(super) hook: Box<dyn ResponseHook>,
    pub(super) alarm: Alarm,
    /// The due time of the last action, or the last time at which no action was due.
    at: Instant,
    /// The end of the source: the hook may have kept this end back.
    source_end: Option<How>,
    /// The time that the alarm waits for.
    deadline: Option<Instant>,
    /// When a test pushed the last write, until the source has been told.
    pushed_at: Option<Instant>,
}

impl Hooked {
    pub(super) fn new(hook: Box<dyn ResponseHook>, alarm: Alarm, started: Instant) -> Self {
        Self { hook, alarm, at: started, source_end: None, deadline: None, pushed_at: None }
    }

    /// Takes in an action of the source, after all older pushed writes.
    pub(super) fn take_in(&mut self, at: Instant, action: Action) {
        // Puts pushed writes behind the writes of the source at the same instant, and before the end.
        let is_end = matches!(action, Action::End(_));
        self.take_in_pushed(if is_end { Bound::Included(at) } else { Bound::Excluded(at) });
        self.at = at;
        if let Action::End(how) = action {
            self.source_end = Some(how);
        }
        self.hook.take_in(at, action);
    }

    fn take_in_pushed(&mut self, until: Bound<Instant>) {
        while let Some((at, bytes)) = self.hook.pushed(until) {
            self.hook.take_in(at, Action::Write(bytes));
            self.pushed_at = Some(at);
        }
    }

    /// Takes the time of the last pushed write, once.
    pub(super) fn take_pushed_at(&mut self) -> Option<Instant> {
        self.pushed_at.take()
    }

    /// Returns the next action out of the hook.
    pub(super) fn next(&mut self) -> Option<Action> {
        self.hook.next(self.at)
    }

    /// Waits for an action of the hook, while no action of the source is due up to `now`. Returns `None` when the deadline of
    /// the hook has come: an earlier action of the source goes first.
    pub(super) fn poll_next(&mut self, now: Instant, is_ending: bool, cx: &mut Context<'_>) -> Poll<Option<Action>> {
        self.at = now;
        // Takes in all writes pushed so far before the time passes.
        self.take_in_pushed(Bound::Included(self.at));
        self.hook.pass_time(self.at);
        if let Some(how) = self.source_end {
            // Offers the end again, since a fault that kept the end back may have been deleted.
            self.hook.take_in(self.at, Action::End(how));
        }
        if let Some(action) = self.next() {
            return Poll::Ready(Some(action));
        }
        // Ends in good order on demand, even if a fault keeps the end back.
        if is_ending && self.source_end.is_some() {
            return Poll::Ready(Some(Action::End(How::Complete)));
        }
        let deadline = self.hook.deadline(self.at);
        // Cancels a wait for another time: the alarm keeps the deadline with which a wait began.
        if self.deadline != deadline {
            self.alarm.cancel();
            self.deadline = deadline;
        }
        let Some(deadline) = deadline else { return Poll::Pending };
        ready!(self.alarm.poll(deadline, cx));
        Poll::Ready(None)
    }
}
