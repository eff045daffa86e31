//! The model: what must be true of every world, whatever happens in it.
//!
//! It knows the history and what the clients saw, and nothing of the server. What the streams say it has from the golden
//! fixtures, their values from the documented rule. Where deeds race, either outcome is right; what is certain it
//! demands.
//!
//! ```text
//!   history, logs ─────► times ──► views ──► members ──► sse, streams, answers, connections, order
//!                         whose turn   what each   who was in    what each of them must have seen
//!                         comes when   client did  the channel when
//! ```

mod answers;
mod connections;
mod members;
mod order;
mod sse;
mod streams;
mod times;
mod values;
mod view;

use std::fmt;

use self::members::Members;
use self::times::Times;
use self::view::View;
use super::history::History;
use super::play::{LeftBehind, Outcome};
use crate::fixtures::golden::Golden;

/// Something that must be true, and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// What must be true.
    pub(super) invariant: &'static str,
    /// The client that saw it.
    pub(super) client: Option<usize>,
    /// What it saw, and should have seen.
    pub(super) detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.client.map(|client| format!("client {client}: ")).unwrap_or_default();
        write!(f, "{}\n  {who}{}", self.invariant, self.detail)
    }
}

type Judged = Result<(), Violation>;

fn violation<T>(invariant: &'static str, view: Option<&View>, detail: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant, client: view.map(|view| view.client), detail: detail.into() })
}

const NO_HTTP: &str = "what comes is HTTP/1.1";
const NO_STRAY_TIMER: &str = "a stream has one timer, and nobody else has any";
const FREED: &str = "the server holds nothing when all have left";

/// What is wrong in a world, if anything is.
pub(super) fn judge(golden: &Golden, history: &History, outcome: &Outcome) -> Option<Violation> {
    let times = Times::new(golden, history, outcome);
    let views = View::all(history, outcome, &times);
    World { golden, history, outcome, times: &times, views: &views }.violation().err()
}

/// A world, when it is over.
struct World<'a> {
    golden: &'a Golden,
    history: &'a History,
    outcome: &'a Outcome,
    times: &'a Times,
    views: &'a [View<'a>],
}

impl World<'_> {
    fn violation(&self) -> Judged {
        self.wreckage()?;
        let members = Members::new(self);
        self.connections(&members)?;
        for view in self.views.iter().filter(|view| view.is_plain()) {
            self.answers(view, &members)?;
            self.streams(view, &members)?;
            self.sse(view, &members)?;
        }
        self.order(&members)
    }

    /// What no world leaves behind.
    fn wreckage(&self) -> Judged {
        for view in self.views {
            if let Some(why) = view.log.unreadable() {
                return violation(NO_HTTP, Some(view), why);
            }
        }
        if let Some((at, timers, streams)) = self.outcome.stray_timers {
            return violation(NO_STRAY_TIMER, None, format!("at {} ms {timers} for {streams}", at.as_millis()));
        }
        let LeftBehind { clients, timers, tasks } = self.outcome.left_behind;
        if clients + timers + tasks > 0 {
            let detail = format!("clients in the hub: {clients}, timers: {timers}, tasks: {tasks}");
            return violation(FREED, None, detail);
        }
        Ok(())
    }
}
