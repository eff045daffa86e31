//! Streams of several timers, which meet now and then: between the timers only the order of time holds.

use serde_json::json;

use super::{FIRST_WRITE, MadeUpResponse, Measure, cases, compare, failing, lines, rules};
use crate::against::facts::ByteTimes;
use crate::judge::Stalls;

/// Writes with their times.
type Writes = Vec<(u64, String)>;

fn every(ms: u64, count: u64, text: impl Fn(u64) -> String) -> Writes {
    (1..=count).map(|n| (n * ms, text(n))).collect()
}

/// Returns the writes of several timers by time. Of writes at the same time, the write of the earlier timer comes first.
fn merged(timers: &[&Writes]) -> MadeUpResponse {
    let mut all: Vec<&(u64, String)> = timers.iter().copied().flatten().collect();
    all.sort_by_key(|(ms, _)| *ms);
    MadeUpResponse::events(&all.into_iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>())
}

/// Returns the lines that fail.
fn wrong(recorded: &MadeUpResponse, came: &MadeUpResponse) -> Vec<usize> {
    lines(&failing(recorded, came, Measure::Chunks))
}

fn counted(ms: u64, count: u64) -> Writes {
    every(ms, count, |n| format!("data: {n}\n\n"))
}

fn heartbeats(ms: u64, count: u64) -> Writes {
    every(ms, count, |_| ": ping\n\n".to_owned())
}

fn named(name: &'static str, ms: u64, count: u64) -> Writes {
    every(ms, count, move |n| format!("event: {name}\ndata: {n}\n\n"))
}

/// Returns the writes, later by a part of their time in thousandths.
fn slower(writes: &Writes, thousandths: u64) -> Writes {
    writes.iter().map(|(ms, text)| (ms + ms * thousandths / 1000, text.clone())).collect()
}

#[test]
fn timers_that_meet_come_in_either_order() {
    for (one, other) in [
        (counted(300, 9), heartbeats(400, 6)),
        (named("price", 300, 9), named("volume", 400, 6)),
        (counted(100, 26), named("ping", 500, 5)),
        (counted(100, 26), heartbeats(500, 5)),
        (every(300, 9, |n| format!("data: {{\"n\":{n}}}\n\n")), every(400, 6, |_| "data: {\"beat\":1}\n\n".to_owned())),
    ] {
        let (first, then) = (merged(&[&one, &other]), merged(&[&other, &one]));
        assert_eq!(wrong(&first, &then), [0; 0], "{first:?}");
        assert_eq!(wrong(&then, &first), [0; 0], "{first:?}");
    }
}

#[test]
fn a_loop_that_falls_behind_a_timer_is_late_and_not_out_of_order() {
    // Records a loop of 50.4 ms beside a timer of 250 ms, and gets a loop of 51 ms.
    let tokens = |tenths: u64| {
        every(1, 60, |n| format!("data: {n}\n\n")).into_iter().map(move |(n, text)| (n * tenths / 10, text))
    };
    let (recorded, came): (Writes, Writes) = (tokens(504).collect(), tokens(510).collect());
    let pings = named("ping", 250, 12);
    let recorded = merged(&[&recorded, &pings]);
    assert_eq!(wrong(&recorded, &merged(&[&came, &pings])), [0; 0]);
    // Sends a ping before the token before the ping.
    let early =
        named("ping", 250, 12).into_iter().map(|(ms, text)| (if ms == 2250 { 2200 } else { ms }, text)).collect();
    let exact: Writes = tokens(504).collect();
    assert_eq!(wrong(&recorded, &merged(&[&exact, &early])).len(), 1);
}

#[test]
fn heartbeats_go_on_while_a_stream_pauses() {
    let (mut stream, pings) = (counted(150, 8), heartbeats(300, 12));
    stream.extend([(3000, "data: 9\n\n".to_owned()), (3200, "data: [DONE]\n\n".to_owned())]);
    let recorded = merged(&[&stream, &pings]);
    assert_eq!(wrong(&recorded, &merged(&[&pings, &stream])), [0; 0]);
    assert_eq!(wrong(&recorded, &merged(&[&stream, &slower(&pings, 30)])), [0; 0]);
    let silent: Writes = pings.iter().filter(|(ms, _)| *ms != 2100).cloned().collect();
    assert_eq!(wrong(&recorded, &merged(&[&stream, &silent])).len(), 1);
}

