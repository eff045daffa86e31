//! The judge, and made-up accounts of what an innocent server does on clocks and machines of every kind.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::{Event, Head, How, Instant, What};

use super::noise::Noise;
use super::seen::{Seen, judge};
use super::tag::Tag;
use crate::account::{Account, Note};
use crate::fixtures::golden::Golden;
use crate::judge::observation::Dispatched;
use crate::judge::pace::Pace;
use crate::judge::scene::{Kind, Line, Scene};
use crate::judge::stalls::Stalls;

/// What each client of a scene sees of a conforming server, if all lines, also those beyond a cut, come at `when`.
fn accounts(scene: &Scene, when: impl Fn(&Line) -> Instant) -> Vec<(String, Account)> {
    let note = |line: &Line| match &line.kind {
        Kind::Request { text } => Some(Note::Sent(text.clone().into_bytes())),
        Kind::Head { status, headers } => {
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            Some(Note::Saw(What::Head(Head { minor_version: 1, status: *status, headers })))
        }
        Kind::Write { text } => Some(write(text)),
        Kind::End { how } => Some(Note::Saw(What::End(*how))),
        Kind::Event { .. } | Kind::Leave { .. } | Kind::Dropped => None,
    };
    let leaves = |line: &Line| matches!(line.kind, Kind::End { how: How::Closed });
    let of_client = |name: &str| {
        let mut lines: Vec<&Line> = scene.lines.iter().chain(&scene.rest).map(|(_, line)| line).collect();
        lines.retain(|line| line.client == name);
        // Who leaves at the cut may have seen what came after it.
        lines.sort_by_key(|line| (!scene.rest.is_empty() && leaves(line), line.at_ms));
        Account { notes: lines.into_iter().filter_map(|line| Some((when(line), note(line)?))).collect() }
    };
    scene.clients().into_iter().map(|name| (name.to_owned(), of_client(name))).collect()
}

fn write(text: &str) -> Note {
    Note::Saw(What::Write(Bytes::copy_from_slice(text.as_bytes())))
}

fn seen(accounts: Vec<(String, Account)>) -> Seen {
    Seen { accounts, tag: Tag::default(), noise: Noise::None, others: Some(0), dispatched: None }
}

/// At 100 times the contract's speed, which leaves little time for anything.
fn pace() -> Pace {
    Pace::real(std::num::NonZeroU32::new(100).expect("not zero"), Duration::from_millis(250))
}

fn at(line: &Line) -> Instant {
    Instant::EPOCH + pace().takes(line.at_ms)
}

fn failing(scene: &Scene, seen: &Seen, stalls: &Stalls) -> Vec<String> {
    judge(&Golden::read().cases, scene, seen, &pace(), stalls).failing()
}

fn stream(name: &str) -> Scene {
    let wanted = |scene: &Scene| scene.path.ends_with(&format!("/{name}.jsonl"));
    let golden = Golden::read();
    golden.streams.into_iter().chain(golden.scenes).find(wanted).expect("a fixture")
}

#[test]
fn what_comes_after_a_cut_is_neither_missing_nor_one_too_many() {
    for name in ["sse", "sse-data", "dynamic-counter", "stream-json"] {
        let scene = stream(name).until(9_500);
        let events = scene.lines.iter().chain(&scene.rest).filter_map(|(_, line)| match &line.kind {
            Kind::Event { r#type, data, last_event_id } => {
                let (event_type, data, last_event_id) = (r#type.clone(), data.clone(), last_event_id.clone());
                Some(Event { event_type, data, last_event_id })
            }
            _ => None,
        });
        let events: Vec<Event> = events.collect();
        let all = accounts(&scene, at);
        let writes = |account: &Account| {
            account.notes.iter().filter(|(_, note)| matches!(note, Note::Saw(What::Write(_)))).count()
        };
        let beyond = scene.rest.iter().filter(|(_, line)| matches!(line.kind, Kind::Write { .. })).count();
        for missing in 0..=beyond {
            let mut accounts = all.clone();
            let last = writes(&accounts[0].1) - missing;
            let mut count = 0;
            accounts[0].1.notes.retain(|(_, note)| {
                count += usize::from(matches!(note, Note::Saw(What::Write(_))));
                !matches!(note, Note::Saw(What::Write(_))) || count <= last
            });
            let mut seen = seen(accounts);
            seen.dispatched.insert(Dispatched::default()).events.clone_from(&events);
            assert_eq!(failing(&scene, &seen, &Stalls::default()), [] as [&str; 0], "{name} without {missing}");
        }
    }
}

#[test]
fn what_comes_too_often_before_a_cut_is_one_too_many() {
    let scene = stream("dynamic-counter").until(9_500);
    let mut accounts = accounts(&scene, at);
    let again = accounts[0].1.notes[3].clone();
    accounts[0].1.notes.insert(4, again);
    assert!(failing(&scene, &seen(accounts), &Stalls::default()).contains(&"dynamic-counter.count".into()));
}

/// A scene whose first client sees a heartbeat as its note `number`, so long after its request.
fn with_heartbeat(scene: &Scene, number: usize, after_ms: u64) -> Seen {
    let mut accounts = accounts(scene, |line| at(line) + Duration::from_millis(400));
    let sent = accounts[0].1.notes[0].0;
    let heartbeat = (sent + Duration::from_millis(after_ms), write("heartbeat:\n\n"));
    accounts[0].1.notes.insert(number, heartbeat);
    seen(accounts)
}

#[test]
fn a_heartbeat_that_falls_due_in_a_scene_is_no_mistake_wherever_it_comes() {
    let scene = stream("join-and-leave");
    // At 100 times the speed one is due after 300 ms.
    for number in 3..15 {
        assert_eq!(
            failing(&scene, &with_heartbeat(&scene, number, 310), &Stalls::default()),
            [] as [&str; 0],
            "{number}"
        );
    }
    assert!(!failing(&scene, &with_heartbeat(&scene, 5, 200), &Stalls::default()).is_empty());
}

#[test]
fn a_heartbeat_may_come_on_the_other_side_of_an_event() {
    let scene = stream("both-heartbeats");
    let mut accounts = accounts(&scene, at);
    let notes = &mut accounts[0].1.notes;
    let heartbeat = notes.iter().position(|(_, note)| *note == write("heartbeat:\n\n")).expect("one");
    let heartbeat = notes.remove(heartbeat);
    notes.insert(notes.len() - 1, heartbeat);
    assert_eq!(failing(&scene, &seen(accounts), &Stalls::default()), [] as [&str; 0]);
}

/// A stream of which everything after the request comes together, so late.
fn late(scene: &Scene, by: Duration) -> Seen {
    let arrival = |line: &Line| match line.kind {
        Kind::Request { .. } => at(line),
        _ => at(line).max(Instant::EPOCH + by),
    };
    seen(accounts(scene, arrival))
}

#[test]
fn what_comes_late_was_in_time_if_the_machine_was_held_up() {
    let by = Duration::from_secs(1);
    for name in ["stream-text", "sse-data", "dynamic-counter", "stream-json"] {
        let scene = stream(name);
        let mut stalls = Stalls::default();
        assert!(!failing(&scene, &late(&scene, by), &stalls).is_empty(), "{name}");
        stalls.stalled(Instant::EPOCH, Instant::EPOCH + by);
        assert_eq!(failing(&scene, &late(&scene, by), &stalls), [] as [&str; 0], "{name}");
    }
}
