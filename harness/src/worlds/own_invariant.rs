//! A user's own invariants.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::invariant_outcome::InvariantOutcome;
use super::world_client::EndedWorld;
use crate::lab::Response;
use crate::lab::for_worlds::PanicNotes;
use crate::simulate::Violation;

/// An invariant of the user.
pub(super) struct OwnInvariant<S> {
    name: String,
    check: OwnCheck<S>,
}

enum OwnCheck<S> {
    World(WorldCheck<S>),
    Stream(StreamCheck),
}

/// Returns an error if a world violates the invariant.
type WorldCheck<S> = Box<dyn for<'a> Fn(&'a EndedWorld<'a, S>) -> Result<(), String>>;
/// Returns an error if an event stream violates the invariant.
type StreamCheck = Box<dyn Fn(&Response) -> Result<(), String>>;

impl<S> OwnInvariant<S> {
    /// Returns an invariant of each world.
    pub(super) fn of_world<V: InvariantOutcome>(
        name: &str,
        check: impl for<'a> Fn(&'a EndedWorld<'a, S>) -> V + 'static,
    ) -> Self {
        Self { name: name.to_owned(), check: OwnCheck::World(Box::new(move |world| check(world).outcome())) }
    }

    /// Returns an invariant of each event stream.
    pub(super) fn of_stream<V: InvariantOutcome>(name: &str, check: impl Fn(&Response) -> V + 'static) -> Self {
        Self { name: name.to_owned(), check: OwnCheck::Stream(Box::new(move |stream| check(stream).outcome())) }
    }

    /// Holds a world against the invariant.
    pub(super) fn judge(&self, world: &EndedWorld<'_, S>) -> Result<(), Violation> {
        match &self.check {
            OwnCheck::World(check) => self.call(None, || check(world)),
            OwnCheck::Stream(check) => world.clients.iter().try_for_each(|client| {
                let mut streams = client.exchanges.iter().filter(|exchange| exchange.response.is_event_stream());
                streams.try_for_each(|exchange| {
                    let of = Some((client.number, exchange.request.name()));
                    self.call(of, || check(&exchange.response))
                })
            }),
        }
    }

    /// Calls a check for the stream of a client, or for the world. A panic is a violation, and not the application's.
    fn call(
        &self,
        stream: Option<(usize, String)>,
        check: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), Violation> {
        let outcome = catch_unwind(AssertUnwindSafe(check));
        let why = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            // Takes the panic out of the notes, where the panic would count as a panic of the application.
            Err(_) => PanicNotes::take().pop().unwrap_or_default(),
        };
        let (client, name) = stream.map_or((None, None), |(client, name)| (Some(client), Some(name)));
        let detail: Vec<String> = name.into_iter().chain([why]).filter(|part| !part.is_empty()).collect();
        Err(Violation { invariant: self.name.clone().into(), client, detail: detail.join(": ") })
    }
}