#[test]
fn a_slow_stream_has_its_heartbeats_elsewhere_and_more_of_them() {
    let (tokens, pings) = (counted(50, 60), heartbeats(300, 9));
    let recorded = merged(&[&tokens, &pings]);
    let slow = slower(&tokens, 120);
    assert_eq!(wrong(&recorded, &merged(&[&slow, &pings])), [0; 0]);
    assert_eq!(wrong(&recorded, &merged(&[&slow, &heartbeats(300, 11)])), [0; 0]);
    // Takes a slow recording.
    assert_eq!(wrong(&merged(&[&slow, &heartbeats(300, 11)]), &recorded), [0; 0]);
    // Fires a timer together with the end: the heartbeat comes before the end, or not at all.
    let recorded = merged(&[&counted(300, 8), &heartbeats(400, 6)]);
    let came = merged(&[&counted(300, 8), &heartbeats(400, 5)]);
    assert_eq!((wrong(&recorded, &came), wrong(&came, &recorded)), (vec![], vec![]));
}

#[test]
fn a_series_has_its_own_pace_and_loses_and_repeats_nothing() {
    let (stream, pings) = (counted(300, 9), heartbeats(400, 6));
    let recorded = merged(&[&stream, &pings]);
    let line = |ms: u64, text: &str| {
        let at = recorded.writes.iter().position(|(at, other, _)| *at == ms && other == text);
        at.expect("a write") + FIRST_WRITE
    };
    let without = |writes: &Writes, at: usize| {
        let mut writes = writes.clone();
        writes.remove(at);
        writes
    };
    assert_eq!(wrong(&recorded, &merged(&[&stream, &heartbeats(460, 5)])), [line(400, ": ping\n\n")]);
    assert_eq!(wrong(&recorded, &merged(&[&without(&stream, 4), &pings])), [line(1500, "data: 5\n\n")]);
    assert_eq!(wrong(&recorded, &merged(&[&stream, &without(&pings, 3)])).len(), 1);
    assert_eq!(wrong(&recorded, &merged(&[&stream, &without(&pings, 5)])), [line(2400, ": ping\n\n")]);
    let twice = merged(&[&stream, &pings, &vec![(1610, ": ping\n\n".to_owned())]]);
    assert_eq!(wrong(&recorded, &twice).len(), 1);
    let between = merged(&[&stream, &pings, &vec![(1800, ": ping\n\n".to_owned())]]);
    assert_ne!(wrong(&recorded, &between), [0; 0]);
}

#[test]
fn what_may_come_is_no_part_of_a_series() {
    let (stream, pings) = (counted(300, 9), heartbeats(400, 6));
    let joined: Writes = vec![(1000, ": user joined\n\n".into())];
    let recorded = merged(&[&stream, &pings, &joined]);
    let at = recorded.writes.iter().position(|(_, text, _)| text.contains("joined")).expect("a write");
    let recorded = recorded.with(at, json!({"may": true}));
    assert_eq!(wrong(&recorded, &merged(&[&stream, &pings])), [0; 0]);
    let later: Writes = vec![(1900, joined[0].1.clone()), (1950, joined[0].1.clone())];
    assert_eq!(wrong(&recorded, &merged(&[&stream, &pings, &later])), [0; 0]);
    // Adds notes of other users, of the same kind as notes at a steady pace.
    let (notes, other) = (named("note", 400, 6), vec![(1000, "event: note\ndata: of somebody\n\n".to_owned())]);
    let recorded = merged(&[&stream, &notes, &other]);
    let at = recorded.writes.iter().position(|(_, text, _)| text.contains("somebody")).expect("a write");
    let recorded = recorded.with(at, json!({"may": true}));
    let later: Writes = vec![(1900, other[0].1.clone())];
    for came in [merged(&[&stream, &notes]), merged(&[&stream, &notes, &later])] {
        assert_eq!(wrong(&recorded, &came), [0; 0]);
    }
}

