//! What faults do to the writes of a response: a sans-IO transformation.
//!
//! Writes go in, with the time since the request; out come [`Act`]s. Each fault sees what the one before it has made of
//! the response.

use std::time::Duration;

use bytes::Bytes;

use super::rewrite::{with_bom, with_field, with_invalid_utf8, with_line_ends};
use super::{Fault, From, Kind, Struck};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// This is written, as one chunk.
    Write(Bytes),
    /// What was written is sent before anything else is.
    Flush,
    /// The response ends in good order.
    End,
    /// The connection is closed.
    Cut,
    /// The connection is reset.
    Reset,
}

/// All faults that a response has met, in order.
#[derive(Debug, Default)]
pub(crate) struct Alterations(Vec<Alteration>);

impl Alterations {
    /// Adds a fault to a response of which this much has been written; returns what it does at once.
    pub(crate) fn add(&mut self, struck: Struck, written: Written, since: Duration) -> Vec<Act> {
        let mut alteration =
            Alteration { struck, seen: written, fired: false, over: false, kept: Vec::new(), count: 0 };
        let acts = alteration.look(since);
        self.0.push(alteration);
        acts
    }

    /// What becomes of a write.
    pub(crate) fn write(&mut self, since: Duration, bytes: Bytes) -> Vec<Act> {
        self.pass(vec![Act::Write(bytes)], since)
    }

    /// What becomes of the end.
    pub(crate) fn end(&mut self, since: Duration) -> Vec<Act> {
        self.pass(vec![Act::End], since)
    }

    /// What happens since it is so late.
    pub(crate) fn look(&mut self, since: Duration) -> Vec<Act> {
        let mut acts = Vec::new();
        for alteration in &mut self.0 {
            acts = alteration.pass(acts, since);
            acts.extend(alteration.look(since));
        }
        acts
    }

    /// When to look next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.0.iter().filter_map(Alteration::deadline).min()
    }

    /// Whether nothing is altered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them keeps everything back, for good.
    pub(crate) fn is_stalled(&self) -> bool {
        self.0.iter().any(Alteration::is_stalled)
    }

    fn pass(&mut self, acts: Vec<Act>, since: Duration) -> Vec<Act> {
        self.0.iter_mut().fold(acts, |acts, alteration| alteration.pass(acts, since))
    }
}

/// How much of a response has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

impl Written {
    pub(crate) fn count(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes as u64;
    }
}

/// One fault at work on one response.
#[derive(Debug)]
struct Alteration {
    struck: Struck,
    seen: Written,
    fired: bool,
    /// It has done all that it does.
    over: bool,
    /// Kept back, and how many writes that were.
    kept: Vec<u8>,
    count: u64,
}

impl Alteration {
    fn fault(&self) -> &Fault {
        &self.struck.fault
    }

    fn fire(&mut self) {
        if !std::mem::replace(&mut self.fired, true) {
            self.struck.fired();
        }
    }

    fn pass(&mut self, acts: Vec<Act>, since: Duration) -> Vec<Act> {
        let mut out = Vec::with_capacity(acts.len());
        for act in acts {
            match act {
                Act::Write(bytes) => self.write(since, bytes, &mut out),
                Act::End if self.is_stalled() => {}
                Act::End => {
                    self.let_go(&mut out);
                    out.push(Act::End);
                }
                other => out.push(other),
            }
        }
        out
    }

    /// What this one does without a write: it breaks the response off where that has come far enough.
    fn look(&mut self, since: Duration) -> Vec<Act> {
        let has_come = match self.fault().from {
            From::Write(writes) => self.seen.writes >= writes,
            From::Byte(bytes) => self.seen.bytes >= bytes,
            From::Ms(ms) => since >= Duration::from_millis(ms),
        };
        let acts = break_off(&self.fault().kind).filter(|_| has_come && !self.over && !self.struck.is_deleted());
        if acts.is_some() {
            self.over = true;
            self.fire();
        }
        acts.unwrap_or_default()
    }

    /// When it does so because of the time.
    fn deadline(&self) -> Option<Duration> {
        match self.fault().from {
            From::Ms(ms) if !self.over && break_off(&self.fault().kind).is_some() => Some(Duration::from_millis(ms)),
            _ => None,
        }
    }

    fn is_stalled(&self) -> bool {
        self.over && self.fault().kind == Kind::Stall && !self.struck.is_deleted()
    }

    fn write(&mut self, since: Duration, bytes: Bytes, out: &mut Vec<Act>) {
        if self.struck.is_deleted() {
            self.let_go(out);
            out.push(Act::Write(bytes));
            return;
        }
        let has_begun = match self.fault().from {
            From::Write(writes) => self.seen.writes >= writes,
            From::Byte(from) => self.seen.bytes + bytes.len() as u64 > from,
            From::Ms(ms) => since >= Duration::from_millis(ms),
        };
        let before = self.seen;
        self.seen.count(bytes.len());
        if break_off(&self.fault().kind).is_some() {
            self.write_until_break(before, since, bytes, out);
        } else if has_begun && !self.over {
            self.fire();
            self.alter(bytes, out);
        } else {
            out.push(Act::Write(bytes));
        }
    }

