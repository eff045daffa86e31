//! The hook of a response: a transformation between source and driver, such as the faults and the log of a world.
//!
//! A hook knows neither tasks nor a clock: actions go in, each with the time at which the action was due, and actions come
//! out.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use onbeat_wire::{How, Instant};
use parking_lot::Mutex;

use crate::script::Action;

/// Alters the actions of one response, and notes the result.
pub trait ResponseHook: Send {
    /// Meets the request, whose path is plain by now, before an endpoint does.
    fn meet(&mut self, path: &str, has_no_body: bool) -> HeadChange;

    /// Returns whether an action may come out as another, or at another time.
    fn alters(&self) -> bool;

    /// Takes in an action that was due `at` this time.
    fn take_in(&mut self, at: Instant, action: Action);

    /// Lets time pass to `now`, while no action is due.
    fn pass_time(&mut self, now: Instant);

    /// Returns the next action that comes out, of a response that was played up to `at`.
    fn next(&mut self, at: Instant) -> Option<Action>;

    /// Returns the next time at which the hook acts without an action of the source.
    fn deadline(&self, after: Instant) -> Option<Instant>;

    /// Notes a write that is handed over.
    fn wrote(&mut self, bytes: &Bytes);

    /// Notes the end of the response. Only the first end counts.
    fn ended(&mut self, how: How);
}

/// How a hook changes the head of a response.
pub enum HeadChange {
    /// Nothing.
    None,
    /// Another answer, in place of the endpoint.
    Answer(Box<Response>),
    /// A field of the endpoint's answer gets another value.
    Field(HeaderName, HeaderValue),
}

/// The place of a hook in the context of a request. The hook moves on from there to the driver of the response.
#[derive(Clone, Default)]
pub(crate) struct HookSlot(Arc<Mutex<Option<Box<dyn ResponseHook>>>>);

impl HookSlot {
    pub(crate) fn new(hook: Box<dyn ResponseHook>) -> Self {
        Self(Arc::new(Mutex::new(Some(hook))))
    }

    /// Takes the hook, if there is one that no driver has.
    pub(crate) fn take(&self) -> Option<Box<dyn ResponseHook>> {
        self.0.lock().take()
    }

    /// Has the hook meet the request.
    pub(crate) fn meet(&self, path: &str, has_no_body: bool) -> HeadChange {
        self.0.lock().as_mut().map_or(HeadChange::None, |hook| hook.meet(path, has_no_body))
    }
}
