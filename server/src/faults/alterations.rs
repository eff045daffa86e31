//! What faults do to the writes of a response: a sans-IO transformation.
//!
//! Writes go in, with the time since the request at which they were due; [`Act`]s are taken out. Each fault sees what the
//! one before it has made of the response. Nothing is made before it is taken out: a write of some megabytes that is split
//! into single bytes takes no more memory than it has bytes.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::Struck;
use super::act::{Act, Step, Written};
use super::alteration::Alteration;

/// All faults that a response has met, in order, and what is on its way through them.
#[derive(Debug, Default)]
pub(crate) struct Alterations {
    at_work: Vec<Alteration>,
    /// What waits for each alteration, and at the end what has passed them all.
    queues: Vec<Queue>,
    /// No queue beyond this one holds anything.
    furthest: usize,
    /// Taken out already, but not yet asked for.
    ahead: Option<Act>,
}

type Queue = VecDeque<Passing>;

/// A step on its way through the alterations.
#[derive(Debug)]
struct Passing {
    step: Step,
    /// When it came, since the request.
    since: Duration,
    /// How many alterations there were when it came: those added later leave it as it is.
    until: usize,
}

impl Alterations {
    /// Adds a fault to a response of which this much has been written. What the fault does at once comes after what is on
    /// its way.
    pub(crate) fn add(&mut self, struck: Struck, written: Written, since: Duration) {
        let mut alteration = Alteration::new(struck, written);
        let mut steps = Vec::new();
        alteration.look(since, &mut steps);
        self.at_work.push(alteration);
        for step in steps {
            self.enter(Passing { step, since, until: 0 });
        }
    }

    /// Takes in a write.
    pub(crate) fn write(&mut self, since: Duration, bytes: Bytes) {
        self.take_in(since, Step::Act(Act::Write(bytes)));
    }

    /// Takes in the end.
    pub(crate) fn end(&mut self, since: Duration) {
        self.take_in(since, Step::Act(Act::End));
    }

    /// Ends the response, whatever the faults make of ends.
    pub(crate) fn end_all_the_same(&mut self, since: Duration) {
        self.enter(Passing { step: Step::Act(Act::End), since, until: 0 });
    }

    /// Lets happen what happens since it is so late.
    pub(crate) fn look(&mut self, since: Duration) {
        self.take_in(since, Step::Look);
    }

    /// Nothing else is on its way when something comes, so that all of it meets the faults as they are now.
    fn take_in(&mut self, since: Duration, step: Step) {
        self.at_work.iter_mut().for_each(Alteration::refresh);
        self.enter(Passing { step, since, until: self.at_work.len() });
    }

    fn enter(&mut self, passing: Passing) {
        self.queue(0).push_back(passing);
    }

    /// Whether there is something to do.
    pub(crate) fn has_next(&mut self) -> bool {
        self.ahead = self.next();
        self.ahead.is_some()
    }

    /// Returns the next thing to do.
    pub(crate) fn next(&mut self) -> Option<Act> {
        if let Some(act) = self.ahead.take() {
            return Some(act);
        }
        loop {
            // What has come furthest goes on first.
            let number = self.furthest;
            let Some(Passing { step, since, until }) = take_first(self.queue(number)) else {
                self.furthest = number.checked_sub(1)?;
                continue;
            };
            let mut steps = Vec::new();
            match (step, self.at_work.get_mut(number).filter(|_| number < until)) {
                (Step::Act(act), None) => return Some(act),
                (Step::Act(act), Some(alteration)) => alteration.pass(since, act, &mut steps),
                (Step::Look, None) => {}
                (Step::Look, Some(alteration)) => {
                    alteration.look(since, &mut steps);
                    steps.push(Step::Look);
                }
                (Step::Pieces(..), _) => unreachable!("a piece was taken off"),
            }
            self.queue(number + 1).extend(steps.into_iter().map(|step| Passing { step, since, until }));
            self.furthest = number + 1;
        }
    }

    /// What waits for the alteration with this number.
    fn queue(&mut self, number: usize) -> &mut Queue {
        while self.queues.len() <= number {
            self.queues.push(Queue::new());
        }
        &mut self.queues[number]
    }

    /// Drops what is on its way.
    pub(crate) fn clear(&mut self) {
        self.ahead = None;
        self.queues.iter_mut().for_each(Queue::clear);
    }

    /// When to look next, after this time.
    pub(crate) fn deadline(&self, since: Duration) -> Option<Duration> {
        self.at_work.iter().filter_map(Alteration::deadline).filter(|deadline| *deadline > since).min()
    }

    /// Whether nothing is altered, and nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.at_work.is_empty() && self.ahead.is_none() && self.queues.iter().all(Queue::is_empty)
    }

    /// Whether one of them keeps everything back.
    pub(crate) fn is_stalled(&self) -> bool {
        self.at_work.iter().any(Alteration::is_stalled)
    }
}