    fn write_until_break(&mut self, before: Written, since: Duration, mut bytes: Bytes, out: &mut Vec<Act>) {
        if self.over {
            return;
        }
        if let From::Byte(from) = self.fault().from {
            let left = usize::try_from(from.saturating_sub(before.bytes)).unwrap_or(usize::MAX);
            bytes.truncate(left);
        }
        let is_late = matches!(self.fault().from, From::Ms(ms) if since >= Duration::from_millis(ms));
        if !is_late && !bytes.is_empty() {
            out.push(Act::Write(bytes));
        }
        out.extend(self.look(since));
    }

    fn alter(&mut self, bytes: Bytes, out: &mut Vec<Act>) {
        let kind = &self.struck.fault.kind;
        self.over = kind.is_of_one_write();
        match kind {
            Kind::Split(length) => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let piece = rest.split_to((*length).min(rest.len()));
                    out.extend([Act::Write(piece), Act::Flush]);
                }
            }
            Kind::Coalesce(writes) => {
                self.kept.extend_from_slice(&bytes);
                self.count += 1;
                if self.count >= *writes {
                    self.let_go(out);
                }
            }
            Kind::LineEnds(ends) => out.push(Act::Write(with_line_ends(&bytes, *ends))),
            Kind::Duplicate => out.extend([Act::Write(bytes.clone()), Act::Write(bytes)]),
            Kind::InvalidUtf8 => out.push(Act::Write(with_invalid_utf8(&bytes))),
            Kind::Bom => out.push(Act::Write(with_bom(&bytes))),
            Kind::Retry(ms) => out.push(Act::Write(with_field(&bytes, "retry", &ms.to_string()))),
            Kind::Id(id) => out.push(Act::Write(with_field(&bytes, "id", id))),
            Kind::Status { .. } | Kind::ContentType(_) | Kind::Cut | Kind::Reset | Kind::End | Kind::Stall => {
                out.push(Act::Write(bytes));
            }
        }
    }

    /// Writes what was kept back.
    fn let_go(&mut self, out: &mut Vec<Act>) {
        if !self.kept.is_empty() {
            self.count = 0;
            out.push(Act::Write(std::mem::take(&mut self.kept).into()));
        }
    }
}

