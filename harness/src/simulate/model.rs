//! The model: the invariants of every world.
//!
//! The model knows the history and the observations of the clients, and nothing of the server. The writes of streams come
//! from the golden fixtures, their values from the documented rule. Where operations race, either order is right; the
//! model demands only what is certain.
//!
//! ```text
//!   history, ──► times ──► views ──► subscribers ──► connections, answers, streams, sse, order
//!   observations when      what each  of the channel   the invariants
//!                requests  client did in each batch
//!                are
//!                executed
//! ```

mod answers;
mod connections;
mod order;
mod sse;
mod streams;
mod subscribers;
mod times;
mod values;
mod view;

use std::borrow::Cow;
use std::fmt;

use self::subscribers::{Publication, Subscribers};
use self::times::{SentRequest, Times};
use self::view::View;
use super::play::Observations;
use super::{History, Manner, Resource};
use crate::fixtures::read_back::Golden;
use crate::player::HttpExchange;
use crate::replay::Stream;

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The invariant.
    pub(crate) invariant: Cow<'static, str>,
    /// The client that saw the violation.
    pub(crate) client: Option<usize>,
    /// What the client saw, and should have seen.
    pub(crate) detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.client.map(|client| format!("client {client}: ")).unwrap_or_default();
        write!(f, "{}\n  {client}{}", self.invariant, self.detail)
    }
}

/// Whether an invariant holds.
type Judged = Result<(), Violation>;

fn violation<T>(invariant: &'static str, view: Option<&View>, detail: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant: invariant.into(), client: view.map(|view| view.client), detail: detail.into() })
}

/// Judges an invariant by a condition.
fn holds(right: bool, invariant: &'static str, view: Option<&View>, detail: impl FnOnce() -> String) -> Judged {
    if right { Ok(()) } else { violation(invariant, view, detail()) }
}

const NO_HTTP: &str = "what comes is HTTP/1.1";
const NO_STRAY_TIMER: &str = "a stream has one timer, and nobody else has any";
const FREED: &str = "the server holds nothing when all have left";

/// Holds a world against the invariants.
pub(super) fn judge(golden: &Golden, history: &History, observations: &Observations) -> Judged {
    let times = &Times::new(golden, history, observations);
    let views = &View::all(history, observations, times);
    freed(observations, views)?;
    let subscribers = &Subscribers::new(history, times, views);
    let world = World { golden, history, times, views, subscribers };
    world.connections()?;
    // Passes over clients that sent garbage or may have waited, whose right answers are uncertain.
    for view in views.iter().filter(|view| view.is_plain()) {
        world.answers(view)?;
        for (number, (request, response)) in view.requests.iter().zip(&view.responses).enumerate() {
            match request.resource {
                Resource::Stream(stream) if stream.hears_broadcasts() => world.sse(view, request, response)?,
                Resource::Stream(stream) if request.manner != Manner::Head => {
                    world.stream(view, number, stream, response)?;
                }
                _ => {}
            }
        }
    }
    world.order()
}

/// A world after the end.
struct World<'a> {
    golden: &'a Golden,
    history: &'a History,
    times: &'a Times,
    views: &'a [View<'a>],
    subscribers: &'a Subscribers,
}

/// Judges the bytes on the wire, and the holdings of the server.
fn freed(observations: &Observations, views: &[View]) -> Judged {
    for view in views {
        if let Some(why) = view.log.unreadable() {
            return violation(NO_HTTP, Some(view), why);
        }
    }
    if let Some((at, timers, streams)) = observations.stray_timers {
        return violation(NO_STRAY_TIMER, None, format!("at {} ms {timers} for {streams}", at.as_millis()));
    }
    match observations.left_behind {
        [0, 0, 0] => Ok(()),
        [clients, timers, tasks] => {
            violation(FREED, None, format!("clients in the hub: {clients}, timers: {timers}, tasks: {tasks}"))
        }
    }
}
