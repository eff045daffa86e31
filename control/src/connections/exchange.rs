//! A request and the progress of the response.

use std::ops::Bound;
use std::sync::OnceLock;

use axum::http::Method;
use onbeat_server::context::{RequestContext, clipped};
use onbeat_wire::recording::Exchange;
use onbeat_wire::{How, Instant};
use parking_lot::Mutex;

use super::RequestTarget;
use super::pushes::{NotTaken, PushQueue, PushedWrite};
use onbeat_faults::{AppliedFault, FAULTS_MAX, Tally, TooMany};

/// How many bytes are kept of an error, such as a 404.
const ERROR_BYTES_MAX: usize = 512;

/// A longer method is kept as its beginning: no method in use is so long.
const METHOD_BYTES_MAX: usize = 64;

/// An exchange as the connection table shows the exchange.
#[derive(Debug)]
pub(crate) struct LiveExchange {
    /// The ordinal of the connection.
    pub(crate) connection: u64,
    /// The ordinal of the request on the connection.
    pub(crate) request: u32,
    pub(crate) method: Method,
    pub(crate) target: RequestTarget,
    /// When the request was received.
    pub(crate) since: Instant,
    pub(crate) last_event_id: Option<String>,
    progress: Mutex<Progress>,
    /// The beginning of the body of an answer with an error.
    error_text: OnceLock<String>,
    late_faults: Mutex<LateFaults>,
    pushes: Mutex<PushQueue>,
}

fn shortened(method: Method) -> Method {
    // Cuts within a method: each part of a token is a token.
    match method.as_str().as_bytes().get(..METHOD_BYTES_MAX) {
        Some(beginning) => Method::from_bytes(beginning).expect("a part of a method"),
        None => method,
    }
}

/// The faults added while the response is under way.
#[derive(Debug, Default)]
struct LateFaults {
    /// How many were added.
    count: usize,
    /// The faults not met yet by the response.
    waiting: Vec<AppliedFault>,
}

/// The progress of a response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// The status of the response, once the head has been sent.
    pub(crate) status: Option<u16>,
    pub(crate) written: Tally,
    pub(crate) is_stalled: bool,
    /// When the response ended, and how.
    pub(crate) end: Option<(Instant, How)>,
}

impl LiveExchange {
    /// Returns the exchange of a request that has just been received.
    pub(crate) fn new(
        context: &RequestContext,
        method: Method,
        target: RequestTarget,
        last_event_id: Option<String>,
    ) -> Self {
        Self {
            connection: context.ordinal,
            request: context.request,
            method: shortened(method),
            target,
            since: context.at,
            last_event_id: last_event_id.map(clipped),
            progress: Mutex::default(),
            error_text: OnceLock::new(),
            late_faults: Mutex::default(),
            pushes: Mutex::default(),
        }
    }

    /// Returns the ordinals, as the lines of a recording have them.
    pub(crate) fn ordinals(&self) -> Exchange {
        Exchange { connection: Some(self.connection), request: Some(self.request) }
    }

    /// Returns the progress of the response.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.lock()
    }

    /// Notes the progress of the response.
    pub(crate) fn update(&self, update: impl FnOnce(&mut Progress)) {
        update(&mut self.progress.lock());
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.progress().end.is_none()
    }

    /// Returns the method and the target of the request.
    pub(crate) fn asked(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// Returns the end of the response as the end of a sentence about the response.
    pub(crate) fn end_in_words(&self) -> String {
        match self.progress().end {
            Some((at, how)) => format!("was {how} at {} ms", at.as_millis()),
            None => "is under way".to_owned(),
        }
    }

    /// Returns the answer so far, with the end, as the end of a sentence about the request.
    pub(crate) fn answer_in_words(&self) -> String {
        let end = self.end_in_words();
        let Some(status) = self.progress().status else { return format!("got no answer, and {end}") };
        let error = self.error_text.get().map_or_else(String::new, |text| format!(" ({text})"));
        format!("was answered with {status}{error}, and {end}")
    }

    /// Notes the first write of a body, if the answer is an error, which the write explains.
    pub(crate) fn note_first_write(&self, bytes: &[u8]) {
        // Keeps no text of a stream that goes well: only a refusal is ever told.
        if self.progress().status.is_some_and(|status| status >= 400) {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_BYTES_MAX)]);
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            self.error_text.get_or_init(|| lines.join("; "));
        }
    }

    /// Adds a fault to the response under way, until the response ends.
    pub(crate) fn strike(&self, applied: AppliedFault) -> Result<(), TooMany> {
        let mut late_faults = self.late_faults.lock();
        // Bounds all late faults of the response, not only the waiting faults: each costs time with every write.
        if late_faults.count >= FAULTS_MAX {
            return Err(TooMany);
        }
        late_faults.count += 1;
        late_faults.waiting.push(applied);
        Ok(())
    }

    /// Returns the faults added since the last call.
    pub(crate) fn take_late_faults(&self) -> Vec<AppliedFault> {
        std::mem::take(&mut self.late_faults.lock().waiting)
    }

    /// Adds a pushed write to the response. Calls `make` only if the response takes another write.
    pub(crate) fn push(&self, make: impl FnOnce() -> PushedWrite) -> Result<(), NotTaken> {
        self.pushes.lock().push(make)
    }

    /// Takes the first pushed write, if a test pushed the write up to this time.
    pub(crate) fn take_pushed(&self, until: Bound<Instant>) -> Option<PushedWrite> {
        self.pushes.lock().take(until)
    }

    /// Returns whether pushed writes wait for the response.
    pub(crate) fn has_pushed(&self) -> bool {
        !self.pushes.lock().is_empty()
    }

    /// Takes no pushed writes from now on, and drops the waiting writes.
    pub(crate) fn refuse_pushes(&self, reason: NotTaken) {
        let lost = self.pushes.lock().close(reason);
        // Drops the writes without the lock: the end of a turn wakes tasks.
        drop(lost);
    }
}

#[cfg(test)]
impl LiveExchange {
    /// Returns the exchange of a `GET` request with this ordinal.
    pub(crate) fn of_test(
        connection: &std::sync::Arc<onbeat_server::connection::Connection>,
        request: u32,
    ) -> std::sync::Arc<Self> {
        let mut context = RequestContext::new(std::sync::Arc::clone(connection));
        context.ordinal = connection.ordinal().expect("the connection is numbered");
        context.request = request;
        let target = RequestTarget::new(&"/events".parse().expect("a target"), &crate::log::Redaction::default());
        std::sync::Arc::new(Self::new(&context, Method::GET, target, None))
    }
}
