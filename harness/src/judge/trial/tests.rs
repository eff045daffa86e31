//! The judge, on a scenario of no contract at all.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::recording::{End, Exchange, Fact, RawRequest, ResponseHead, Vary, VaryPlace, VaryRule, Write};
use onbeat_wire::{How, Instant, What};

use super::judge;
use crate::judge::made_up::{case, logs, write};
use crate::judge::{
    Annotations, Aspect, Case, Evidence, Observation, Others, Outcome, Pace, Scenario, ScenarioLine, Stalls,
};
use crate::player::{ClientLog, LogEntry};

fn cases() -> Vec<Case> {
    use Aspect::{Bytes, End, Framing, Header, Period, Presence, Status, Timestamp};
    vec![
        case("head", &[Status, Header]),
        case("words", &[Bytes, Presence]),
        case("pause", &[Period]),
        case("stamp", &[Timestamp]),
        case("chunks", &[Framing]),
        case("end", &[End]),
    ]
}

/// Returns a stream of three writes, 100 ms apart. The last write has a timestamp.
fn scenario() -> Scenario {
    let line = |(number, (t_ms, fact, cases)): (usize, (u64, Fact, &[&str]))| {
        let stamp = Vary { place: VaryPlace::Pointer("/at".into()), rule: VaryRule::Timestamp };
        let mut notes =
            Annotations { cases: cases.iter().map(|id| (*id).to_owned()).collect(), ..Annotations::default() };
        notes.vary.extend(cases.contains(&"stamp").then_some(stamp));
        (number + 1, ScenarioLine { t_ms, exchange: Exchange::default(), fact, notes })
    };
    let headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let write = |text: &str| Fact::Write(Write { bytes: Bytes::copy_from_slice(text.as_bytes()) });
    let lines: [(u64, Fact, &[&str]); 6] = [
        (0, Fact::RawRequest(RawRequest { text: "GET /feed HTTP/1.1\r\nHost: a\r\n\r\n".into() }), &[]),
        (0, Fact::Head(ResponseHead { status: 200, headers }), &["head"]),
        (100, write("data: one\n\n"), &["words", "pause", "chunks"]),
        (200, write("data: two\n\n"), &["words", "pause", "chunks"]),
        (300, write("data: {\"at\":\"2025-12-01T00:00:00.300Z\"}\n\n"), &["words", "stamp", "pause", "chunks"]),
        (300, Fact::End(End { how: How::Complete }), &["end"]),
    ];
    Scenario::new("feed.jsonl", lines.into_iter().enumerate().map(line).collect())
}

/// Returns the log of a client that gets each line at the time of the line.
fn log(scenario: &Scenario) -> ClientLog {
    logs(scenario, |line| Instant::EPOCH + Duration::from_millis(line.t_ms)).remove(0).1
}

/// Returns the cases that fail for a client with this log, beside other users.
fn failing(log: ClientLog, others: impl Others + 'static) -> Vec<String> {
    let (cases, logs) = (cases(), vec![(String::new(), log)]);
    let seen = Observation { logs, unconnected: None, dispatched: None, others: Box::new(others), recurring: None };
    judge(&cases, &scenario(), &seen, &Pace::exact(), &Stalls::default()).failing()
}

#[test]
fn what_comes_as_expected_fails_nothing() {
    assert_eq!(failing(log(&scenario()), ()), [""; 0]);
}

/// Returns the outcome of the period, and the reason if any, of a server whose gaps of 100 ms last so long. The machine was
/// held up for a while in each gap.
fn period(gap_ms: u64, held_up_ms: u64) -> (Outcome, Option<String>) {
    period_of_late(0, gap_ms, held_up_ms)
}

