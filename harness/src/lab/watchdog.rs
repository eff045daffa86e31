//! Watches over the machine's time: a test in virtual time that takes long in the machine's is stuck.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::failure::LabFailure;

/// How often the watchdog looks.
const PERIOD: Duration = Duration::from_millis(500);
/// How long nothing happens before the watchdog says so.
const NOTICE: Duration = Duration::from_secs(5);

/// Counts the steps of a runtime.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Arc<AtomicU64>);

impl Steps {
    /// Counts a step; the runtime calls the function before parking.
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A thread that watches over the steps of a runtime until dropped.
pub(super) struct Watchdog {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins to watch. After [`NOTICE`] without a step the thread says so on stderr, and after `limit` ends the test, as soon
    /// as the thread of the test is free.
    pub(super) fn start(steps: Steps, limit: Duration, failures: UnboundedSender<LabFailure>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let thread = thread::Builder::new().name("onbeat-watchdog".into()).spawn(move || {
            let (mut last, mut idle) = (u64::MAX, Duration::ZERO);
            while !over.load(Ordering::Acquire) {
                thread::park_timeout(PERIOD);
                let now = steps.0.load(Ordering::Relaxed);
                idle = if now == last { idle + PERIOD } else { Duration::ZERO };
                last = now;
                if idle == NOTICE {
                    tell(&test, idle, limit);
                }
                if idle >= limit {
                    let _ = failures.send(LabFailure::Stuck(limit));
                    return;
                }
            }
        });
        Self { is_over, thread: thread.ok() }
    }
}

/// Tells people who wait why they wait.
#[expect(clippy::disallowed_methods, reason = "a test that hangs shows nothing of what it printed")]
fn tell(test: &str, idle: Duration, limit: Duration) {
    let _ = writeln!(
        std::io::stderr(),
        "{test}: nothing has happened in the lab for {} s of the machine's time; the lab gives up after {} s.",
        idle.as_secs(),
        limit.as_secs()
    );
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
