//! The watchdog of a lab: ends a test in which nothing happens for long in the machine's time.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use onbeat_clock::Clock;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use super::failure::LabFailure;
use super::open::OpenRequests;

/// How often the watchdog looks.
const PERIOD: Duration = Duration::from_millis(500);
/// The time without a step after which the watchdog prints a notice.
const NOTICE: Duration = Duration::from_secs(5);
/// The duration of a test after which the watchdog prints a notice, whatever happens.
const LONG: Duration = Duration::from_secs(20);
/// The time for the thread of a test to react to the end of the test; the limit of the lab if shorter.
const GRACE: Duration = Duration::from_secs(10);

/// Counts the steps of a test: actions of the test, and arrivals. The watchdog takes passing time for a step as well.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<AtomicU64>);

impl Steps {
    /// Counts a step.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The parts of a lab under watch.
pub(super) struct Watched {
    pub(super) steps: Steps,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) runtime: Handle,
    pub(super) open: OpenRequests,
    pub(super) failures: UnboundedSender<LabFailure>,
    /// The time without a step after which the test ends.
    pub(super) limit: Duration,
}

/// A thread that watches over a test until dropped.
pub(super) struct Watchdog {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins to watch, if there is a limit. After [`NOTICE`] without a step the watchdog prints a notice on stderr, and after
    /// the limit ends the test. If the thread of the test is blocked even then, the watchdog aborts the process.
    pub(super) fn start(watched: Watched) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let is_limited = watched.limit < Duration::MAX;
        let watch = || thread::Builder::new().name("onbeat-watchdog".into()).spawn(move || watched.watch(&test, &over));
        Self { is_over, thread: is_limited.then(watch).and_then(Result::ok) }
    }
}

impl Watched {
    fn watch(&self, test: &str, is_over: &AtomicBool) {
        // Lets the clock tell the time of the runtime.
        let _context = self.runtime.enter();
        let end = self.limit.saturating_add(GRACE.min(self.limit));
        let (mut last, mut idle, mut all) = (None, Duration::ZERO, Duration::ZERO);
        while !is_over.load(Ordering::Acquire) {
            thread::park_timeout(PERIOD);
            let now = Some((self.clock.now(), self.steps.0.load(Ordering::Relaxed)));
            idle = if now == last { idle + PERIOD } else { Duration::ZERO };
            all += PERIOD;
            last = now;
            let (seconds, limit) = (idle.as_secs(), self.limit.as_secs());
            // Prints each notice once: the times grow by whole periods, and so meet each bound exactly.
            if all == LONG {
                self.tell(
                    test,
                    "the lab has taken 20 s of the machine's time so far: is there a `std::thread::sleep`?",
                );
            }
            if idle == NOTICE {
                let gives_up =
                    format!("nothing has happened in the lab for {seconds} s, which gives up after {limit} s");
                self.tell(test, &gives_up);
            }
            // Sends the failure once, in the first period behind the limit.
            if idle >= self.limit && idle < self.limit.saturating_add(PERIOD) {
                let _ = self.failures.send(LabFailure::Stuck(self.limit));
            }
            if idle >= end {
                self.tell(
                    test,
                    "the lab has given up, but the thread of the test is blocked: by a lock, `std::thread::sleep`, or a loop \
                     without an end. Only the end of the process ends the test; if the work is meant to take so long, raise \
                     `LabOptions::real_time_limit`",
                );
                std::process::abort();
            }
        }
    }

    /// Prints a notice, with the open requests.
    #[expect(clippy::disallowed_methods, reason = "a test that hangs shows nothing of what it printed")]
    fn tell(&self, test: &str, text: &str) {
        let open: String = self.open.list().iter().map(|request| format!("\n  open: {request}")).collect();
        let _ = writeln!(std::io::stderr(), "{test}: {text}{open}");
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Sets the flag before waking the thread, which then looks at the flag.
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use onbeat_clock::TokioClock;
    use tokio::runtime::Builder;
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_lab_without_a_limit_needs_no_thread() {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let _context = runtime.enter();
        let watches = |limit| {
            let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
            let (steps, open) = (Steps::default(), OpenRequests::new(Arc::clone(&clock)));
            let (failures, runtime) = (mpsc::unbounded_channel().0, runtime.handle().clone());
            Watchdog::start(Watched { steps, clock, runtime, open, failures, limit }).thread.is_some()
        };
        assert!(watches(Duration::from_secs(60)));
        assert!(!watches(Duration::MAX));
    }
}