/// Takes out the first step. Of a write in pieces that is the first piece; a flush, and the other pieces, are next.
fn take_first(queue: &mut Queue) -> Option<Passing> {
    let Passing { step, since, until } = queue.pop_front()?;
    let passing = |step| Passing { step, since, until };
    let Step::Pieces(mut rest, length) = step else { return Some(passing(step)) };
    let piece = rest.split_to(length.min(rest.len()));
    if !rest.is_empty() {
        queue.push_front(passing(Step::Pieces(rest, length)));
    }
    queue.push_front(passing(Step::Act(Act::Flush)));
    Some(passing(Step::Act(Act::Write(piece))))
}

#[cfg(test)]
mod tests {
    use super::super::{Break, Fault, Faults, From, Kind, LineEnds, Rewrite, Strikes};
    use super::*;

    const EVENTS: [&str; 3] = ["retry: 5000\n\n", "event: a\n", "data: 1\n\n"];

    /// What becomes of three writes, a second apart, and the end, as text: `|` a flush, `.` the end.
    fn played(kinds: &[(From, Kind)]) -> Vec<String> {
        let faults = Faults::default();
        for (from, kind) in kinds {
            let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: *from, kind: kind.clone() };
            faults.add(fault, |_| Ok(false)).expect("there is room");
        }
        let mut alterations = Alterations::default();
        let mut acts = Vec::new();
        for struck in faults.meet("/", 0, false) {
            alterations.add(struck, Written::default(), Duration::ZERO);
        }
        for (n, event) in EVENTS.iter().enumerate() {
            let since = Duration::from_secs(n as u64);
            alterations.look(since);
            acts.extend(all(&mut alterations));
            alterations.write(since, Bytes::from_static(event.as_bytes()));
            acts.extend(all(&mut alterations));
        }
        alterations.end(Duration::from_secs(3));
        acts.extend(all(&mut alterations));
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