#[test]
fn comments_of_other_texts_are_other_series() {
    let (stream, pings) = (counted(300, 9), heartbeats(400, 6));
    let status = |first: u64| every(1000, 2, |n| format!(": {} users\n\n", first + n));
    let vary = |mut stream: MadeUpResponse| {
        stream.wide = json!({"vary": [{"field": "", "as": "string"}]});
        stream
    };
    let recorded = vary(merged(&[&stream, &pings, &status(1)]));
    assert_eq!(wrong(&recorded, &merged(&[&status(5), &pings, &stream])), [0; 0]);
    assert_eq!(wrong(&recorded, &merged(&[&stream, &heartbeats(460, 5), &status(1)])).len(), 1);
}

#[test]
fn heartbeats_whose_text_is_a_date_go_on_the_next_day() {
    let dated = |day: &'static str| every(400, 6, move |n| format!(": {day} 20:00:0{n}\n\n"));
    let mut recorded = merged(&[&counted(300, 9), &dated("Thu Nov 26")]);
    recorded.wide = json!({"vary": [{"field": "", "as": "string"}]});
    assert_eq!(wrong(&recorded, &merged(&[&counted(300, 9), &dated("Fri Nov 27")])), [0; 0]);
    let silent = merged(&[&counted(300, 9), &dated("Fri Nov 27")[..5].to_vec()]);
    assert_eq!(wrong(&recorded, &silent).len(), 1);
}

/// Returns events, and a comment after each silence of so many milliseconds, until the end.
fn kept_alive(events: &Writes, silence_ms: u64, end_ms: u64) -> MadeUpResponse {
    let (mut all, mut last_ms): (Writes, u64) = (Vec::new(), 0);
    let end = (end_ms, String::new());
    for (ms, text) in events.iter().chain([&end]) {
        while last_ms + silence_ms < *ms {
            last_ms += silence_ms;
            all.push((last_ms, ": keep-alive\n\n".to_owned()));
        }
        last_ms = *ms;
        all.push((*ms, text.clone()));
    }
    // Takes the end away, which has no text.
    all.pop();
    let mut response = merged(&[&all]);
    response.end = (end_ms, "closed");
    response
}

#[test]
fn heartbeats_after_silence_come_only_where_the_stream_is_silent() {
    let at = |times: &[u64]| -> Writes { times.iter().map(|ms| (*ms, format!("data: {}\n\n", ms / 500))).collect() };
    let recorded = kept_alive(&at(&[1020, 1553, 2567, 6600]), 1000, 7900);
    // Sends the first and the third event a little sooner, before the heartbeat, and the last a little later, behind it.
    let came = kept_alive(&at(&[998, 1540, 2530, 6640]), 1000, 7900);
    assert_ne!(recorded.writes.len(), came.writes.len());
    let texts = |mut came: MadeUpResponse| {
        for (write, wanted) in came.writes.iter_mut().filter(|write| write.1.starts_with("data")).zip([2, 3, 5, 13]) {
            write.1 = format!("data: {wanted}\n\n");
        }
        came
    };
    let (recorded, came) = (texts(recorded), texts(came));
    assert_eq!(wrong(&recorded, &came), [0; 0], "{came:?}");
    assert_eq!(wrong(&came, &recorded), [0; 0], "{came:?}");
    // Sends none, one too many, and a shorter silence.
    let without = |is_left_out: &dyn Fn(usize, &str) -> bool| {
        let mut came = recorded.clone();
        let mut number = 0;
        came.writes.retain(|(_, text, _)| {
            number += 1;
            !is_left_out(number - 1, text)
        });
        came
    };
    assert_ne!(wrong(&recorded, &without(&|_, text| text.starts_with(':'))), [0; 0]);
    let in_silence = recorded.writes.iter().position(|(ms, ..)| *ms == 4567).expect("a heartbeat");
    assert_ne!(wrong(&recorded, &without(&|number, _| number == in_silence)), [0; 0]);
    let mut twice = recorded.clone();
    twice.writes.insert(in_silence, recorded.writes[in_silence].clone());
    assert_ne!(wrong(&recorded, &twice), [0; 0]);
    assert_ne!(wrong(&recorded, &texts(kept_alive(&at(&[1020, 1553, 2567, 6600]), 500, 7900))), [0; 0]);
}

