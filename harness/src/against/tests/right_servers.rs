//! Right servers with several timers are never accused, however the timers meet.

use onbeat_server::random::{Random, Seed};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MadeUpResponse, Measure, cases, compared, failing, rules};

/// The writes of a timer.
#[derive(Clone, Copy, Debug)]
enum Sending {
    /// A comment, the same each time.
    Comment,
    /// An event with a count.
    Counted,
    /// An event with an id of its own, under a rule.
    Identified,
    /// An event that is the same each time.
    Constant,
}

/// A timer of a server.
#[derive(Clone, Copy, Debug)]
struct Timer {
    period_ms: u64,
    sending: Sending,
}

/// The lengths of a recording, and of each replay.
const RECORDED_MS: u64 = 3000;
const REPLAYED_MS: u64 = RECORDED_MS + 500;
/// Timers fire later than due by fewer milliseconds.
const LATE_MS: u64 = 12;

fn sendings() -> impl Strategy<Value = Sending> {
    prop::sample::select(vec![Sending::Comment, Sending::Counted, Sending::Identified, Sending::Constant])
}

fn timers() -> impl Strategy<Value = Vec<Timer>> {
    // Gives most timers periods with three writes at least, which show a pace, and one timer perhaps one or two writes.
    let period_ms = prop::sample::select(vec![100_u64, 150, 200, 250, 300, 400, 500, 600, 750, 900]);
    let timer = (period_ms, sendings()).prop_map(|(period_ms, sending)| Timer { period_ms, sending });
    let rare = prop::sample::select(vec![1000_u64, 1200, 1500, 2000]);
    let rare = (rare, sendings()).prop_map(|(period_ms, sending)| Timer { period_ms, sending });
    (prop::collection::vec(timer, 1..3), prop::option::of(rare)).prop_map(|(mut timers, rare)| {
        timers.extend(rare);
        timers
    })
}

/// Returns the response of the server up to a time, by chance.
fn sent(timers: &[Timer], until_ms: u64, random: &mut Random) -> MadeUpResponse {
    let mut writes: Vec<(u64, u64, String, Value)> = Vec::new();
    for (name, timer) in timers.iter().enumerate() {
        for n in 1..=until_ms / timer.period_ms {
            let at_ms = n * timer.period_ms + random.next_below(LATE_MS);
            let (text, rules) = match timer.sending {
                Sending::Comment => {
                    (format!(": beat {}\n\n", char::from(b'a' + u8::try_from(name).expect("few"))), json!({}))
                }
                Sending::Counted => (format!("data: {{\"type\":\"t{name}\",\"n\":{n}}}\n\n"), json!({})),
                Sending::Constant => (format!("data: {{\"type\":\"t{name}\"}}\n\n"), json!({})),
                Sending::Identified => {
                    let id = format!("{:08x}-3d21-4a3c-9a53-1a1b2c3d4e5f", random.next_below(1 << 32));
                    let rule = json!({"vary": [{"pointer": "/id", "as": "uuid"}]});
                    (format!("data: {{\"type\":\"t{name}\",\"id\":\"{id}\"}}\n\n"), rule)
                }
            };
            // Orders writes of the same millisecond by chance.
            writes.push((at_ms, random.next_below(1000), text, rules));
        }
    }
    writes.retain(|write| write.0 < until_ms);
    writes.sort_by_key(|write| (write.0, write.1));
    let texts: Vec<(u64, &str)> = writes.iter().map(|write| (write.0, write.2.as_str())).collect();
    let response = MadeUpResponse::events(&texts);
    let mut response = (0..writes.len()).fold(response, |response, at| response.with(at, writes[at].3.clone()));
    response.end = (until_ms, "closed");
    response
}

/// Returns the lines that fail: after a replay, and after up to two more replays where something is in doubt.
fn accused(timers: &[Timer], seed: u64) -> Vec<String> {
    let mut random = Random::new(Seed(seed), 0, 0);
    let recorded = sent(timers, RECORDED_MS, &mut random);
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let mut replay = || {
        let came = sent(timers, REPLAYED_MS, &mut random);
        compared(&cases, &contract, &came, &rules(Measure::Chunks)).evidence
    };
    let mut evidence = replay();
    for _ in 0..2 {
        if evidence.has_doubts() {
            evidence.settle_doubts(replay());
        }
    }
    let told = cases.iter().flat_map(|case| evidence.record(&case.id).findings);
    told.map(|finding| format!("{}: {}: {} / {}", finding.place, finding.why, finding.expected, finding.actual))
        .collect()
}

proptest! {
    #[test]
    fn a_right_server_is_never_accused(timers in timers(), seed: u64) {
        // Lets events of one instant be out of order by chance, where one event is too rare for a timer.
        let is_rare = |timer: &Timer| 3 * timer.period_ms >= RECORDED_MS && !matches!(timer.sending, Sending::Comment);
        let mut accused = accused(&timers, seed);
        accused.retain(|told| !(timers.iter().any(is_rare) && told.contains("out of order")));
        prop_assert_eq!(accused, Vec::<String>::new());
    }
}

/// Returns the events of a server that sends an event each `period_ms`, and holds back events until the next one by chance.
fn joined(period_ms: u64, count: u64, random: &mut Random) -> MadeUpResponse {
    let mut writes: Vec<(u64, String, Value)> = Vec::new();
    let mut held = String::new();
    for n in 1..=count {
        held += &format!("data: {n}\n\n");
        // Never holds back two events in a row, nor the last one.
        let is_held_back = n < count && held.matches("data").count() == 1 && random.next_below(3) == 0;
        if !is_held_back {
            writes.push((n * period_ms + random.next_below(LATE_MS), std::mem::take(&mut held), json!({})));
        }
    }
    let end_ms = count * period_ms + LATE_MS;
    MadeUpResponse { writes, end: (end_ms, "complete"), ..MadeUpResponse::events(&[]) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_server_that_joins_events_now_and_then_is_not_accused_of_another_pace(
        period_ms in prop::sample::select(vec![30_u64, 60, 100, 150]), count in 8_u64..30, seeds: (u64, u64),
    ) {
        let of = |seed| joined(period_ms, count, &mut Random::new(Seed(seed), 0, 0));
        let (recorded, came) = (of(seeds.0), of(seeds.1));
        prop_assert_eq!(failing(&recorded, &came, Measure::Events), []);
    }
}

#[test]
fn another_pace_of_a_server_that_joins_events_now_and_then_is_found() {
    let [recorded, came, slow] =
        [(100, 1), (100, 2), (160, 3)].map(|(ms, seed)| joined(ms, 30, &mut Random::new(Seed(seed), 0, 0)));
    assert_eq!(failing(&recorded, &came, Measure::Events), []);
    let told = failing(&recorded, &slow, Measure::Events);
    assert_eq!(told[0].1, "the pace is too slow", "{told:?}");
}
