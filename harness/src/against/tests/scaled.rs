//! A server whose time runs faster than that of the recording.

use super::super::hint::hint;
use super::super::timeline::timeline;
use super::{CompareRules, MadeUpResponse, Measure, TimeRules, cases, compared, rules};

/// How many times as fast the time of the server runs.
const SCALE: u32 = 4;

fn scaled_rules() -> CompareRules {
    let rules = rules(Measure::Chunks);
    CompareRules { times: TimeRules { scale: SCALE, ..rules.times }, ..rules }
}

/// Returns 20 events, each at its time.
fn ticks(at_ms: impl Fn(u64) -> u64) -> MadeUpResponse {
    let writes: Vec<(u64, String)> = (1..=20).map(|n| (at_ms(n), format!("data: {n}\n\n"))).collect();
    MadeUpResponse::events(&writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>())
}

#[test]
fn a_right_server_is_drawn_in_time() {
    let (contract, came) = (ticks(|n| n * 1000).contract(), ticks(|n| n * 250));
    let cases = cases(std::slice::from_ref(&contract));
    let comparison = compared(&cases, &contract, &came, &scaled_rules());
    assert!(comparison.evidence.is_clean());
    let timeline = timeline(&contract, 0, &comparison, SCALE);
    let times = |marks: &[crate::judge::Mark]| marks.iter().map(|mark| mark.t_ms).collect::<Vec<_>>();
    assert_eq!(times(&timeline.actual), times(&timeline.expected));
}

#[test]
fn a_buffer_before_the_server_is_told_by_the_times_when_writes_were_due() {
    let (contract, came) = (ticks(|n| n * 1000).contract(), ticks(|_| 5000));
    let cases = cases(std::slice::from_ref(&contract));
    let comparison = compared(&cases, &contract, &came, &scaled_rules());
    let told = hint(&contract.exchanges[0], &came.seen(), &comparison, false).expect("a hint").text;
    assert!(told.starts_with("All writes came together at 5.0 s, though they were due from 0.2 s to 5.0 s."), "{told}");
}
