//! Two hooks as one: the actions pass through the first, and then through the second.

use std::ops::Bound;

use bytes::Bytes;
use onbeat_wire::{How, Instant};

use super::hook::{HeadChange, ResponseHook};
use crate::script::Action;

/// Two hooks in order.
pub(super) struct Chain {
    first: Box<dyn ResponseHook>,
    second: Box<dyn ResponseHook>,
}

impl Chain {
    pub(super) fn new(first: Box<dyn ResponseHook>, second: Box<dyn ResponseHook>) -> Self {
        Self { first, second }
    }

    /// Hands the actions out of the first hook to the second.
    fn hand_on(&mut self, at: Instant) {
        while let Some(action) = self.first.next(at) {
            self.second.take_in(at, action);
        }
    }
}

impl ResponseHook for Chain {
    fn change_head(&mut self) -> HeadChange {
        // Asks both hooks, since each may count the call, and lets the second decide.
        match (self.first.change_head(), self.second.change_head()) {
            (first, HeadChange::None) => first,
            // Leaves out a field that was meant for the endpoint's response.
            (answer @ HeadChange::Answer(_), HeadChange::Field(..)) => answer,
            (_, second) => second,
        }
    }

    fn alters(&self) -> bool {
        self.first.alters() || self.second.alters()
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.first.take_in(at, action);
    }

    fn pushed(&mut self, until: Bound<Instant>) -> Option<(Instant, Bytes)> {
        self.first.pushed(until).or_else(|| self.second.pushed(until))
    }

    fn pass_time(&mut self, now: Instant) {
        self.first.pass_time(now);
        // Hands the delayed actions of the first hook on before time passes for the second.
        self.hand_on(now);
        self.second.pass_time(now);
    }

    fn next(&mut self, at: Instant) -> Option<Action> {
        loop {
            // Takes one action at a time: a long write in many pieces takes no more memory than the write.
            if let Some(action) = self.second.next(at) {
                return Some(action);
            }
            let action = self.first.next(at)?;
            self.second.take_in(at, action);
        }
    }

    fn deadline(&self, after: Instant) -> Option<Instant> {
        [self.first.deadline(after), self.second.deadline(after)].into_iter().flatten().min()
    }

    fn wrote(&mut self, bytes: &Bytes) {
        self.first.wrote(bytes);
        self.second.wrote(bytes);
    }

    fn ended(&mut self, how: How) {
        self.first.ended(how);
        self.second.ended(how);
    }
}
