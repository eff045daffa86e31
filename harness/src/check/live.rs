//! The check of a server over TCP, in real time.

mod again;
mod client_numbers;
mod download;
mod giving_up;
mod inspection;
mod machine;
mod plan;
mod reach;
mod requests;
mod scenarios;
mod streams;
mod target;

use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;

use self::inspection::{Findings, Inspection, OVERTIME_MAX};
pub(crate) use self::machine::look_for_stalls;
use self::machine::probe;
use self::plan::Plan;
use self::reach::{reach, trouble};
use super::hint::{Cause, Pulse};
use super::{ExtraHeaders, Scope};
use crate::fixtures::stream_cases::order_of_stream;
use crate::judge::{Case, Hint, Measured, NoSuchCase, Outcome, Report, Verdict};

/// A server over TCP, and how the server is judged.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The address: `http://HOST:PORT`, perhaps with a path before the paths of the endpoints; or just `HOST:PORT`.
    pub url: String,
    /// Additional headers for every request.
    pub headers: ExtraHeaders,
    /// How late an event may be.
    pub tolerance: Duration,
    /// How many times as fast as real time the server's clock runs.
    pub scale: NonZeroU32,
}

/// Why a server can't be judged at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// The URL is wrong.
    #[error("failed to read the URL {url:?}: {why}")]
    Url {
        /// The URL as given, without a password.
        url: String,
        /// The mistake.
        why: String,
    },
    /// No server listens there.
    #[error("failed to connect to {url}: {why}; is the server running?")]
    Connect {
        /// The URL, with the port.
        url: String,
        /// The error of the connection.
        why: String,
    },
    /// The check was told to end.
    #[error("the check was told to end before there was a connection")]
    ToldToEnd,
    /// The clock is too fast for a check in real time.
    #[error("{}", too_fast((*.0).into()).unwrap_or_default())]
    TooFast(NonZeroU32),
    /// The selection is wrong.
    #[error(transparent)]
    NoSuchCase(#[from] NoSuchCase),
}

/// Shows the progress of a check.
pub trait Progress {
    /// Notes how long the check of a conforming server takes at most.
    fn planned(&self, length: Duration);
    /// Notes the time that has passed, and how many of all parts are done.
    fn passed(&self, time: Duration, done: usize, of: usize);
}

/// With a faster clock heartbeats come less than 30 ms apart, and hide the expected lines of a scenario.
pub(super) const SCALE_MAX: u32 = 1000;

/// Returns the message about a clock that is too fast for a check in real time.
pub(crate) fn too_fast(scale: u32) -> Option<String> {
    let told = format!(
        "expected a scale of at most {SCALE_MAX}, got {scale}: of a faster clock a real one can't tell what comes when"
    );
    (scale > SCALE_MAX).then_some(told)
}

/// Judges the server by the fixtures, over real sockets: all streams at the same time, scenarios one after another. When
/// `stop` is ready, the check is broken off, and the report has all that is known by then.
///
/// # Errors
///
/// If the URL is wrong, no server listens there, `stop` is ready before there is a connection, the clock is too fast, or the
/// selection names no case.
pub async fn check_live(
    remote: &Remote,
    scope: &Scope,
    progress: &impl Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Unreachable> {
    let golden = scope.contract()?;
    // Reports the mistakes of the user before the first connection.
    if too_fast(remote.scale.into()).is_some() {
        return Err(Unreachable::TooFast(remote.scale));
    }
    let mut stop = pin!(stop);
    let live = tokio::select! {
        biased;
        () = &mut stop => return Err(Unreachable::ToldToEnd),
        live = reach(remote) => live?,
    };
    // As a branch of the select below, the look-out would run after all work of the inspection, and take work for a stall.
    let mut watch = JoinSet::new();
    watch.spawn(look_for_stalls(live.clock.clone(), live.stalls.clone()));
    let inspection = Inspection::new(remote, scope.behind_proxy, &live, &golden.cases);
    let plan = Plan::new(&golden, &live.pace);
    progress.planned(plan.length);
    let trouble = {
        // Polls the inspection first: a check that is done needs no other reason to end.
        tokio::select! {
            biased;
            () = inspection.perform(&plan) => None,
            // Asks for the ending streams only if some are judged: the other cases say nothing about them.
            why = trouble(&live), if !plan.streams.is_empty() => Some(why),
            () = &mut stop => Some("the check was told to end before its time".to_owned()),
            () = inspection.overtime(plan.length) => Some(format!("the check was not over {OVERTIME_MAX:?} after its time, and was broken off")),
            () = probe(live.clone()) => unreachable!("probing has no end"),
            () = inspection.show(progress, plan.parts()) => unreachable!("showing progress has no end"),
        }
    };
    let Findings { mut evidence, mut timelines, pulses, .. } = inspection.into_findings();
    scope.explain(&mut evidence);
    // Sorts the streams, which were done in any order.
    timelines.sort_by_key(|timeline| order_of_stream(&timeline.name));
    let verdicts = evidence.verdicts(|id| scope.cases.has(id), trouble.as_deref());
    let hint = hint(remote, scope, &golden.cases, &verdicts, &pulses);
    let mut report = Report { target: live.url.clone(), verdicts, timelines, trouble, hint, by: Measured::Fixtures };
    // Hides secret headers, which a server may repeat in any text.
    report.texts_mut().for_each(|text| remote.headers.hide(text));
    Ok(report)
}

/// Returns the likeliest cause of all failures, if there is such a cause.
fn hint(remote: &Remote, scope: &Scope, cases: &[Case], verdicts: &[Verdict], pulses: &[Pulse]) -> Option<Hint> {
    let mut failed = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail).peekable();
    failed.peek()?;
    let cause = Cause::of_times(pulses, remote.scale).or_else(|| {
        let hop_by_hop = |verdict: &Verdict| cases.iter().any(|case| case.id == verdict.id && case.hop_by_hop);
        (!scope.behind_proxy && failed.all(hop_by_hop)).then_some(Cause::OnlyConnections)
    });
    cause.map(Hint::from)
}