    /// What is on its way.
    fn all(alterations: &mut Alterations) -> Vec<Act> {
        std::iter::from_fn(|| alterations.next()).collect()
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
            assert_eq!(played(&[(from, Kind::Break(Break::Cut))]), expected, "{from:?}");
        }
        assert_eq!(played(&[(From::Write(1), Kind::Break(Break::Reset))]), [first, "reset"]);
        assert_eq!(played(&[(From::Write(1), Kind::Break(Break::End))]), [first, "."]);
        assert_eq!(played(&[(From::Byte(5), Kind::Break(Break::Stall))]), ["retry"]);
    }

    #[test]
    fn writes_are_altered_from_where_the_fault_begins() {
        let (first, second, third, end) = ("retry: 5000//", "event: a/", "data: 1//", ".");
        let from = From::Write(1);
        for (kind, expected) in [
            (Kind::Rewrite(Rewrite::Split(5)), &[first, "event", "|", ": a/", "|", "data:", "|", " 1//", "|", end][..]),
            (Kind::Rewrite(Rewrite::Coalesce(2)), &[first, "event: a/data: 1//", end]),
            (Kind::Rewrite(Rewrite::Coalesce(3)), &[first, "event: a/data: 1//", end]),
            (Kind::Rewrite(Rewrite::Duplicate), &[first, second, second, third, end]),
            (Kind::Rewrite(Rewrite::InvalidUtf8), &[first, "event: a\u{fffd}/", third, end]),
            (Kind::Rewrite(Rewrite::Bom), &[first, "\u{feff}event: a/", third, end]),
            (Kind::Rewrite(Rewrite::LineEnds(LineEnds::Cr)), &[first, "event: a~", "data: 1~~", end]),
            (Kind::Rewrite(Rewrite::LineEnds(LineEnds::Crlf)), &[first, "event: a~/", "data: 1~/~/", end]),
            (Kind::Rewrite(Rewrite::Retry(7)), &[first, "retry: 7/event: a/", third, end]),
            (Kind::Rewrite(Rewrite::Id("七".into())), &[first, "id: 七/event: a/", third, end]),
        ] {
            assert_eq!(played(&[(from, kind.clone())]), expected, "{kind:?}");
        }
        assert_eq!(played(&[(From::Write(0), Kind::Rewrite(Rewrite::Retry(7)))])[0], "retry: 7//");
        assert_eq!(played(&[(From::Byte(13), Kind::Rewrite(Rewrite::Bom))])[1], "\u{feff}event: a/");
        assert_eq!(played(&[(From::Byte(12), Kind::Rewrite(Rewrite::Bom))])[0], "\u{feff}retry: 5000//");
        assert_eq!(played(&[(From::Ms(1500), Kind::Rewrite(Rewrite::Bom))])[2], "\u{feff}data: 1//");
    }

    #[test]
    fn faults_of_several_kinds_are_applied_in_their_order() {
        let kinds = [
            (From::Write(2), Kind::Rewrite(Rewrite::LineEnds(LineEnds::Crlf))),
            (From::Byte(30), Kind::Rewrite(Rewrite::Split(2))),
        ];
        assert_eq!(played(&kinds)[2..8], ["da", "|", "ta", "|", ": ", "|"]);
        let kinds = [(From::Write(0), Kind::Rewrite(Rewrite::Coalesce(9))), (From::Byte(15), Kind::Break(Break::Cut))];
        assert_eq!(played(&kinds), ["retry: 5000//ev", "cut"]);
    }

    #[test]
    fn a_fault_fires_where_it_has_altered_something() {
        let faults = Faults::default();
        let fault = Fault {
            strikes: Strikes::Path("/".into()),
            times: 2,
            from: From::Write(1),
            kind: Kind::Rewrite(Rewrite::Bom),
        };
        faults.add(fault, |_| Ok(false)).expect("there is room");
        for writes in 1..=2 {
            let mut alterations = Alterations::default();
            for struck in faults.meet("/", 0, false) {
                alterations.add(struck, Written::default(), Duration::ZERO);
            }
            for _ in 0..writes {
                alterations.write(Duration::ZERO, Bytes::from_static(b"x"));
                all(&mut alterations);
            }
        }
        let report = &faults.reports()[0];
        assert_eq!((report.left, report.met, report.fired), (0, 2, 1));
    }

    #[test]
    fn a_stalled_response_goes_on_when_the_fault_is_deleted() {
        let faults = Faults::default();
        let fault = Fault {
            strikes: Strikes::Path("/".into()),
            times: 1,
            from: From::Write(0),
            kind: Kind::Break(Break::Stall),
        };
        faults.add(fault, |_| Ok(false)).expect("there is room");
        let mut alterations = Alterations::default();
        for struck in faults.meet("/", 0, false) {
            alterations.add(struck, Written::default(), Duration::ZERO);
        }
        assert_eq!(all(&mut alterations), []);
        assert!(alterations.is_stalled());
        let write = |alterations: &mut Alterations| {
            alterations.write(Duration::ZERO, Bytes::from_static(b"x"));
            all(alterations)
        };
        assert_eq!(write(&mut alterations), []);
        faults.delete(None);
        assert_eq!(write(&mut alterations), [Act::Write(Bytes::from_static(b"x"))]);
        assert!(!alterations.is_stalled());
    }

    #[test]
    fn what_is_on_its_way_meets_the_faults_that_there_were_when_it_came() {
        let faults = Faults::default();
        let add = |alterations: &mut Alterations, kind| {
            let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: From::Write(0), kind };
            faults.add(fault, |_| Ok(false)).expect("there is room");
            let struck = faults.meet("/", 0, false).pop().expect("it strikes");
            alterations.add(struck, Written::default(), Duration::ZERO);
        };
        let mut alterations = Alterations::default();
        add(&mut alterations, Kind::Rewrite(Rewrite::Split(1)));
        add(&mut alterations, Kind::Rewrite(Rewrite::LineEnds(LineEnds::Crlf)));
        alterations.write(Duration::ZERO, Bytes::from_static(b"\na\n"));
        let write = |bytes: &'static [u8]| Act::Write(Bytes::from_static(bytes));
        assert_eq!(alterations.next(), Some(write(b"\r\n")));
        faults.delete(None);
        add(&mut alterations, Kind::Break(Break::Cut));
        let rest = [Act::Flush, write(b"a"), Act::Flush, write(b"\r\n"), Act::Flush, Act::Cut];
        assert_eq!(all(&mut alterations), rest);
        assert!(!alterations.has_next());
    }

    #[test]
    fn a_write_in_millions_of_pieces_is_never_there_as_pieces() {
        let faults = Faults::default();
        let kinds = [Rewrite::Coalesce(2), Rewrite::Split(1), Rewrite::LineEnds(LineEnds::Cr)];
        let mut alterations = Alterations::default();
        for kind in kinds.map(Kind::Rewrite) {
            let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: From::Write(0), kind };
            faults.add(fault, |_| Ok(false)).expect("there is room");
        }
        for struck in faults.meet("/", 0, false) {
            alterations.add(struck, Written::default(), Duration::ZERO);
        }
        for _ in 0..2 {
            alterations.write(Duration::ZERO, Bytes::from(vec![b'x'; 100_000]));
        }
        let mut writes = 0;
        while let Some(act) = alterations.next() {
            writes += usize::from(act == Act::Write(Bytes::from_static(b"x")));
            assert!(alterations.queues.iter().map(Queue::len).sum::<usize>() <= 2);
        }
        assert_eq!(writes, 200_000);
    }
}
