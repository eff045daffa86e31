//! Streams of several timers, which meet now and then: between the timers only the order of time holds.

use serde_json::json;

use super::{FIRST_WRITE, MadeUpResponse, Measure, failing, lines};

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