/// Returns the same of a server whose whole stream is late.
fn period_of_late(late_ms: u64, gap_ms: u64, held_up_ms: u64) -> (Outcome, Option<String>) {
    let (cases, ms) = (cases(), Duration::from_millis);
    let start = Instant::EPOCH + ms(late_ms);
    let logs = logs(&scenario(), |line| match line.t_ms {
        0 => Instant::EPOCH,
        t_ms => start + ms(t_ms / 100 * gap_ms),
    });
    let mut stalls = Stalls::default();
    for start in (0..3).map(|gap| start + ms(gap * gap_ms) + ms(gap_ms - held_up_ms)) {
        stalls.stalled(start, start + ms(held_up_ms));
    }
    let seen = Observation { logs, unconnected: None, dispatched: None, others: Box::new(()), recurring: None };
    let evidence = judge(&cases, &scenario(), &seen, &Pace::real(NonZeroU32::MIN, ms(250)), &stalls);
    let verdict = evidence.verdicts(|id| id == "pause", None).remove(2);
    (verdict.outcome, verdict.reason)
}

#[test]
fn a_period_that_only_a_long_stall_excuses_is_not_judged() {
    assert_eq!(period(100, 0), (Outcome::Pass, None));
    assert_eq!(period(203, 0), (Outcome::Fail, None));
    assert_eq!(period(180, 80), (Outcome::Pass, None));
    let too_busy = |(outcome, reason): (Outcome, Option<String>)| {
        assert_eq!(outcome, Outcome::Skipped);
        assert!(reason.expect("a reason").contains("the machine was too busy"));
    };
    too_busy(period(203, 110));
    // Gaps of half the period: a stall makes a gap short only if the write before was late itself.
    too_busy(period_of_late(200, 50, 30));
    assert_eq!(period_of_late(150, 65, 12), (Outcome::Pass, None));
    assert_eq!(period_of_late(200, 50, 0), (Outcome::Fail, None));
}

/// Returns whether the timestamps hold of a stream with a write each second, whose timestamps advance by so many ms a write.
/// In each second the machine was held up for a while, and the last write was on the way for so long.
fn stamps_hold(advance_ms: u64, held_up_ms: u64, on_the_way_ms: u64) -> bool {
    const WRITES: u64 = 12;
    let ms = Duration::from_millis;
    let first = scenario();
    let mut lines: Vec<(usize, ScenarioLine)> = first.lines[..2].to_vec();
    let (_, stamped) = &first.lines[4];
    let line = |number: u64, advance_ms: u64| {
        let at = jiff::Timestamp::UNIX_EPOCH + ms(number * advance_ms);
        let bytes = Bytes::from(format!("data: {{\"at\":\"{at:.3}\"}}\n\n"));
        let line = ScenarioLine { t_ms: number * 1000, fact: Fact::Write(Write { bytes }), ..stamped.clone() };
        (usize::try_from(number).expect("few") + 2, line)
    };
    let came = Scenario::new(
        "feed.jsonl",
        lines.iter().cloned().chain((1..=WRITES).map(|number| line(number, advance_ms))).collect(),
    );
    lines.extend((1..=WRITES).map(|number| line(number, 1000)));
    let last_ms = WRITES * 1000;
    let late = |line: &ScenarioLine| if line.t_ms == last_ms { ms(on_the_way_ms) } else { Duration::ZERO };
    let logs = logs(&came, |line| Instant::EPOCH + ms(line.t_ms) + late(line));
    let mut stalls = Stalls::default();
    for second in (0..WRITES).map(|number| Instant::EPOCH + ms(number * 1000)) {
        stalls.stalled(second, second + ms(held_up_ms));
    }
    let end = Instant::EPOCH + ms(last_ms);
    stalls.stalled(end, end + ms(on_the_way_ms));
    let cases = cases();
    let seen = Observation { logs, unconnected: None, dispatched: None, others: Box::new(()), recurring: None };
    let wanted = Scenario::new("feed.jsonl", lines);
    let evidence = judge(&cases, &wanted, &seen, &Pace::real(NonZeroU32::MIN, ms(250)), &stalls);
    !evidence.failing().contains(&"stamp".to_owned())
}

#[test]
fn only_stalls_on_the_way_of_a_write_excuse_its_timestamp() {
    assert!(stamps_hold(1000, 0, 0));
    assert!(!stamps_hold(700, 0, 0));
    // Stalls all along excuse nothing: each write was on its way for an instant.
    assert!(stamps_hold(1000, 300, 0));
    assert!(!stamps_hold(700, 250, 0));
    assert!(stamps_hold(1000, 0, 3000));
}

