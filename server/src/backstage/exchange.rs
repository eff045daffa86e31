//! A request and its answer, as far as that has come.

use axum::http::Method;
use onbeat_wire::Instant;
use parking_lot::{Mutex, MutexGuard};

use crate::faults::{FAULTS_MAX, Struck, Tally, TooMany};
use crate::log::start;

/// How much is kept of a text that a client chose. Connections are many.
const TEXT_BYTES_MAX: usize = 1024;

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: u32,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) since: Instant,
    pub(crate) last_event_id: Option<String>,
    progress: Mutex<Progress>,
    late_faults: Mutex<LateFaults>,
}

/// Faults that came when the answer was under way already.
#[derive(Debug, Default)]
struct LateFaults {
    /// How many there have been.
    count: usize,
    /// Those that the answer has not met yet.
    waiting: Vec<Struck>,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) written: Tally,
    pub(crate) is_stalled: bool,
    pub(crate) is_over: bool,
}

impl Exchange {
    /// A request that was received at `since`.
    pub(crate) fn new(
        request: u32,
        method: Method,
        path: String,
        since: Instant,
        last_event_id: Option<String>,
    ) -> Self {
        let (progress, late_faults) = (Mutex::default(), Mutex::default());
        let (path, last_event_id) = (clipped(path), last_event_id.map(clipped));
        Self { request, method, path, since, last_event_id, progress, late_faults }
    }

    /// How far its answer has come.
    pub(crate) fn progress(&self) -> Progress {
        *lock(&self.progress)
    }

    /// Notes how far its answer has come.
    pub(crate) fn update<T>(&self, update: impl FnOnce(&mut Progress) -> T) -> T {
        update(&mut lock(&self.progress))
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !self.progress().is_over
    }

    /// Adds a fault to the answer under way, which keeps it to its end.
    pub(super) fn strike(&self, struck: Struck) -> Result<(), TooMany> {
        let mut late_faults = lock(&self.late_faults);
        if late_faults.count >= FAULTS_MAX {
            return Err(TooMany);
        }
        late_faults.count += 1;
        late_faults.waiting.push(struck);
        Ok(())
    }

    /// The faults that have come since this was last asked.
    pub(crate) fn take_late_faults(&self) -> Vec<Struck> {
        std::mem::take(&mut lock(&self.late_faults).waiting)
    }
}

/// Returns at most [`TEXT_BYTES_MAX`] of a text, with an ellipsis if that is not all.
fn clipped(text: String) -> String {
    match text.len() {
        ..=TEXT_BYTES_MAX => text,
        _ => start(&text, TEXT_BYTES_MAX).to_owned() + "…",
    }
}

/// No code that holds a lock can panic half-way through a change, so a poisoned lock is still in order.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