#[test]
fn a_late_head_is_told_once_however_many_timers_follow() {
    let recorded = merged(&[&counted(300, 9), &heartbeats(400, 6)]);
    let late = |writes: &Writes| writes.iter().map(|(ms, text)| (ms + 900, text.clone())).collect::<Writes>();
    let mut seen = merged(&[&late(&counted(300, 9)), &late(&heartbeats(400, 6))]).seen();
    seen.facts.head.as_mut().expect("a head").times = ByteTimes { first_ms: 905, last_ms: 905 };
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let rules = rules(Measure::Chunks);
    let of = (&contract, &contract.exchanges[0]);
    let evidence = compare(&cases, of, (&seen, 5000), &rules, &Stalls::default()).evidence;
    let findings = evidence.record("a.jsonl:3").findings;
    assert_eq!(findings.iter().map(|finding| finding.why.as_str()).collect::<Vec<_>>(), ["900 ms too late"]);
}

#[test]
fn what_comes_after_the_recorded_end_is_accepted_before_a_late_heartbeat_too() {
    let (ticks, beats) = (counted(500, 18), heartbeats(800, 11));
    let endless = |mut response: MadeUpResponse, end_ms: u64| {
        response.end = (end_ms, "closed");
        response
    };
    let recorded = endless(merged(&[&counted(500, 17), &beats]), 9000);
    let mut late = beats.clone();
    late[10].0 = 9020;
    assert_eq!(wrong(&recorded, &endless(merged(&[&ticks, &late]), 9400)), [0; 0]);
}

#[test]
fn an_order_that_the_stream_itself_makes_is_kept() {
    // Sends blocks of tokens, each token 50 ms behind the token before.
    let mut recorded: Writes = Vec::new();
    for (n, tokens) in [4, 2, 5, 3].into_iter().enumerate() {
        let from_ms = recorded.last().map_or(100, |(ms, _)| ms + 50);
        recorded.push((from_ms, format!("event: start\ndata: {n}\n\n")));
        recorded.extend((0..tokens).map(|k| (from_ms + 50 * k, format!("event: delta\ndata: {n}.{k}\n\n"))));
        recorded.push((from_ms + 50 * tokens, format!("event: stop\ndata: {n}\n\n")));
    }
    let answer = merged(&[&recorded]);
    let swapped = |at: usize| {
        let mut writes = recorded.clone();
        let (one, other) = (writes[at].1.clone(), writes[at + 1].1.clone());
        (writes[at].1, writes[at + 1].1) = (other, one);
        merged(&[&writes])
    };
    // Swaps two tokens; a token and the stop; a start and a token, which are sent at once.
    for at in [2, 4, 6] {
        assert_eq!(wrong(&answer, &swapped(at)).len(), 1, "{at}");
    }
    let few: Writes = vec![(10, "event: start\ndata: 1\n\n".into()), (10, "event: delta\ndata: 2\n\n".into())];
    let backwards: Writes = few.iter().rev().cloned().collect();
    assert_eq!(wrong(&merged(&[&few]), &merged(&[&backwards])).len(), 1);
}

#[test]
fn a_comment_that_changes_sides_with_an_event_under_a_rule_is_no_mistake() {
    let vary = json!({"vary": [{"pointer": "/id", "as": "uuid"}]});
    // An event each 250 ms with an id of its own, and a comment each second, now before and now behind the event.
    let stream = |is_before: [bool; 2], ids: u64| {
        let mut writes = Vec::new();
        for n in 1..=11_u64 {
            let id = format!("{:08x}-3d21-4a3c-9a53-1a1b2c3d4e5f", n * ids);
            let event = (n * 250, format!("data: {{\"id\":\"{id}\"}}\n\n"), true);
            let comment = (n * 250, ": ping\n\n".to_owned(), false);
            let second = usize::try_from(n / 4).expect("a small number");
            match n % 4 {
                0 if is_before[second - 1] => writes.extend([comment, event]),
                0 => writes.extend([event, comment]),
                _ => writes.push(event),
            }
        }
        let texts: Vec<(u64, &str)> = writes.iter().map(|(ms, text, _)| (*ms, text.as_str())).collect();
        let stream = MadeUpResponse::events(&texts);
        let events = writes.iter().enumerate().filter(|(_, write)| write.2).map(|(at, _)| at);
        let mut stream = events.fold(stream, |stream, at| stream.with(at, vary.clone()));
        stream.end = (3000, "closed");
        stream
    };
    for recorded in [[false, false], [false, true], [true, true]] {
        for came in [[false, false], [true, false], [false, true], [true, true]] {
            let found = failing(&stream(recorded, 1), &stream(came, 99), Measure::Chunks);
            assert_eq!(found, [], "{recorded:?} {came:?}");
        }
    }
}

