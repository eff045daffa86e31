//! The judge, and made-up logs of what an innocent server does on clocks and machines of every kind.

use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::recording::{Dispatch, End, Fact, RawRequest, ResponseHead, Write};
use onbeat_wire::{Event, Head, How, Instant, What};

use super::noise::Noise;
use super::seen::{Seen, judge};
use super::tag::Tag;
use crate::fixtures::golden::Golden;
use crate::judge::observation::Dispatched;
use crate::judge::pace::Pace;
use crate::judge::scene::{Line, Scene};
use crate::judge::stalls::Stalls;
use crate::player::{Action, ClientLog, LogEntry};

/// What each client of a scene sees of a conforming server, if all lines, also those beyond a cut, come at `when`.
fn logs(scene: &Scene, when: impl Fn(&Line) -> Instant) -> Vec<(String, ClientLog)> {
    let entry = |line: &Line| match &line.fact {
        Fact::RawRequest(RawRequest { text }) => Some(LogEntry::Did(Action::request(text.clone()))),
        Fact::Head(ResponseHead { status, headers }) => {
            let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            Some(LogEntry::Saw(What::Head(Head { minor_version: 1, status: *status, headers })))
        }
        Fact::Write(Write { bytes }) => Some(LogEntry::Saw(What::Write(bytes.clone()))),
        Fact::End(End { how }) => Some(LogEntry::Saw(What::End(*how))),
        _ => None,
    };
    let leaves = |line: &Line| matches!(line.fact, Fact::End(End { how: How::Closed }));
    let of_client = |name: &str| {
        let mut lines: Vec<&Line> = scene.lines.iter().chain(&scene.rest).map(|(_, line)| line).collect();
        lines.retain(|line| line.notes.client == name);
        // Who leaves at the cut may have seen what came after it.
        lines.sort_by_key(|line| (!scene.rest.is_empty() && leaves(line), line.t_ms));
        ClientLog { entries: lines.into_iter().filter_map(|line| Some((when(line), entry(line)?))).collect() }
    };
    scene.clients().into_iter().map(|name| (name.to_owned(), of_client(name))).collect()
}

fn write(text: &str) -> LogEntry {
    LogEntry::Saw(What::Write(Bytes::copy_from_slice(text.as_bytes())))
}

fn seen(logs: Vec<(String, ClientLog)>) -> Seen {
    Seen { logs, tag: Tag::default(), noise: Noise::None, others: Some(0), dispatched: None }
}

/// At 100 times the contract's speed, which leaves little time for anything.
fn pace() -> Pace {
    Pace::real(std::num::NonZeroU32::new(100).expect("not zero"), Duration::from_millis(250))
}

fn at(line: &Line) -> Instant {
    Instant::EPOCH + pace().takes(line.t_ms)
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
        let events = scene.lines.iter().chain(&scene.rest).filter_map(|(_, line)| match &line.fact {
            Fact::Event(Dispatch { r#type, data, last_event_id }) => {
                let (event_type, data, last_event_id) = (r#type.clone(), data.clone(), last_event_id.clone());
                Some(Event { event_type, data, last_event_id })
            }
            _ => None,
        });
        let events: Vec<Event> = events.collect();
        let all = logs(&scene, at);
        let writes = |log: &ClientLog| {
            log.entries.iter().filter(|(_, entry)| matches!(entry, LogEntry::Saw(What::Write(_)))).count()
        };
        let beyond = scene.rest.iter().filter(|(_, line)| matches!(line.fact, Fact::Write(_))).count();
        for missing in 0..=beyond {
            let mut logs = all.clone();
            let last = writes(&logs[0].1) - missing;
            let mut count = 0;
            logs[0].1.entries.retain(|(_, entry)| {
                count += usize::from(matches!(entry, LogEntry::Saw(What::Write(_))));
                !matches!(entry, LogEntry::Saw(What::Write(_))) || count <= last
            });
            let mut seen = seen(logs);
            seen.dispatched.insert(Dispatched::default()).events.clone_from(&events);
            assert_eq!(failing(&scene, &seen, &Stalls::default()), [] as [&str; 0], "{name} without {missing}");
        }
    }
}

#[test]
fn what_comes_too_often_before_a_cut_is_one_too_many() {
    let scene = stream("dynamic-counter").until(9_500);
    let mut logs = logs(&scene, at);
    let again = logs[0].1.entries[3].clone();
    logs[0].1.entries.insert(4, again);
    assert!(failing(&scene, &seen(logs), &Stalls::default()).contains(&"dynamic-counter.count".into()));
}

/// A scene whose first client sees a heartbeat as its entry `number`, so long after its request.
fn with_heartbeat(scene: &Scene, number: usize, after_ms: u64) -> Seen {
    let mut logs = logs(scene, |line| at(line) + Duration::from_millis(400));
    let sent = logs[0].1.entries[0].0;
    let heartbeat = (sent + Duration::from_millis(after_ms), write("heartbeat:\n\n"));
    logs[0].1.entries.insert(number, heartbeat);
    seen(logs)
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
    let mut logs = logs(&scene, at);
    let entries = &mut logs[0].1.entries;
    let heartbeat = entries.iter().position(|(_, entry)| *entry == write("heartbeat:\n\n")).expect("one");
    let heartbeat = entries.remove(heartbeat);
    entries.insert(entries.len() - 1, heartbeat);
    assert_eq!(failing(&scene, &seen(logs), &Stalls::default()), [] as [&str; 0]);
}

/// A stream of which everything after the request comes together, so late.
fn late(scene: &Scene, by: Duration) -> Seen {
    let arrival = |line: &Line| match line.fact {
        Fact::RawRequest(_) => at(line),
        _ => at(line).max(Instant::EPOCH + by),
    };
    seen(logs(scene, arrival))
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
