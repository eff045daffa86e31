//! Faults: what is to go wrong, where and how often, and how often it has.
//!
//! A [`Fault`] strikes the next requests to a path, or one connection. Those that alter the body of a response do so
//! without knowing HTTP, tasks or a clock:
//!
//! ```text
//!  step ── rewrite ── alteration ── alterations    the bytes of a write, one fault at work, all of them in order
//! ```

mod alteration;
mod alterations;
mod fault;
mod rewrite;
mod step;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use serde::{Serialize, Serializer};

pub(crate) use self::alterations::Alterations;
pub use self::fault::{Break, Fault, From, Head, Kind, LineEnds, Rewrite, Strikes};
pub(crate) use self::step::Tally;

/// How many faults are kept. Those that have struck as often as they should make room for new ones.
pub const FAULTS_MAX: usize = 1000;

/// A fault that a response has met.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) fault: Arc<Fault>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    met: AtomicU64,
    fired: AtomicU64,
    deleted: AtomicBool,
}

impl Struck {
    /// Counts a response that it has altered.
    pub(crate) fn fired(&self) {
        self.counts.fired.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it was deleted, and does nothing any more.
    pub(crate) fn is_deleted(&self) -> bool {
        self.counts.deleted.load(Ordering::Relaxed)
    }
}

/// A fault, and how often it has struck.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its id, from 1, in the order of adding.
    pub id: u64,
    /// What it is.
    pub fault: Arc<Fault>,
    /// How many more responses it will strike.
    pub left: u64,
    /// How many responses have met it.
    pub met: u64,
    /// How many responses it has altered.
    pub fired: u64,
}

/// There are [`FAULTS_MAX`] faults already that have yet to strike, or that have struck one response under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {FAULTS_MAX} faults that have yet to strike, or at work on one response, and no more are kept")]
pub struct TooMany;

/// The faults of a world.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    added: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    left: u64,
    struck: Struck,
}

impl Faults {
    /// Adds a fault; `under_way` has one for a connection strike the response under way at once, if there is one.
    pub(crate) fn add(
        &self,
        fault: Fault,
        under_way: impl FnOnce(Struck) -> Result<bool, TooMany>,
    ) -> Result<Report, TooMany> {
        let mut state = self.lock();
        let is_full = state.entries.len() >= FAULTS_MAX;
        let spent = state.entries.iter().position(|entry| entry.left == 0).filter(|_| is_full);
        if is_full && spent.is_none() {
            return Err(TooMany);
        }
        let id = state.added + 1;
        let struck = Struck { fault: Arc::new(fault), counts: Arc::default() };
        let mut entry = Entry { id, left: struck.fault.times, struck };
        if !matches!(entry.struck.fault.kind, Kind::Head(_)) && under_way(entry.struck.clone())? {
            entry.strike();
        }
        // Nothing has changed until here, since a fault may be refused.
        state.added = id;
        spent.map(|spent| state.entries.remove(spent));
        let report = entry.report();
        state.entries.push(entry);
        Ok(report)
    }

    /// The faults that a response on this path and connection meets: the oldest of each kind, and where it `has_no_body`,
    /// only those of the head. One with a status comes alone.
    pub(crate) fn meet(&self, path: &str, connection: u64, has_no_body: bool) -> Vec<Struck> {
        let mut state = self.lock();
        let mut met: Vec<&mut Entry> = Vec::new();
        for entry in &mut state.entries {
            let kind = &entry.struck.fault.kind;
            let is_first = met.iter().all(|before| before.struck.fault.kind.name() != kind.name());
            let can_strike = matches!(kind, Kind::Head(_)) || !has_no_body;
            if entry.left > 0 && can_strike && is_first && entry.strikes(path, connection) {
                met.push(entry);
            }
        }
        if let Some(status) = met.iter().position(|entry| entry.has_status()) {
            met = vec![met.swap_remove(status)];
        }
        met.into_iter().map(Entry::strike).collect()
    }

