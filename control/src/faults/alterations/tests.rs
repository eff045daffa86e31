//! What faults make of the writes of a response.

use bytes::Bytes;
use onbeat_wire::How;

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
        alterations.add(struck, Tally::default(), Duration::ZERO);
    }
    for (n, event) in EVENTS.iter().enumerate() {
        let since = Duration::from_secs(n as u64);
        alterations.look(since);
        acts.extend(all(&mut alterations));
        alterations.take_in(since, Action::Write(Bytes::from_static(event.as_bytes())));
        acts.extend(all(&mut alterations));
    }
    alterations.take_in(Duration::from_secs(3), Action::End(How::Complete));
    acts.extend(all(&mut alterations));
    let shown = acts.into_iter().map(|act| match act {
        Action::Write(bytes) => String::from_utf8_lossy(&bytes).replace('\n', "/").replace('\r', "~"),
        Action::Head(_) => "head".into(),
        Action::Flush => "|".into(),
        Action::End(How::Complete | How::Closed) => ".".into(),
        Action::End(How::Cut) => "cut".into(),
        Action::End(How::Reset) => "reset".into(),
    });
    // Nothing is played after the end of a response.
    let mut over = false;
    shown.take_while(|act| !std::mem::replace(&mut over, matches!(act.as_str(), "." | "cut" | "reset"))).collect()
}

/// What is on its way.
fn all(alterations: &mut Alterations) -> Vec<Action> {
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
    let coalesced = played(&[(From::Write(0), Kind::Rewrite(Rewrite::Coalesce(2)))]);
    assert_eq!(coalesced, ["retry: 5000//event: a/", third, end]);
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
    // What is kept back comes before a cut, and is lost by a reset.
    let kept =
        |how| played(&[(From::Ms(2000), Kind::Break(how)), (From::Write(0), Kind::Rewrite(Rewrite::Coalesce(9)))]);
    assert_eq!(kept(Break::Cut), ["retry: 5000//event: a/", "cut"]);
    assert_eq!(kept(Break::Reset), ["reset"]);
}

/// Faults that one response has met, and the alterations that they make of it from then on.
fn met(faults: &Faults, kinds: &[(From, Kind)], written: Tally, since: Duration) -> (Alterations, Vec<Action>) {
    for (from, kind) in kinds {
        let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: *from, kind: kind.clone() };
        faults.add(fault, |_| Ok(false)).expect("there is room");
    }
    let (mut alterations, mut acts) = (Alterations::default(), Vec::new());
    for struck in faults.meet("/", 0, false) {
        alterations.add(struck, written, since);
        acts.extend(all(&mut alterations));
    }
    (alterations, acts)
}

#[test]
fn a_fault_fires_once_for_a_response_however_much_it_alters() {
    let faults = Faults::default();
    let (mut alterations, _) =
        met(&faults, &[(From::Write(0), Kind::Rewrite(Rewrite::Split(1)))], Tally::default(), Duration::ZERO);
    for _ in 0..3 {
        alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"xyz")));
        assert_eq!(all(&mut alterations).len(), 6);
    }
    assert_eq!(faults.reports()[0].fired, 1);
}

#[test]
fn a_fault_that_comes_late_counts_what_was_written_before() {
    let written = Tally { writes: 3, bytes: 30 };
    for (from, acts) in [
        (From::Write(3), &[Action::End(How::Cut)][..]),
        (From::Write(4), &[]),
        (From::Byte(30), &[Action::End(How::Cut)]),
        (From::Byte(31), &[]),
        (From::Ms(2000), &[Action::End(How::Cut)]),
        (From::Ms(2001), &[]),
    ] {
        let kinds = [(from, Kind::Break(Break::Cut))];
        let (_, at_once) = met(&Faults::default(), &kinds, written, Duration::from_secs(2));
        assert_eq!(at_once, acts, "{from:?}");
    }
}

#[test]
fn the_next_instant_is_the_first_that_is_left() {
    let faults = Faults::default();
    let kinds = [(From::Ms(3000), Kind::Break(Break::Cut)), (From::Ms(1000), Kind::Break(Break::Stall))];
    let (mut alterations, _) = met(&faults, &kinds, Tally::default(), Duration::ZERO);
    let next = |alterations: &Alterations, after| alterations.deadline(after).map(|deadline| deadline.as_millis());
    assert_eq!(next(&alterations, Duration::ZERO), Some(1000));
    alterations.look(Duration::from_millis(1000));
    assert_eq!(all(&mut alterations), []);
    assert_eq!(next(&alterations, Duration::from_millis(1000)), Some(3000));
    alterations.look(Duration::from_millis(2999));
    assert_eq!(all(&mut alterations), []);
    faults.delete(Some(1));
    assert_eq!(next(&alterations, Duration::from_millis(2999)), None);
    alterations.look(Duration::from_millis(3000));
    assert_eq!(all(&mut alterations), []);
}

