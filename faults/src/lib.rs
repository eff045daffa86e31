//! Faults: alterations of responses, between the script of a response and its driver.
//!
//! A [`Fault`] strikes the responses to the next requests for a path, or the responses on one connection. [`Faults`] has the
//! faults of a world: which responses each alters, and how often. No module has tasks or a clock, and only `fault` and `values`
//! know HTTP: the statuses and headers that a fault sets. Each row uses only earlier rows:
//!
//! ```text
//!  form                                            JSON, read field by field
//!    │
//!  fault ── values ── json                         a fault, and the form in JSON
//!    │
//!  step ── altered_bytes ── one_fault ── all_faults   what a fault does to the bytes of a write, one fault at work, all in order
//! ```

mod all_faults;
mod altered_bytes;
mod fault;
pub mod form;
mod json;
mod one_fault;
mod step;
mod values;

use std::mem::discriminant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

pub use self::all_faults::Alterations;
pub use self::fault::{
    Batch, ContentTypeChange, EventId, Fault, Kind, LineEndChange, LineEnds, Pieces, Place, ReconnectionTime,
    StatusChange, Target,
};
pub use self::step::Tally;

/// The most faults in a world. A fault that has struck often enough makes room for a new fault.
pub const FAULTS_MAX: usize = 1000;

/// A fault at work on a response.
#[derive(Clone, Debug)]
pub struct AppliedFault {
    /// The fault.
    pub fault: Arc<Fault>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    met: AtomicU64,
    fired: AtomicU64,
    deleted: AtomicBool,
}

impl AppliedFault {
    /// Returns a fault at work on a single response, without a place in the list of a world.
    #[must_use]
    pub fn of(fault: Arc<Fault>) -> Self {
        Self { fault, counts: Arc::default() }
    }

    /// Counts a response as altered.
    pub fn fired(&self) {
        self.counts.fired.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether the fault was deleted, and alters no more responses.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.counts.deleted.load(Ordering::Relaxed)
    }
}

/// A fault, and how many responses the fault has struck.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The id, from 1, in the order of adding.
    pub id: u64,
    /// The fault.
    #[serde(flatten)]
    pub fault: Arc<Fault>,
    /// How many more responses the fault will strike.
    pub left: u64,
    /// How many responses have met the fault.
    pub met: u64,
    /// How many responses the fault has altered.
    pub fired: u64,
}

/// There are [`FAULTS_MAX`] faults with responses left to strike, or as many at work on one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {FAULTS_MAX} faults that have yet to strike, or at work on one response, and no more are kept")]
pub struct TooMany;

/// The faults of a world.
#[derive(Debug, Default)]
pub struct Faults(Mutex<FaultList>);

#[derive(Debug, Default)]
struct FaultList {
    added: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    left: u64,
    applied: AppliedFault,
}

impl Faults {
    /// Adds a fault. `under_way` applies the fault to a response under way, and returns whether there is such a response.
    ///
    /// # Errors
    ///
    /// If there are too many faults, in the world or on the response under way.
    pub fn add(
        &self,
        fault: Fault,
        under_way: impl FnOnce(AppliedFault) -> Result<bool, TooMany>,
    ) -> Result<Report, TooMany> {
        let mut state = self.0.lock();
        // Drops, from a full list, the oldest fault without responses left to strike.
        let is_full = state.entries.len() >= FAULTS_MAX;
        let spent = state.entries.iter().position(|entry| entry.left == 0).filter(|_| is_full);
        if is_full && spent.is_none() {
            return Err(TooMany);
        }
        let id = state.added + 1;
        let applied = AppliedFault { fault: Arc::new(fault), counts: Arc::default() };
        let mut entry = Entry { id, left: applied.fault.times, applied };
        // Strikes a response under way only with a fault of the body: the head has gone.
        if !entry.applied.fault.kind.changes_head() && under_way(entry.applied.clone())? {
            entry.strike();
        }
        // Changes the list only now, since the response under way may refuse the fault.
        state.added = id;
        spent.map(|spent| state.entries.remove(spent));
        let report = entry.report();
        state.entries.push(entry);
        Ok(report)
    }

