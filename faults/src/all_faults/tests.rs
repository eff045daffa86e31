//! Writes of a response, altered by faults.

use bytes::Bytes;
use onbeat_wire::How;

use super::super::{
    Batch, EventId, Fault, Faults, Kind, LineEndChange, LineEnds, Pieces, Place, ReconnectionTime, Target,
};
use super::*;

const EVENTS: [&str; 3] = ["retry: 5000\n\n", "event: a\n", "data: 1\n\n"];

/// Returns three writes, a second apart, and the end, all altered by the faults: `|` is a flush, `.` the end.
fn played(kinds: &[(Place, Kind)]) -> Vec<String> {
    let faults = Faults::default();
    for (from, kind) in kinds {
        let fault = Fault { target: Target::Path("/".into()), times: 1, from: *from, kind: kind.clone() };
        faults.add(fault, |_| Ok(false)).expect("there is room");
    }
    let mut alterations = Alterations::default();
    let mut acts = Vec::new();
    for applied in faults.meet("/", 0, false) {
        alterations.add(applied, Tally::default(), Duration::ZERO);
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
        Action::Subscribe(_) => "subscribe".into(),
        Action::Heartbeats(_) => "heartbeats".into(),
        Action::Flush => "|".into(),
        Action::End(How::Complete | How::Closed) => ".".into(),
        Action::End(How::Cut) => "cut".into(),
        Action::End(How::Reset) => "reset".into(),
    });
    // Stops behind the end, as the driver does.
    let mut over = false;
    shown.take_while(|act| !std::mem::replace(&mut over, matches!(act.as_str(), "." | "cut" | "reset"))).collect()
}

/// Returns the actions on their way.
fn all(alterations: &mut Alterations) -> Vec<Action> {
    std::iter::from_fn(|| alterations.next_action()).collect()
}

#[test]
fn without_faults_nothing_is_altered() {
    assert_eq!(played(&[]), ["retry: 5000//", "event: a/", "data: 1//", "."]);
}

#[test]
fn a_response_is_broken_off_after_writes_within_one_or_at_an_instant() {
    let first = "retry: 5000//";
    for (from, expected) in [
        (Place::Write(0), &["cut"][..]),
        (Place::Write(1), &[first, "cut"]),
        (Place::Write(2), &[first, "event: a/", "cut"]),
        (Place::Write(4), &[first, "event: a/", "data: 1//", "."]),
        (Place::Byte(0), &["cut"]),
        (Place::Byte(5), &["retry", "cut"]),
        (Place::Byte(13), &[first, "cut"]),
        (Place::Byte(16), &[first, "eve", "cut"]),
        (Place::Byte(999), &[first, "event: a/", "data: 1//", "."]),
        (Place::Ms(0), &["cut"]),
        (Place::Ms(1), &[first, "cut"]),
        (Place::Ms(1000), &[first, "cut"]),
        (Place::Ms(1001), &[first, "event: a/", "cut"]),
    ] {
        assert_eq!(played(&[(from, Kind::Cut)]), expected, "{from:?}");
    }
    assert_eq!(played(&[(Place::Write(1), Kind::Reset)]), [first, "reset"]);
    assert_eq!(played(&[(Place::Write(1), Kind::End)]), [first, "."]);
    assert_eq!(played(&[(Place::Byte(5), Kind::Stall)]), ["retry"]);
}

