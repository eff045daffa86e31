//! The faults of one response of a route, as a hook before the hook of the interceptor.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_faults::{Alterations, AppliedFault, Fault, Tally};
use onbeat_server::driver::{HeadChange, ResponseHook};
use onbeat_server::script::Action;
use onbeat_wire::{How, Instant};

/// Alters a response that began at one time.
pub(crate) struct FaultHook {
    head: HeadChange,
    alterations: Alterations,
    started: Instant,
}

impl FaultHook {
    /// Returns the hook of these faults.
    pub(crate) fn new(faults: &[Arc<Fault>], started: Instant) -> Self {
        let mut hook = Self { head: HeadChange::None, alterations: Alterations::default(), started };
        // Keeps the last change of the head in the list.
        for fault in faults {
            match fault.kind.head_change() {
                HeadChange::None => {
                    hook.alterations.add(AppliedFault::of(Arc::clone(fault)), Tally::default(), Duration::ZERO);
                }
                change => hook.head = change,
            }
        }
        hook
    }
}

impl ResponseHook for FaultHook {
    fn change_head(&mut self) -> HeadChange {
        // Gives the change away: a response has one head.
        std::mem::replace(&mut self.head, HeadChange::None)
    }

    fn alters(&self) -> bool {
        !self.alterations.is_empty()
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.alterations.take_in(at - self.started, action);
    }

    fn pass_time(&mut self, now: Instant) {
        self.alterations.look(now - self.started);
    }

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.alterations.next_action()
    }

    fn deadline(&self, after: Instant) -> Option<Instant> {
        let deadline = self.alterations.deadline(after - self.started)?;
        Some(self.started + deadline)
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, _: How) {}
}
