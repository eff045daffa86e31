//! The requests that the applications of a lab are at work on: from the call of a handler until the body is dropped.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;
use parking_lot::Mutex;

use super::peer::Peer;

/// A request that an application is at work on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenRequest {
    /// Who sent the request.
    pub peer: Peer,
    /// The ordinal of the request on the connection, from 0.
    pub ordinal: usize,
    /// The method.
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// When the request reached the application, since the beginning of the lab.
    pub since: Duration,
    /// Whether the handler has answered: only the body is open.
    pub is_answered: bool,
}

/// For example `GET /events, client 2, since 5000 ms`.
impl fmt::Display for OpenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, method, target, since, is_answered, .. } = self;
        let answered = if *is_answered { "" } else { ", not answered yet" };
        write!(f, "{method} {target}, {peer}, since {} ms{answered}", since.as_millis())
    }
}

/// The open requests of a lab, in the order of their arrival, and the failures of ended ones.
#[derive(Clone, Debug)]
pub(super) struct OpenRequests {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<OpenState>>,
}

#[derive(Debug, Default)]
struct OpenState {
    next: u64,
    requests: BTreeMap<u64, OpenRequest>,
    failures: BTreeMap<(Peer, usize), FailedAnswer>,
    panicked: Option<OpenRequest>,
    /// How many bytes of bodies the application has handed over for each peer.
    body_bytes: BTreeMap<Peer, u64>,
}

impl OpenRequests {
    /// Returns no requests, and a clock for those to come.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// Returns the time since the beginning of the lab.
    pub(super) fn now(&self) -> Duration {
        self.clock.now().since_epoch()
    }

    /// Adds a request, which is open until the return value is dropped.
    pub(super) fn add(&self, request: OpenRequest) -> OpenGuard {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.requests.insert(number, request);
        OpenGuard { requests: self.clone(), number }
    }

    /// Returns the open requests.
    pub(super) fn list(&self) -> Vec<OpenRequest> {
        self.state.lock().requests.values().cloned().collect()
    }

    /// Takes out the request at work on which the application panicked.
    pub(super) fn take_panicked(&self) -> Option<OpenRequest> {
        self.state.lock().panicked.take()
    }

    /// Returns how many bytes of bodies the application has handed over for a peer, whether or not the peer has read them.
    #[cfg(feature = "simulate")]
    pub(super) fn body_bytes(&self, peer: &Peer) -> u64 {
        self.state.lock().body_bytes.get(peer).copied().unwrap_or_default()
    }

    /// Returns the error of the application that ended the answer to a request.
    pub(super) fn failure(&self, peer: &Peer, ordinal: usize) -> Option<String> {
        self.state.lock().failures.get(&(peer.clone(), ordinal)).map(|failed| failed.error.clone())
    }

    /// Returns the errors of the application, each with the request.
    pub(super) fn failures(&self) -> Vec<String> {
        let state = self.state.lock();
        state.failures.values().map(|FailedAnswer { request, error }| format!("{request}: {error}")).collect()
    }
}

/// An answer that an error of the application has ended.
#[derive(Debug)]
struct FailedAnswer {
    request: OpenRequest,
    error: String,
}

/// A request that is open until the guard is dropped.
#[derive(Debug)]
pub(super) struct OpenGuard {
    requests: OpenRequests,
    number: u64,
}

impl OpenGuard {
    /// Notes that the handler has answered.
    pub(super) fn answered(&self) {
        if let Some(request) = self.requests.state.lock().requests.get_mut(&self.number) {
            request.is_answered = true;
        }
    }

    /// Notes that the application has handed over so many bytes more of the body.
    pub(super) fn handed_over(&self, bytes: usize) {
        let mut state = self.requests.state.lock();
        if let Some(peer) = state.requests.get(&self.number).map(|request| request.peer.clone()) {
            *state.body_bytes.entry(peer).or_default() += bytes as u64;
        }
    }

    /// Notes that the service or the body has failed.
    pub(super) fn failed(&self, error: &dyn Error) {
        let (mut texts, mut cause) = (vec![error.to_string()], error.source());
        while let Some(error) = cause {
            texts.push(error.to_string());
            cause = error.source();
        }
        // Removes the text of an error that only wraps the next error.
        texts.dedup();
        let mut state = self.requests.state.lock();
        if let Some(request) = state.requests.get(&self.number).cloned() {
            let key = (request.peer.clone(), request.ordinal);
            state.failures.insert(key, FailedAnswer { request, error: texts.join(": ") });
        }
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        let mut state = self.requests.state.lock();
        let request = state.requests.remove(&self.number);
        // Keeps the request of a handler that panics: unwinding drops the guard.
        if std::thread::panicking() {
            state.panicked = request;
        }
    }
}