    /// Returns the faults for a response on this path and connection: the oldest of each kind, and only faults of the head
    /// for a response that `has_no_body`. A fault with a status comes alone.
    pub fn meet(&self, path: &str, connection: u64, has_no_body: bool) -> Vec<AppliedFault> {
        let mut state = self.0.lock();
        let mut met: Vec<&mut Entry> = Vec::new();
        for entry in &mut state.entries {
            let kind = &entry.applied.fault.kind;
            let is_first = met.iter().all(|before| discriminant(&before.applied.fault.kind) != discriminant(kind));
            let can_strike = kind.changes_head() || !has_no_body;
            // Lets the oldest fault of a kind strike; younger faults of the kind strike later responses.
            if entry.left > 0 && can_strike && is_first && entry.is_for(path, connection) {
                met.push(entry);
            }
        }
        // Applies a status alone: without an answer of the endpoint, the other faults stay for later responses.
        if let Some(status) = met.iter().position(|entry| entry.has_status()) {
            met = vec![met.swap_remove(status)];
        }
        met.into_iter().map(Entry::strike).collect()
    }

    /// Returns all faults, in the order of their ids.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.0.lock().entries.iter().map(Entry::report).collect()
    }

    /// Deletes the fault with this id, or all faults.
    pub fn delete(&self, id: Option<u64>) -> Vec<Report> {
        let mut state = self.0.lock();
        let mut deleted = Vec::new();
        state.entries.retain(|entry| {
            let goes = id.is_none_or(|id| entry.id == id);
            if goes {
                // Sets the flag shared with all responses that have met the fault.
                entry.applied.counts.deleted.store(true, Ordering::Relaxed);
                deleted.push(entry.report());
            }
            !goes
        });
        deleted
    }
}

impl Entry {
    fn is_for(&self, path: &str, connection: u64) -> bool {
        match &self.applied.fault.target {
            Target::Path(applied) => applied == path,
            Target::Connection(applied) => *applied == connection,
        }
    }

    fn has_status(&self) -> bool {
        matches!(self.applied.fault.kind, Kind::Status(_))
    }

    fn strike(&mut self) -> AppliedFault {
        // Uses up one strike, though the response may end before the fault acts.
        self.left -= 1;
        self.applied.counts.met.fetch_add(1, Ordering::Relaxed);
        self.applied.clone()
    }

