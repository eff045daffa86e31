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
            let has_answer = matches!(hook.head, HeadChange::Answer(_));
            match fault.kind.head_change() {
                HeadChange::None => {
                    hook.alterations.add(AppliedFault::of(Arc::clone(fault)), Tally::default(), Duration::ZERO);
                }
                // Leaves out a field that was meant for the response of the route.
                HeadChange::Field(..) if has_answer => {}
                change => hook.head = change,
            }
        }
        // Applies a status alone, as among the faults of a world: without a response of the route nothing is left to alter.
        if matches!(hook.head, HeadChange::Answer(_)) {
            hook.alterations = Alterations::default();
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_status_comes_alone() {
        let (status, field) =
            (json!({"kind": "status", "status": 503}), json!({"kind": "content-type", "content_type": "text/html"}));
        let (cut, other) = (json!({"kind": "cut"}), json!({"kind": "status", "status": 504}));
        for (faults, expected) in [
            (vec![&status, &field, &cut], (Some(503), None, false)),
            (vec![&cut, &field, &status], (Some(503), None, false)),
            (vec![&status, &other], (Some(504), None, false)),
            (vec![&field, &cut], (None, Some("text/html"), true)),
        ] {
            let fault = |fault: &Value| Arc::new(Fault::of_route(fault.clone(), "/a").expect("a fault"));
            let faults: Vec<_> = faults.into_iter().map(fault).collect();
            let mut hook = FaultHook::new(&faults, Instant::EPOCH);
            let (status, field) = match hook.change_head() {
                HeadChange::Answer(answer) => (Some(answer.status().as_u16()), None),
                HeadChange::Field(_, value) => (None, value.to_str().ok().map(str::to_owned)),
                HeadChange::None => (None, None),
            };
            assert_eq!((status, field.as_deref(), hook.alters()), expected, "{faults:?}");
        }
    }
}