#[test]
fn a_unit_that_is_lost_or_doubled_among_equal_ones_is_found_by_the_beat_of_its_timer() {
    let (level, count, pulse) =
        (every(250, 20, |_| "event: fuel\ndata: {\"l\":40}\n\n".to_owned()), counted(100, 50), heartbeats(1000, 5));
    let recorded = merged(&[&level, &count, &pulse]);
    let line_of = |ms: u64, text: &str| {
        let is_write = |write: &(u64, String, _)| write.0 == ms && write.1.starts_with(text);
        FIRST_WRITE + recorded.writes.iter().position(is_write).expect("a write")
    };
    for n in [0, 6, 12, 17] {
        let (mut lost, mut twice) = (level.clone(), level.clone());
        lost.remove(n);
        twice.insert(n, level[n].clone());
        let line = line_of(level[n].0, "event: fuel");
        let found = [(line, "missing".to_owned())];
        assert_eq!(failing(&recorded, &merged(&[&lost, &count, &pulse]), Measure::Chunks), found, "{n}");
        let found = [(line, "one too many: it came again".to_owned())];
        assert_eq!(failing(&recorded, &merged(&[&twice, &count, &pulse]), Measure::Chunks), found, "{n}");
    }
    let slower = every(375, 13, |_| level[0].1.clone());
    let slow_pulse = every(1500, 3, |_| pulse[0].1.clone());
    for came in [merged(&[&slower, &count, &pulse]), merged(&[&level, &count, &slow_pulse])] {
        assert!(!failing(&recorded, &came, Measure::Chunks).is_empty(), "{came:?}");
    }
    let faster = every(175, 28, |_| level[0].1.clone());
    let found = [(line_of(250, "event: fuel"), "the pace is too fast".to_owned())];
    assert_eq!(failing(&recorded, &merged(&[&faster, &count, &pulse]), Measure::Chunks), found);
}

#[test]
fn a_count_that_is_skipped_or_repeated_while_the_pace_goes_on_is_found() {
    let (level, pulse) = (named("fuel", 250, 20), heartbeats(1000, 5));
    let recorded = merged(&[&level, &pulse]);
    let counts = |count: fn(u64) -> u64| every(250, 20, move |n| format!("event: fuel\ndata: {}\n\n", count(n)));
    let skipped = counts(|n| n + u64::from(n >= 9));
    assert_eq!(failing(&recorded, &merged(&[&skipped, &pulse]), Measure::Chunks)[0].1, "missing");
    let repeated = counts(|n| n - u64::from(n >= 9));
    assert_eq!(failing(&recorded, &merged(&[&repeated, &pulse]), Measure::Chunks)[0].1, "one too many: it came again");
}

#[test]
fn a_field_with_another_name_in_each_event_of_a_timer_is_named_in_each_line() {
    let of = |name: &'static str| every(100, 9, move |n| format!("event: cpu\ndata: {{\"{name}\":1,\"seq\":{n}}}\n\n"));
    let other = named("net", 250, 3);
    let recorded = merged(&[&of("load"), &other]);
    let told = failing(&recorded, &merged(&[&of("v"), &other]), Measure::Chunks);
    assert_eq!(told.len(), 9, "{told:?}");
    assert!(told.iter().all(|(_, why)| why.contains("/load")), "{told:?}");
}