#[test]
fn writes_are_altered_from_where_the_fault_begins() {
    let (first, second, third, end) = ("retry: 5000//", "event: a/", "data: 1//", ".");
    let from = Place::Write(1);
    for (kind, expected) in [
        (Kind::Split(Pieces { bytes: 5 }), &[first, "event", "|", ": a/", "|", "data:", "|", " 1//", "|", end][..]),
        (Kind::Coalesce(Batch { writes: 2 }), &[first, "event: a/data: 1//", end]),
        (Kind::Coalesce(Batch { writes: 3 }), &[first, "event: a/data: 1//", end]),
        (Kind::Duplicate, &[first, second, second, third, end]),
        (Kind::InvalidUtf8, &[first, "event: a\u{fffd}/", third, end]),
        (Kind::Bom, &[first, "\u{feff}event: a/", third, end]),
        (Kind::LineEnds(LineEndChange { ends: LineEnds::Cr }), &[first, "event: a~", "data: 1~~", end]),
        (Kind::LineEnds(LineEndChange { ends: LineEnds::Crlf }), &[first, "event: a~/", "data: 1~/~/", end]),
        (Kind::Retry(ReconnectionTime { retry_ms: 7 }), &[first, "retry: 7/event: a/", third, end]),
        (Kind::Id(EventId { event_id: "七".into() }), &[first, "id: 七/event: a/", third, end]),
    ] {
        assert_eq!(played(&[(from, kind.clone())]), expected, "{kind:?}");
    }
    let coalesced = played(&[(Place::Write(0), Kind::Coalesce(Batch { writes: 2 }))]);
    assert_eq!(coalesced, ["retry: 5000//event: a/", third, end]);
    assert_eq!(played(&[(Place::Write(0), Kind::Retry(ReconnectionTime { retry_ms: 7 }))])[0], "retry: 7//");
    assert_eq!(played(&[(Place::Byte(13), Kind::Bom)])[1], "\u{feff}event: a/");
    assert_eq!(played(&[(Place::Byte(12), Kind::Bom)])[0], "\u{feff}retry: 5000//");
    assert_eq!(played(&[(Place::Ms(1500), Kind::Bom)])[2], "\u{feff}data: 1//");
}

#[test]
fn faults_of_several_kinds_are_applied_in_their_order() {
    let kinds = [
        (Place::Write(2), Kind::LineEnds(LineEndChange { ends: LineEnds::Crlf })),
        (Place::Byte(30), Kind::Split(Pieces { bytes: 2 })),
    ];
    assert_eq!(played(&kinds)[2..8], ["da", "|", "ta", "|", ": ", "|"]);
    let kinds = [(Place::Write(0), Kind::Coalesce(Batch { writes: 9 })), (Place::Byte(15), Kind::Cut)];
    assert_eq!(played(&kinds), ["retry: 5000//ev", "cut"]);
    // Expects writes kept back to come before a cut, and to be lost by a reset.
    let kept = |kind| played(&[(Place::Ms(2000), kind), (Place::Write(0), Kind::Coalesce(Batch { writes: 9 }))]);
    assert_eq!(kept(Kind::Cut), ["retry: 5000//event: a/", "cut"]);
    assert_eq!(kept(Kind::Reset), ["reset"]);
}

/// Returns the alterations by these faults, which a response meets after so many writes, and the first actions.
fn met(faults: &Faults, kinds: &[(Place, Kind)], written: Tally, since: Duration) -> (Alterations, Vec<Action>) {
    for (from, kind) in kinds {
        let fault = Fault { target: Target::Path("/".into()), times: 1, from: *from, kind: kind.clone() };
        faults.add(fault, |_| Ok(false)).expect("there is room");
    }
    let (mut alterations, mut acts) = (Alterations::default(), Vec::new());
    for applied in faults.meet("/", 0, false) {
        alterations.add(applied, written, since);
        acts.extend(all(&mut alterations));
    }
    (alterations, acts)
}

#[test]
fn a_fault_fires_once_for_a_response_however_much_it_alters() {
    let faults = Faults::default();
    let (mut alterations, _) =
        met(&faults, &[(Place::Write(0), Kind::Split(Pieces { bytes: 1 }))], Tally::default(), Duration::ZERO);
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
        (Place::Write(3), &[Action::End(How::Cut)][..]),
        (Place::Write(4), &[]),
        (Place::Byte(30), &[Action::End(How::Cut)]),
        (Place::Byte(31), &[]),
        (Place::Ms(2000), &[Action::End(How::Cut)]),
        (Place::Ms(2001), &[]),
    ] {
        let kinds = [(from, Kind::Cut)];
        let (_, at_once) = met(&Faults::default(), &kinds, written, Duration::from_secs(2));
        assert_eq!(at_once, acts, "{from:?}");
    }
}