#[test]
fn a_median_of_a_few_gaps_that_is_too_short_has_to_be_found_again() {
    let (cases, ms) = (cases(), Duration::from_millis);
    // Each write is late by less, so that the gaps are 280, 10 and 10 ms in place of 100.
    let late = |line: &ScenarioLine| ms(280).saturating_sub(ms(line.t_ms) * 9 / 10 + ms(10));
    let watch = || {
        let logs = logs(&scenario(), |line| {
            Instant::EPOCH + ms(line.t_ms) + if line.t_ms == 0 { Duration::ZERO } else { late(line) }
        });
        let seen = Observation { logs, unconnected: None, dispatched: None, others: Box::new(()), recurring: None };
        judge(&cases, &scenario(), &seen, &Pace::real(NonZeroU32::MIN, ms(250)), &Stalls::default())
    };
    let mut evidence = watch();
    assert_eq!((evidence.failing(), evidence.is_in_doubt(scenario().writes())), (vec!["pause".to_owned()], true));
    evidence.settle_doubts(watch());
    assert_eq!(evidence.failing(), ["pause"]);
    evidence.settle_doubts(Evidence::new(&cases));
    assert!(evidence.is_clean());
}

#[test]
fn only_a_client_that_could_not_connect_accuses_the_server() {
    let cases = cases();
    let judged = |unconnected: Option<&str>| {
        let unconnected = unconnected.map(str::to_owned);
        let seen =
            Observation { logs: Vec::new(), unconnected, dispatched: None, others: Box::new(()), recurring: None };
        let evidence = judge(&cases, &scenario(), &seen, &Pace::exact(), &Stalls::default());
        evidence.verdicts(|_| true, None).into_iter().map(|verdict| (verdict.outcome, verdict.reason))
    };
    let skipped = |why: &str| (Outcome::Skipped, Some(why.to_owned()));
    assert!(judged(None).all(|verdict| verdict == skipped("the scene feed.jsonl broke off before")));
    let mut verdicts = judged(Some(""));
    assert_eq!(verdicts.next(), Some((Outcome::Fail, None)));
    assert!(verdicts.all(|verdict| verdict == skipped("no connection")));
}

type Bug<'b> = &'b dyn Fn(&mut ClientLog);

#[test]
fn each_bug_fails_the_case_that_looks_at_it() {
    let ms = Duration::from_millis;
    let bugs: [(&str, Bug); 6] = [
        ("head", &|log| match &mut log.entries[1].1 {
            LogEntry::Saw(What::Head(head)) => head.status = 500,
            _ => unreachable!("the head follows the request"),
        }),
        ("words", &|log| log.entries[3].1 = write("data: tow\n\n")),
        ("pause", &|log| log.entries[3].0 = log.entries[3].0 + ms(50)),
        ("stamp", &|log| log.entries[4].1 = write("data: {\"at\":\"today\"}\n\n")),
        ("chunks", &|log| {
            log.entries[3].1 = write("data: ");
            log.entries.insert(4, (log.entries[3].0, write("two\n\n")));
        }),
        ("end", &|log| log.entries[5].1 = LogEntry::Saw(What::End(How::Cut))),
    ];
    for (case, bug) in bugs {
        let mut log = log(&scenario());
        bug(&mut log);
        assert_eq!(failing(log, ()), [case]);
    }
}

#[test]
fn what_others_may_have_caused_stands_against_nobody() {
    struct Chatter;
    impl Others for Chatter {
        fn may_have_caused(&self, piece: &[u8]) -> bool {
            piece.starts_with(b":")
        }
    }
    let mut log = log(&scenario());
    log.entries.insert(3, (log.entries[2].0, write(": hello\n\n")));
    assert_eq!(failing(log.clone(), Chatter), [""; 0]);
    assert_eq!(failing(log, ()), ["words"]);
}