    fn report(&self) -> Report {
        let AppliedFault { fault, counts } = &self.applied;
        let (met, fired) = (counts.met.load(Ordering::Relaxed), counts.fired.load(Ordering::Relaxed));
        Report { id: self.id, fault: Arc::clone(fault), left: self.left, met, fired }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::Value;

    use super::*;

    fn fault(path: &str, times: u64, kind: Kind) -> Fault {
        Fault { target: Target::Path(path.into()), times, from: Place::Write(0), kind }
    }

    fn status(code: u16) -> Kind {
        let status = StatusCode::from_u16(code).expect("a status");
        Kind::Status(StatusChange { status, location: None, retry_after_s: None })
    }

    fn faults(all: impl IntoIterator<Item = Fault>) -> Faults {
        let faults = Faults::default();
        all.into_iter().for_each(|fault| drop(faults.add(fault, |_| Ok(false)).expect("there is room")));
        faults
    }

    fn meet(faults: &Faults, path: &str) -> Vec<Value> {
        names(&faults.meet(path, 0, false))
    }

    fn names(met: &[AppliedFault]) -> Vec<Value> {
        met.iter()
            .map(|applied| serde_json::to_value(&applied.fault.kind).expect("plain data")["kind"].take())
            .collect()
    }

    #[test]
    fn a_response_meets_the_oldest_fault_of_each_kind() {
        let faults = faults([
            fault("/a", 2, Kind::Split(Pieces { bytes: 1 })),
            fault("/a", 1, Kind::Split(Pieces { bytes: 2 })),
            fault("/a", 1, Kind::Bom),
        ]);
        assert_eq!(meet(&faults, "/b"), [""; 0]);
        assert_eq!(meet(&faults, "/a"), ["split", "bom"]);
        assert_eq!(meet(&faults, "/a"), ["split"]);
        assert_eq!(
            faults.reports().iter().map(|report| (report.left, report.met)).collect::<Vec<_>>(),
            [(0, 2), (1, 0), (0, 1)]
        );
    }

    #[test]
    fn a_status_comes_alone_and_uses_up_no_other_fault() {
        let faults = faults([fault("/a", 1, Kind::Bom), fault("/a", 1, status(503)), fault("/a", 1, status(204))]);
        assert_eq!(meet(&faults, "/a"), ["status"]);
        assert_eq!(meet(&faults, "/a"), ["status"]);
        assert_eq!(meet(&faults, "/a"), ["bom"]);
        assert_eq!(meet(&faults, "/a"), [""; 0]);
    }

    #[test]
    fn a_thousand_faults_are_kept_and_spent_ones_make_room() {
        let faults = faults((0..FAULTS_MAX).map(|_| fault("/a", 1, Kind::Cut)));
        assert_eq!(faults.add(fault("/a", 1, Kind::Cut), |_| Ok(false)).expect_err("full"), TooMany);
        meet(&faults, "/a");
        meet(&faults, "/a");
        assert_eq!(faults.add(fault("/a", 1, Kind::Cut), |_| Ok(false)).expect("room").id, 1001);
        // The oldest of the two has gone.
        let ids = faults.reports().iter().map(|report| report.id).collect::<Vec<_>>();
        assert_eq!(ids, (2..=1001).collect::<Vec<_>>());
    }

    #[test]
    fn a_refused_fault_takes_no_room_from_a_spent_one() {
        let faults = faults((0..FAULTS_MAX).map(|_| fault("/a", 1, Kind::Cut)));
        meet(&faults, "/a");
        let ids = || faults.reports().iter().map(|report| report.id).collect::<Vec<_>>();
        let before = ids();
        assert_eq!(faults.add(fault("/a", 1, Kind::Cut), |_| Err(TooMany)).expect_err("refused"), TooMany);
        assert_eq!(ids(), before);
    }

    #[test]
    fn a_deleted_fault_is_told_to_those_it_struck() {
        let faults = faults([fault("/a", 9, Kind::Stall), fault("/a", 1, Kind::Cut)]);
        let applied = faults.meet("/a", 0, false);
        assert_eq!(faults.delete(Some(1)).len(), 1);
        assert!(faults.delete(Some(1)).is_empty());
        assert!(applied[0].is_deleted() && !applied[1].is_deleted());
        assert_eq!(faults.delete(None).len(), 1);
        assert!(applied[1].is_deleted() && faults.reports().is_empty());
    }

    #[test]
    fn a_fault_strikes_its_own_path_or_connection_and_no_other() {
        let faults = faults([fault("/feed", 9, Kind::Bom)]);
        let connection = Fault { target: Target::Connection(3), ..fault("", 9, Kind::Cut) };
        faults.add(connection, |_| Ok(false)).expect("there is room");
        for path in ["/", "/fee", "/feed-data", "/feed/", "/x/feed", "/FEED"] {
            assert_eq!(meet(&faults, path), [""; 0], "{path}");
        }
        let met = |connection| faults.meet("/nothing", connection, false).len();
        assert_eq!([met(2), met(3), met(4), met(30)], [0, 1, 0, 0]);
    }

    #[test]
    fn what_has_no_body_meets_what_alters_heads_and_leaves_the_rest() {
        let content_type = axum::http::HeaderValue::from_static("text/html");
        let faults = faults([
            fault("/a", 1, Kind::Cut),
            fault("/a", 1, Kind::ContentType(ContentTypeChange { content_type })),
            fault("/a", 1, Kind::Bom),
        ]);
        assert_eq!(names(&faults.meet("/a", 0, true)), ["content-type"]);
        assert_eq!(meet(&faults, "/a"), ["cut", "bom"]);
    }

    #[test]
    fn a_fault_that_strikes_a_response_under_way_strikes_one_less_later() {
        let faults = Faults::default();
        let report = faults.add(fault("/a", 2, Kind::Cut), |_| Ok(true)).expect("there is room");
        assert_eq!((report.left, report.met, report.fired), (1, 1, 0));
        assert_eq!(meet(&faults, "/a"), ["cut"]);
        assert_eq!(meet(&faults, "/a"), [""; 0]);
        // The head of a response under way has gone.
        let report = faults.add(fault("/a", 2, status(503)), |_| Ok(true)).expect("there is room");
        assert_eq!((report.left, report.met), (2, 0));
    }
}