/// How a fault of this kind breaks a response off, if it does; a stall does so by doing nothing.
fn break_off(kind: &Kind) -> Option<Vec<Act>> {
    match kind {
        Kind::Cut => Some(vec![Act::Cut]),
        Kind::Reset => Some(vec![Act::Reset]),
        Kind::End => Some(vec![Act::End]),
        Kind::Stall => Some(Vec::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Faults, LineEnds, Strikes};
    use super::*;

    const EVENTS: [&str; 3] = ["retry: 5000\n\n", "event: a\n", "data: 1\n\n"];

    /// What becomes of three writes, a second apart, and the end, as text: `|` a flush, `.` the end.
    fn played(kinds: &[(From, Kind)]) -> Vec<String> {
        let faults = Faults::default();
        for (from, kind) in kinds {
            let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: *from, kind: kind.clone() };
            faults.add(fault, |_| false).expect("there is room");
        }
        let mut alterations = Alterations::default();
        let mut acts = Vec::new();
        for struck in faults.meet("/", 0) {
            acts.extend(alterations.add(struck, Written::default(), Duration::ZERO));
        }
        for (n, event) in EVENTS.iter().enumerate() {
            let since = Duration::from_secs(n as u64);
            acts.extend(alterations.look(since));
            acts.extend(alterations.write(since, Bytes::from_static(event.as_bytes())));
        }
        acts.extend(alterations.end(Duration::from_secs(3)));
        let shown = acts.into_iter().map(|act| match act {
            Act::Write(bytes) => String::from_utf8_lossy(&bytes).replace('\n', "/").replace('\r', "~"),
            Act::Flush => "|".into(),
            Act::End => ".".into(),
            Act::Cut => "cut".into(),
            Act::Reset => "reset".into(),
        });
        // Nothing is played after the end of a response.
        let mut over = false;
        shown.take_while(|act| !std::mem::replace(&mut over, matches!(act.as_str(), "." | "cut" | "reset"))).collect()
    }

    #[test]
    fn without_faults_nothing_is_altered() {
        assert_eq!(played(&[]), ["retry: 5000//", "event: a/", "data: 1//", "."]);
    }

    #[test]
    fn a_response_is_broken_off_after_writes_within_one_or_at_an_instant() {
        let first = "retry: 5000//";
        for (from, expected) in [
            (From::Write(0), &["cut"][..]),
            (From::Write(1), &[first, "cut"]),
            (From::Write(2), &[first, "event: a/", "cut"]),
            (From::Write(4), &[first, "event: a/", "data: 1//", "."]),
            (From::Byte(0), &["cut"]),
            (From::Byte(5), &["retry", "cut"]),
            (From::Byte(13), &[first, "cut"]),
            (From::Byte(16), &[first, "eve", "cut"]),
            (From::Byte(999), &[first, "event: a/", "data: 1//", "."]),
            (From::Ms(0), &["cut"]),
            (From::Ms(1), &[first, "cut"]),
            (From::Ms(1000), &[first, "cut"]),
            (From::Ms(1001), &[first, "event: a/", "cut"]),
        ] {
            assert_eq!(played(&[(from, Kind::Cut)]), expected, "{from:?}");
        }
        assert_eq!(played(&[(From::Write(1), Kind::Reset)]), [first, "reset"]);
        assert_eq!(played(&[(From::Write(1), Kind::End)]), [first, "."]);
        assert_eq!(played(&[(From::Byte(5), Kind::Stall)]), ["retry"]);
    }

    #[test]
    fn writes_are_altered_from_where_the_fault_begins() {
        let (first, second, third, end) = ("retry: 5000//", "event: a/", "data: 1//", ".");
        let from = From::Write(1);
        for (kind, expected) in [
            (Kind::Split(5), &[first, "event", "|", ": a/", "|", "data:", "|", " 1//", "|", end][..]),
            (Kind::Coalesce(2), &[first, "event: a/data: 1//", end]),
            (Kind::Coalesce(3), &[first, "event: a/data: 1//", end]),
            (Kind::Duplicate, &[first, second, second, third, end]),
            (Kind::InvalidUtf8, &[first, "event: a\u{fffd}/", third, end]),
            (Kind::Bom, &[first, "\u{feff}event: a/", third, end]),
            (Kind::LineEnds(LineEnds::Cr), &[first, "event: a~", "data: 1~~", end]),
            (Kind::LineEnds(LineEnds::Crlf), &[first, "event: a~/", "data: 1~/~/", end]),
            (Kind::Retry(7), &[first, "retry: 7/event: a/", third, end]),
            (Kind::Id("七".into()), &[first, "id: 七/event: a/", third, end]),
        ] {
            assert_eq!(played(&[(from, kind.clone())]), expected, "{kind:?}");
        }
        assert_eq!(played(&[(From::Write(0), Kind::Retry(7))])[0], "retry: 7//");
        assert_eq!(played(&[(From::Byte(13), Kind::Bom)])[1], "\u{feff}event: a/");
        assert_eq!(played(&[(From::Byte(12), Kind::Bom)])[0], "\u{feff}retry: 5000//");
        assert_eq!(played(&[(From::Ms(1500), Kind::Bom)])[2], "\u{feff}data: 1//");
    }

    #[test]
    fn faults_of_several_kinds_are_applied_in_their_order() {
        let kinds = [(From::Write(2), Kind::LineEnds(LineEnds::Crlf)), (From::Byte(30), Kind::Split(2))];
        assert_eq!(played(&kinds)[2..8], ["da", "|", "ta", "|", ": ", "|"]);
        let kinds = [(From::Write(0), Kind::Coalesce(9)), (From::Byte(15), Kind::Cut)];
        assert_eq!(played(&kinds), ["retry: 5000//ev", "cut"]);
    }

    #[test]
    fn a_fault_fires_where_it_has_altered_something() {
        let faults = Faults::default();
        let fault = Fault { strikes: Strikes::Path("/".into()), times: 2, from: From::Write(1), kind: Kind::Bom };
        faults.add(fault, |_| false).expect("there is room");
        for writes in 1..=2 {
            let mut alterations = Alterations::default();
            for struck in faults.meet("/", 0) {
                alterations.add(struck, Written::default(), Duration::ZERO);
            }
            for _ in 0..writes {
                alterations.write(Duration::ZERO, Bytes::from_static(b"x"));
            }
        }
        let report = &faults.reports()[0];
        assert_eq!((report.left, report.met, report.fired), (0, 2, 1));
    }

    #[test]
    fn a_stalled_response_goes_on_when_the_fault_is_deleted() {
        let faults = Faults::default();
        let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: From::Write(0), kind: Kind::Stall };
        faults.add(fault, |_| false).expect("there is room");
        let mut alterations = Alterations::default();
        for struck in faults.meet("/", 0) {
            alterations.add(struck, Written::default(), Duration::ZERO);
        }
        assert!(alterations.is_stalled());
        let write = |alterations: &mut Alterations| alterations.write(Duration::ZERO, Bytes::from_static(b"x"));
        assert_eq!(write(&mut alterations), []);
        faults.delete(None);
        assert_eq!(write(&mut alterations), [Act::Write(Bytes::from_static(b"x"))]);
        assert!(!alterations.is_stalled());
    }
}
