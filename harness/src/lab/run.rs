//! Runs a test in a lab: a runtime in paused time, the test, and what is held against the application at the end.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use onbeat_clock::{Clock, TokioClock};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::Lab;
use super::application::Application;
use super::blocking::BlockingThreads;
use super::failure::LabFailure;
use super::host::Host;
use super::options::LabOptions;
use super::panics::PanicNotes;
use super::state::{APPLICATION, LabState};
use super::watchdog::Watchdog;
use crate::idle::Idle;

/// Builds the application, runs the test, and returns what the test returns; panics if the test fails.
pub(super) fn run<A, T>(options: &LabOptions, build: impl AsyncFnOnce(Lab) -> A, test: impl AsyncFnOnce(Lab) -> T) -> T
where
    A: Application,
{
    match try_run(options, async |lab| Host::of(build(lab).await), test) {
        Ok(value) => value,
        Err(FailedTest::Panicked(panic)) => resume_unwind(panic),
        Err(FailedTest::EndedByLab(failed)) => panic!("{failed}"),
    }
}

/// Builds the application, runs the test, and returns what the test returns, or how the test failed.
pub(crate) fn try_run<T>(
    options: &LabOptions,
    build: impl AsyncFnOnce(Lab) -> Host,
    test: impl AsyncFnOnce(Lab) -> T,
) -> Result<T, FailedTest> {
    assert!(
        Handle::try_current().is_err(),
        "a lab has a runtime of its own, in paused time: make the test a `#[test]` function, not a `#[tokio::test]`"
    );
    let (idle, blocking) = (Idle::default(), BlockingThreads::default());
    let (failing, mut failures) = mpsc::unbounded_channel();
    let runtime = {
        let (idle, panicking, allows_panics) = (idle.clone(), failing.clone(), options.allows_panics);
        let (begun, ended) = (blocking.clone(), blocking.clone());
        Builder::new_current_thread()
            // Leaves out the I/O driver, so that a stray socket panics instead of disturbing the time.
            .enable_time()
            .start_paused(true)
            .on_thread_park(move || {
                // Sends only the panic of another task: a panic at work on a request has been sent by now, with the request.
                if PanicNotes::has_new() && !allows_panics {
                    let _ = panicking.send(LabFailure::Panicked(None));
                }
                idle.signal();
            })
            // Ends each blocking thread with its work, so that all living threads are at work.
            .thread_keep_alive(Duration::ZERO)
            .thread_name_fn(move || {
                begun.begin();
                "onbeat-blocking".into()
            })
            .on_thread_stop(move || ended.end())
            .build()
            .expect("a runtime without I/O asks nothing of the machine")
    };
    let (outcome, notes) = runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let notes = PanicNotes::begin(Arc::clone(&clock));
        let state = Arc::new(LabState::new(clock, options.patience, (idle, blocking), failing));
        let _watchdog = Watchdog::start(state.watched(options.real_time_limit));
        state.watch_patience();
        let lab = Lab { state: Arc::clone(&state) };
        let tested = async {
            let host = build(lab.clone()).await;
            state.add_host(APPLICATION.into(), host);
            // Lets the tasks of the application begin before the test.
            state.settle().await;
            let outcome = test(lab).await;
            state.close_all().await;
            outcome
        };
        // Keeps the test until the report has been made, which lists the waits of the test.
        let mut tested = pin!(AssertUnwindSafe(tested).catch_unwind());
        let ended = tokio::select! {
            biased;
            // Looks at the failures first: a failure of the application often makes the test panic.
            Some(failure) = failures.recv() => Ended::Stopped(failure),
            outcome = &mut tested => outcome.map_or_else(Ended::Panicked, Ended::Returned),
        };
        let outcome = judge(&state, options, ended, &mut failures);
        // Breaks the circle: clients and hosts hold the lab, and the lab holds clients and hosts.
        state.clear();
        (outcome, notes)
    });
    // Waits for no blocking task, since a task without an end would hold up the message about the task.
    runtime.shutdown_background();
    drop(notes);
    outcome
}

/// How a test ended.
enum Ended<T> {
    /// The test returned.
    Returned(T),
    /// The test panicked.
    Panicked(Box<dyn Any + Send>),
    /// The lab ended the test.
    Stopped(LabFailure),
}

/// How a test failed.
pub(crate) enum FailedTest {
    /// The test panicked.
    Panicked(Box<dyn Any + Send>),
    /// The lab ended the test, or found a failure at the end.
    EndedByLab(Box<EndedByLab>),
}

/// A failure found by a lab, with all that people need to know.
pub(crate) struct EndedByLab {
    pub(crate) failure: LabFailure,
    /// The panics of the application, each with its place.
    pub(crate) panics: Vec<String>,
    /// The state of the lab at the end of the test.
    pub(crate) report: String,
}

impl fmt::Display for EndedByLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        self.panics.iter().try_for_each(|panic| write!(f, "\n  panic {panic}"))?;
        write!(f, "\n{}", self.report)
    }
}

/// Holds the end of the test against what the lab knows.
fn judge<T>(
    state: &LabState,
    options: &LabOptions,
    ended: Ended<T>,
    failures: &mut UnboundedReceiver<LabFailure>,
) -> Result<T, FailedTest> {
    let panics = PanicNotes::take();
    let has_panicked = !panics.is_empty() && !options.allows_panics;
    let failure = match ended {
        Ended::Stopped(failure) => failure,
        Ended::Panicked(panic) => {
            // Leaves out the last panic, which is the panic of the test.
            let others = panics.iter().rev().skip(1).rev().map(|panic| format!("\n  panic {panic}"));
            tell(&format!("the lab when the test panicked, {}{}", state.report(), others.collect::<String>()));
            return Err(FailedTest::Panicked(panic));
        }
        Ended::Returned(value) => {
            // Looks for failures in the last moment, then for open requests, and then for panics that were caught.
            let late = failures.try_recv().ok().or_else(|| state.leak());
            let Some(failure) = late.or(has_panicked.then_some(LabFailure::Panicked(None))) else { return Ok(value) };
            failure
        }
    };
    let report = state.report();
    Err(FailedTest::EndedByLab(Box::new(EndedByLab { failure, panics, report })))
}

/// Prints beside the message of a panic.
#[expect(clippy::print_stderr, reason = "the test harness shows what a failed test has printed")]
fn tell(text: &str) {
    eprintln!("{text}");
}
