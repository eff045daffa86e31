//! The judge, and made-up logs of an innocent server on clocks and machines of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onbeat_wire::recording::{Dispatch, Fact};
use onbeat_wire::{Event, Instant, What};

use super::OtherClients;
use crate::fixtures::read_back::Golden;
use crate::judge::made_up::{logs, write};
use crate::judge::{Dispatched, Observation, Pace, Scenario, ScenarioLine, Stalls, judge};
use crate::player::{ClientLog, LogEntry};
use crate::replay::Stream;

/// At 100 times the contract's speed, which leaves little time for anything.
fn pace() -> Pace {
    Pace::real(std::num::NonZeroU32::new(100).expect("not zero"), Duration::from_millis(250))
}

fn at(line: &ScenarioLine) -> Instant {
    Instant::EPOCH + pace().takes(line.t_ms)
}

fn failing(scenario: &Scenario, seen: &Observation, stalls: &Stalls) -> Vec<String> {
    judge(&Golden::read().cases, scenario, seen, &pace(), stalls).failing()
}

fn stream(name: &str) -> Scenario {
    let wanted = |scenario: &Scenario| scenario.path.ends_with(&format!("/{name}.jsonl"));
    let golden = Golden::read();
    golden.streams.into_iter().chain(golden.scenes).find(wanted).expect("a fixture")
}

#[test]
fn what_comes_after_a_cut_is_neither_missing_nor_one_too_many() {
    for name in ["sse", "sse-data", "dynamic-counter", "stream-json"] {
        let scenario = stream(name).until(9_500);
        let events = scenario.lines.iter().chain(&scenario.rest).filter_map(|(_, line)| match &line.fact {
            Fact::Event(Dispatch { r#type, data, last_event_id }) => {
                let (event_type, data, last_event_id) = (r#type.clone(), data.clone(), last_event_id.clone());
                Some(Event { event_type, data, last_event_id })
            }
            _ => None,
        });
        let events: Vec<Event> = events.collect();
        let all = logs(&scenario, at);
        let writes = |log: &ClientLog| {
            log.entries.iter().filter(|(_, entry)| matches!(entry, LogEntry::Saw(What::Write(_)))).count()
        };
        let beyond = scenario.rest.iter().filter(|(_, line)| matches!(line.fact, Fact::Write(_))).count();
        for missing in 0..=beyond {
            let mut logs = all.clone();
            let last = writes(&logs[0].1) - missing;
            let mut count = 0;
            logs[0].1.entries.retain(|(_, entry)| {
                count += usize::from(matches!(entry, LogEntry::Saw(What::Write(_))));
                !matches!(entry, LogEntry::Saw(What::Write(_))) || count <= last
            });
            let mut seen = OtherClients::default().observation(logs);
            seen.dispatched.insert(Dispatched::default()).events.clone_from(&events);
            assert_eq!(failing(&scenario, &seen, &Stalls::default()), [] as [&str; 0], "{name} without {missing}");
        }
    }
}

#[test]
fn what_comes_too_often_before_a_cut_is_one_too_many() {
    let scenario = stream("dynamic-counter").until(9_500);
    let mut logs = logs(&scenario, at);
    let again = logs[0].1.entries[3].clone();
    logs[0].1.entries.insert(4, again);
    assert!(
        failing(&scenario, &OtherClients::default().observation(logs), &Stalls::default())
            .contains(&"dynamic-counter.count".into())
    );
}

/// A scenario whose client alice sees a heartbeat as her entry `number`, so long after her request.
fn with_heartbeat(scenario: &Scenario, number: usize, after_ms: u64) -> Observation {
    let mut logs = logs(scenario, |line| at(line) + Duration::from_millis(400));
    let (_, alice) = logs.iter_mut().find(|(name, _)| name == "alice").expect("alice joins");
    let sent = alice.entries[0].0;
    let heartbeat = (sent + Duration::from_millis(after_ms), write("heartbeat:\n\n"));
    alice.entries.insert(number, heartbeat);
    OtherClients::default().observation(logs)
}

#[test]
fn a_heartbeat_that_falls_due_in_a_scenario_is_no_mistake_wherever_it_comes() {
    let scenario = stream("join-and-leave");
    // At 100 times the speed one is due after 300 ms.
    for number in 3..15 {
        assert_eq!(
            failing(&scenario, &with_heartbeat(&scenario, number, 310), &Stalls::default()),
            [] as [&str; 0],
            "{number}"
        );
    }
    assert!(!failing(&scenario, &with_heartbeat(&scenario, 5, 200), &Stalls::default()).is_empty());
}

#[test]
fn a_heartbeat_may_come_on_the_other_side_of_an_event() {
    let scenario = stream("both-heartbeats");
    let mut logs = logs(&scenario, at);
    let entries = &mut logs[0].1.entries;
    let heartbeat = entries.iter().position(|(_, entry)| *entry == write("heartbeat:\n\n")).expect("one");
    let heartbeat = entries.remove(heartbeat);
    entries.insert(entries.len() - 1, heartbeat);
    assert_eq!(failing(&scenario, &OtherClients::default().observation(logs), &Stalls::default()), [] as [&str; 0]);
}

/// A stream of which everything after the request comes together, so late.
fn late(scenario: &Scenario, by: Duration) -> Observation {
    let arrival = |line: &ScenarioLine| match line.fact {
        Fact::RawRequest(_) => at(line),
        _ => at(line).max(Instant::EPOCH + by),
    };
    OtherClients::default().observation(logs(scenario, arrival))
}

#[test]
fn what_comes_late_was_in_time_if_the_machine_was_held_up() {
    let by = Duration::from_secs(1);
    for name in ["stream-text", "sse-data", "dynamic-counter", "stream-json"] {
        let scenario = stream(name);
        let mut stalls = Stalls::default();
        assert!(!failing(&scenario, &late(&scenario, by), &stalls).is_empty(), "{name}");
        stalls.stalled(Instant::EPOCH, Instant::EPOCH + by);
        assert_eq!(failing(&scenario, &late(&scenario, by), &stalls), [] as [&str; 0], "{name}");
    }
}

/// Returns all files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_judge_knows_neither_the_contract_nor_the_check() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<PathBuf> = files(&source.join("judge")).into_iter().chain([source.join("judge.rs")]).collect();
    assert!(files.len() > 20, "{files:?}");
    let streams = Stream::all().map(Stream::path);
    let names = Stream::all().filter(|stream| stream.ends()).map(Stream::name);
    let foreign = ["heartbeat", "broadcast", "crate::check", "golden"].into_iter().chain(streams).chain(names);
    let foreign: Vec<&str> = foreign.collect();
    for path in files {
        let text = fs::read_to_string(&path).expect("a file").to_lowercase();
        let said: Vec<&&str> = foreign.iter().filter(|word| text.contains(**word)).collect();
        assert!(said.is_empty(), "{} says {said:?}", path.display());
    }
}