#[test]
fn the_next_instant_is_the_first_that_is_left() {
    let faults = Faults::default();
    let kinds = [(Place::Ms(3000), Kind::Cut), (Place::Ms(1000), Kind::Stall)];
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
fn no_more_than_so_many_bytes_are_kept_back() {
    let kinds = [(Place::Write(0), Kind::Coalesce(Batch { writes: 9 }))];
    let (mut alterations, _) = met(&Faults::default(), &kinds, Tally::default(), Duration::ZERO);
    let write = Bytes::from(vec![b'x'; 1024 * 1024]);
    alterations.take_in(Duration::ZERO, Action::Write(write.clone()));
    assert_eq!(all(&mut alterations), []);
    alterations.take_in(Duration::ZERO, Action::Write(write.clone()));
    assert_eq!(all(&mut alterations), [Action::Write([&write[..], &write].concat().into())]);
}

#[test]
fn what_a_fault_has_kept_back_is_written_as_soon_as_the_fault_is_deleted() {
    let faults = Faults::default();
    let kinds = [(Place::Write(0), Kind::Coalesce(Batch { writes: 9 }))];
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
    let fault = Fault { target: Target::Path("/".into()), times: 2, from: Place::Write(1), kind: Kind::Bom };
    faults.add(fault, |_| Ok(false)).expect("there is room");
    for writes in 1..=2 {
        let mut alterations = Alterations::default();
        for applied in faults.meet("/", 0, false) {
            alterations.add(applied, Tally::default(), Duration::ZERO);
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
fn a_fault_that_leaves_each_write_as_it_was_does_not_fire() {
    // The writes of two bytes each, and whether the fault alters any of them.
    for (kind, writes, fires) in [
        (Kind::Split(Pieces { bytes: 2 }), 3, 0),
        (Kind::Split(Pieces { bytes: 1 }), 1, 1),
        (Kind::Coalesce(Batch { writes: 2 }), 1, 0),
        (Kind::Coalesce(Batch { writes: 2 }), 2, 1),
        (Kind::LineEnds(LineEndChange { ends: LineEnds::Cr }), 2, 0),
    ] {
        let (faults, mut alterations) = (Faults::default(), Alterations::default());
        add_late(&faults, &mut alterations, kind.clone());
        for _ in 0..writes {
            alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"xx")));
        }
        alterations.take_in(Duration::ZERO, Action::End(How::Complete));
        all(&mut alterations);
        assert_eq!(faults.reports()[0].fired, fires, "{kind:?}, {writes} writes");
    }
}

/// Returns the alterations of a response that is stalled from the beginning, and the faults of the world.
fn stalled() -> (Faults, Alterations) {
    let faults = Faults::default();
    let fault = Fault { target: Target::Path("/".into()), times: 1, from: Place::Write(0), kind: Kind::Stall };
    faults.add(fault, |_| Ok(false)).expect("there is room");
    let mut alterations = Alterations::default();
    for applied in faults.meet("/", 0, false) {
        alterations.add(applied, Tally::default(), Duration::ZERO);
    }
    (faults, alterations)
}

#[test]
fn a_stalled_response_goes_on_when_the_fault_is_deleted() {
    let (faults, mut alterations) = stalled();
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
fn a_response_with_several_faults_is_stalled_if_one_of_them_stalls() {
    let (faults, mut alterations) = stalled();
    add_late(&faults, &mut alterations, Kind::Bom);
    assert_eq!(all(&mut alterations), []);
    assert!(alterations.is_stalled());
}

#[test]
fn a_stalled_response_ends_only_where_the_endpoint_breaks_it_off() {
    for how in [How::Complete, How::Cut, How::Reset] {
        let (_faults, mut alterations) = stalled();
        alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"x")));
        alterations.take_in(Duration::ZERO, Action::End(how));
        let expected = if how == How::Complete { vec![] } else { vec![Action::End(how)] };
        assert_eq!(all(&mut alterations), expected);
    }
}