#[test]
fn what_a_fault_has_kept_back_is_written_as_soon_as_the_fault_is_deleted() {
    let faults = Faults::default();
    let kinds = [(From::Write(0), Kind::Rewrite(Rewrite::Coalesce(9)))];
    let (mut alterations, _) = met(&faults, &kinds, Tally::default(), Duration::ZERO);
    alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"x")));
    assert_eq!(all(&mut alterations), []);
    faults.delete(None);
    alterations.look(Duration::ZERO);
    assert_eq!(all(&mut alterations), [Action::Write(Bytes::from_static(b"x"))]);
    alterations.look(Duration::ZERO);
    assert_eq!(all(&mut alterations), []);
}

#[test]
fn a_fault_fires_where_it_has_altered_something() {
    let faults = Faults::default();
    let fault =
        Fault { strikes: Strikes::Path("/".into()), times: 2, from: From::Write(1), kind: Kind::Rewrite(Rewrite::Bom) };
    faults.add(fault, |_| Ok(false)).expect("there is room");
    for writes in 1..=2 {
        let mut alterations = Alterations::default();
        for struck in faults.meet("/", 0, false) {
            alterations.add(struck, Tally::default(), Duration::ZERO);
        }
        for _ in 0..writes {
            alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"x")));
            all(&mut alterations);
        }
    }
    let report = &faults.reports()[0];
    assert_eq!((report.left, report.met, report.fired), (0, 2, 1));
}

#[test]
fn a_stalled_response_goes_on_when_the_fault_is_deleted() {
    let faults = Faults::default();
    let fault =
        Fault { strikes: Strikes::Path("/".into()), times: 1, from: From::Write(0), kind: Kind::Break(Break::Stall) };
    faults.add(fault, |_| Ok(false)).expect("there is room");
    let mut alterations = Alterations::default();
    for struck in faults.meet("/", 0, false) {
        alterations.add(struck, Tally::default(), Duration::ZERO);
    }
    assert_eq!(all(&mut alterations), []);
    assert!(alterations.is_stalled());
    let write = |alterations: &mut Alterations| {
        alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"x")));
        all(alterations)
    };
    assert_eq!(write(&mut alterations), []);
    faults.delete(None);
    assert_eq!(write(&mut alterations), [Action::Write(Bytes::from_static(b"x"))]);
    assert!(!alterations.is_stalled());
}

#[test]
fn what_is_on_its_way_meets_the_faults_that_there_were_when_it_came() {
    let faults = Faults::default();
    let add = |alterations: &mut Alterations, kind| {
        let fault = Fault { strikes: Strikes::Path("/".into()), times: 1, from: From::Write(0), kind };
        faults.add(fault, |_| Ok(false)).expect("there is room");
        let struck = faults.meet("/", 0, false).pop().expect("it strikes");
        alterations.add(struck, Tally::default(), Duration::ZERO);
    };
    let mut alterations = Alterations::default();
    add(&mut alterations, Kind::Rewrite(Rewrite::Split(1)));
    add(&mut alterations, Kind::Rewrite(Rewrite::LineEnds(LineEnds::Crlf)));
    alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"\na\n")));
    let write = |bytes: &'static [u8]| Action::Write(Bytes::from_static(bytes));
    assert_eq!(alterations.next(), Some(write(b"\r\n")));
    faults.delete(None);
    add(&mut alterations, Kind::Break(Break::Cut));
    let rest = [Action::Flush, write(b"a"), Action::Flush, write(b"\r\n"), Action::Flush, Action::End(How::Cut)];
    assert_eq!(all(&mut alterations), rest);
    assert_eq!(alterations.next(), None);
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
        alterations.add(struck, Tally::default(), Duration::ZERO);
    }
    for _ in 0..2 {
        alterations.take_in(Duration::ZERO, Action::Write(Bytes::from(vec![b'x'; 100_000])));
    }
    let mut writes = 0;
    while let Some(act) = alterations.next() {
        writes += usize::from(act == Action::Write(Bytes::from_static(b"x")));
        assert!(alterations.queues.iter().map(Queue::len).sum::<usize>() <= 2);
    }
    assert_eq!(writes, 200_000);
}
