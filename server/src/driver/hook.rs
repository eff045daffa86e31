//! The hook of a response: a transformation between source and driver, such as fault injection and a log.
//!
//! A hook has neither tasks nor a clock. Actions go in, each with the time at which the action was due, and actions come
//! out. [`crate::interceptor`] has the order of the calls; `alters` and `deadline` may be asked at any time.

use std::ops::Bound;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use onbeat_wire::{How, Instant};
use parking_lot::Mutex;

use super::chain::Chain;
use crate::script::Action;

/// Alters the actions of one response, and notes the result.
pub trait ResponseHook: Send {
    /// Decides on the head, before an endpoint answers.
    fn change_head(&mut self) -> HeadChange;

    /// Returns whether an action may come out as another, or at another time.
    fn alters(&self) -> bool;

    /// Takes in an action that was due `at` this time.
    fn take_in(&mut self, at: Instant, action: Action);

    /// Takes the next write that a test pushes into the response, if the test did so up to this time. The driver lets the
    /// write pass through the hooks like an action of the source.
    fn pushed(&mut self, _until: Bound<Instant>) -> Option<(Instant, Bytes)> {
        None
    }

    /// Lets time pass to `now`, while no action is due.
    fn pass_time(&mut self, now: Instant);

    /// Returns the next action that comes out, of a response that was played up to `at`.
    fn next(&mut self, at: Instant) -> Option<Action>;

    /// Returns the next time at which the hook acts without an action of the source.
    fn deadline(&self, after: Instant) -> Option<Instant>;

    /// Notes a write that is handed over.
    fn wrote(&mut self, bytes: &Bytes);

    /// Notes the end of the response: the last call.
    fn ended(&mut self, how: How);
}

/// A change of the head of a response.
pub enum HeadChange {
    /// Leaves the head to the endpoint.
    None,
    /// Sends this response in place of the endpoint's.
    Answer(Box<Response>),
    /// Sets a field in the endpoint's response.
    Field(HeaderName, HeaderValue),
}

/// The place of a hook in the context of a request. The hook moves on from there to the driver of the response.
#[derive(Clone, Default)]
pub(crate) struct HookSlot(Arc<Mutex<UnclaimedHook>>);

/// A hook that no driver has.
#[derive(Default)]
struct UnclaimedHook(Option<Box<dyn ResponseHook>>);

impl HookSlot {
    pub(crate) fn new(hook: Box<dyn ResponseHook>) -> Self {
        Self(Arc::new(Mutex::new(UnclaimedHook(Some(hook)))))
    }

    /// Takes the hook, if no driver has the hook yet.
    pub(crate) fn take(&self) -> Option<Box<dyn ResponseHook>> {
        self.0.lock().0.take()
    }

    /// Lets actions pass through `first` before the hook in the slot.
    pub(crate) fn precede(&self, first: Box<dyn ResponseHook>) {
        let slot = &mut self.0.lock().0;
        *slot = Some(match slot.take() {
            Some(second) => Box::new(Chain::new(first, second)),
            None => first,
        });
    }

    /// Asks the hook for a change of the head.
    pub(crate) fn change_head(&self) -> HeadChange {
        self.0.lock().0.as_mut().map_or(HeadChange::None, |hook| hook.change_head())
    }
}

impl Drop for UnclaimedHook {
    /// Ends the hook of a request whose handler was cancelled: the client has left before the head.
    fn drop(&mut self) {
        if let Some(hook) = &mut self.0 {
            hook.ended(How::Closed);
        }
    }
}