    /// All of them, in the order of their ids.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.lock().entries.iter().map(Entry::report).collect()
    }

    /// Deletes the one with this id, or all of them.
    pub(crate) fn delete(&self, id: Option<u64>) -> Vec<Report> {
        let mut state = self.lock();
        let mut deleted = Vec::new();
        state.entries.retain(|entry| {
            let goes = id.is_none_or(|id| entry.id == id);
            if goes {
                entry.struck.counts.deleted.store(true, Ordering::Relaxed);
                deleted.push(entry.report());
            }
            !goes
        });
        deleted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Entry {
    fn strikes(&self, path: &str, connection: u64) -> bool {
        match &self.struck.fault.strikes {
            Strikes::Path(struck) => struck == path,
            Strikes::Connection(struck) => *struck == connection,
        }
    }

    fn has_status(&self) -> bool {
        matches!(self.struck.fault.kind, Kind::Head(Head::Status { .. }))
    }

    fn strike(&mut self) -> Struck {
        self.left -= 1;
        self.struck.counts.met.fetch_add(1, Ordering::Relaxed);
        self.struck.clone()
    }

    fn report(&self) -> Report {
        let Struck { fault, counts } = &self.struck;
        let (met, fired) = (counts.met.load(Ordering::Relaxed), counts.fired.load(Ordering::Relaxed));
        Report { id: self.id, fault: Arc::clone(fault), left: self.left, met, fired }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Keys<'a> {
            id: u64,
            #[serde(flatten)]
            fault: &'a Fault,
            left: u64,
            met: u64,
            fired: u64,
        }
        let Self { id, fault, left, met, fired } = self;
        Keys { id: *id, fault, left: *left, met: *met, fired: *fired }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn fault(path: &str, times: u64, kind: Kind) -> Fault {
        Fault { strikes: Strikes::Path(path.into()), times, from: From::Write(0), kind }
    }

    fn status(code: u16) -> Kind {
        let status = StatusCode::from_u16(code).expect("a status");
        Kind::Head(Head::Status { status, location: None, retry_after_s: None })
    }

    fn faults(all: impl IntoIterator<Item = Fault>) -> Faults {
        let faults = Faults::default();
        all.into_iter().for_each(|fault| drop(faults.add(fault, |_| Ok(false)).expect("there is room")));
        faults
    }

    fn meet(faults: &Faults, path: &str) -> Vec<&'static str> {
        faults.meet(path, 0, false).iter().map(|struck| struck.fault.kind.name()).collect()
    }

    #[test]
    fn a_response_meets_the_oldest_fault_of_each_kind() {
        let faults = faults([
            fault("/a", 2, Kind::Rewrite(Rewrite::Split(1))),
            fault("/a", 1, Kind::Rewrite(Rewrite::Split(2))),
            fault("/a", 1, Kind::Rewrite(Rewrite::Bom)),
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
        let faults = faults([
            fault("/a", 1, Kind::Rewrite(Rewrite::Bom)),
            fault("/a", 1, status(503)),
            fault("/a", 1, status(204)),
        ]);
        assert_eq!(meet(&faults, "/a"), ["status"]);
        assert_eq!(meet(&faults, "/a"), ["status"]);
        assert_eq!(meet(&faults, "/a"), ["bom"]);
        assert_eq!(meet(&faults, "/a"), [""; 0]);
    }

    #[test]
    fn a_thousand_faults_are_kept_and_spent_ones_make_room() {
        let faults = faults((0..FAULTS_MAX).map(|_| fault("/a", 1, Kind::Break(Break::Cut))));
        assert_eq!(faults.add(fault("/a", 1, Kind::Break(Break::Cut)), |_| Ok(false)).expect_err("full"), TooMany);
        meet(&faults, "/a");
        assert_eq!(faults.add(fault("/a", 1, Kind::Break(Break::Cut)), |_| Ok(false)).expect("room").id, 1001);
        assert_eq!(faults.reports().len(), FAULTS_MAX);
    }

    #[test]
    fn a_deleted_fault_is_told_to_those_it_struck() {
        let faults = faults([fault("/a", 9, Kind::Break(Break::Stall)), fault("/a", 1, Kind::Break(Break::Cut))]);
        let struck = faults.meet("/a", 0, false);
        assert_eq!(faults.delete(Some(1)).len(), 1);
        assert!(faults.delete(Some(1)).is_empty());
        assert!(struck[0].is_deleted() && !struck[1].is_deleted());
        assert_eq!(faults.delete(None).len(), 1);
        assert!(struck[1].is_deleted() && faults.reports().is_empty());
    }

    #[test]
    fn a_fault_strikes_its_own_path_or_connection_and_no_other() {
        let faults = faults([fault("/feed", 9, Kind::Rewrite(Rewrite::Bom))]);
        let connection = Fault { strikes: Strikes::Connection(3), ..fault("", 9, Kind::Break(Break::Cut)) };
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
            fault("/a", 1, Kind::Break(Break::Cut)),
            fault("/a", 1, Kind::Head(Head::ContentType(content_type))),
            fault("/a", 1, Kind::Rewrite(Rewrite::Bom)),
        ]);
        let names: Vec<_> = faults.meet("/a", 0, true).iter().map(|struck| struck.fault.kind.name()).collect();
        assert_eq!(names, ["content-type"]);
        assert_eq!(meet(&faults, "/a"), ["cut", "bom"]);
    }

    #[test]
    fn a_fault_that_strikes_a_response_under_way_strikes_one_less_later() {
        let faults = Faults::default();
        let report = faults.add(fault("/a", 2, Kind::Break(Break::Cut)), |_| Ok(true)).expect("there is room");
        assert_eq!((report.left, report.met, report.fired), (1, 1, 0));
        assert_eq!(meet(&faults, "/a"), ["cut"]);
        assert_eq!(meet(&faults, "/a"), [""; 0]);
        // The head of a response under way has gone.
        let report = faults.add(fault("/a", 2, status(503)), |_| Ok(true)).expect("there is room");
        assert_eq!((report.left, report.met), (2, 0));
    }
}