/// Adds a fault to a response under way.
fn add_late(faults: &Faults, alterations: &mut Alterations, kind: Kind) {
    let fault = Fault { target: Target::Path("/".into()), times: 1, from: Place::Write(0), kind };
    faults.add(fault, |_| Ok(false)).expect("there is room");
    let applied = faults.meet("/", 0, false).pop().expect("it strikes");
    alterations.add(applied, Tally::default(), Duration::ZERO);
}

#[test]
fn a_fault_that_ends_a_response_is_held_up_by_no_fault_before() {
    for kind in [Kind::Stall, Kind::Coalesce(Batch { writes: 2 })] {
        for (ends, how) in [(Kind::End, How::Complete), (Kind::Cut, How::Cut), (Kind::Reset, How::Reset)] {
            let (faults, mut alterations) = (Faults::default(), Alterations::default());
            add_late(&faults, &mut alterations, kind.clone());
            alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"x")));
            assert_eq!(all(&mut alterations), []);
            add_late(&faults, &mut alterations, ends);
            assert_eq!(all(&mut alterations), [Action::End(how)], "{kind:?}");
        }
    }
}

#[test]
fn what_is_on_its_way_meets_the_faults_that_there_were_when_it_came() {
    let faults = Faults::default();
    let add = |alterations: &mut Alterations, kind| add_late(&faults, alterations, kind);
    let mut alterations = Alterations::default();
    add(&mut alterations, Kind::Split(Pieces { bytes: 1 }));
    add(&mut alterations, Kind::LineEnds(LineEndChange { ends: LineEnds::Crlf }));
    alterations.take_in(Duration::ZERO, Action::Write(Bytes::from_static(b"\na\n")));
    let write = |bytes: &'static [u8]| Action::Write(Bytes::from_static(bytes));
    assert_eq!(alterations.next_action(), Some(write(b"\r\n")));
    faults.delete(None);
    add(&mut alterations, Kind::Cut);
    let rest = [Action::Flush, write(b"a"), Action::Flush, write(b"\r\n"), Action::Flush, Action::End(How::Cut)];
    assert_eq!(all(&mut alterations), rest);
    assert_eq!(alterations.next_action(), None);
}

#[test]
fn a_write_in_millions_of_pieces_is_never_there_as_pieces() {
    let faults = Faults::default();
    let kinds = [
        Kind::Coalesce(Batch { writes: 2 }),
        Kind::Split(Pieces { bytes: 1 }),
        Kind::LineEnds(LineEndChange { ends: LineEnds::Cr }),
    ];
    let mut alterations = Alterations::default();
    for kind in kinds {
        let fault = Fault { target: Target::Path("/".into()), times: 1, from: Place::Write(0), kind };
        faults.add(fault, |_| Ok(false)).expect("there is room");
    }
    for applied in faults.meet("/", 0, false) {
        alterations.add(applied, Tally::default(), Duration::ZERO);
    }
    for _ in 0..2 {
        alterations.take_in(Duration::ZERO, Action::Write(Bytes::from(vec![b'x'; 100_000])));
    }
    let mut writes = 0;
    while let Some(act) = alterations.next_action() {
        writes += usize::from(act == Action::Write(Bytes::from_static(b"x")));
        // Allows the rest of the write and a flush, but no list of pieces.
        assert!(alterations.queues.iter().map(Queue::len).sum::<usize>() <= 2);
    }
    assert_eq!(writes, 200_000);
}
