//! Doubts, which other plays of a round settle: all recordings together, and each recording alone.

use super::{MadeUpResponse, Measure, cases, rules};
use crate::against::contract::RecordingContract;
use crate::against::results::{CheckResults, PlayedExchange, PlayedRound};
use crate::against::schedule::PlannedExchange;
use crate::judge::{Case, Selection, Stalls};

/// The time by which a response is late.
const LATE_MS: u64 = 400;

fn recorded() -> MadeUpResponse {
    MadeUpResponse::events(&[(100, "data: 1\n\n"), (200, "data: 2\n\n")])
}

/// Returns the recorded response, of which the second write and the end are late.
fn late() -> MadeUpResponse {
    let mut came = recorded();
    came.writes[1].0 += LATE_MS;
    came.end.0 += LATE_MS;
    came
}

/// Returns the recorded response with another first event.
fn other() -> MadeUpResponse {
    let mut came = recorded();
    "data: 9\n\n".clone_into(&mut came.writes[0].1);
    came
}

/// Returns a play of recordings, by number, in which these responses came.
fn played<'c>(contracts: &[RecordingContract], cases: &'c [Case], came: &[(usize, MadeUpResponse)]) -> PlayedRound<'c> {
    let exchange = |(contract, came): &(usize, MadeUpResponse)| PlayedExchange {
        planned: PlannedExchange { contract: *contract, exchange: 0, start_ms: 0 },
        seen: came.seen(),
        lines: came.lines(),
        watched_ms: 1000,
    };
    let exchanges = came.iter().map(exchange).collect();
    PlayedRound::new(contracts, exchanges, cases, &rules(Measure::Chunks), &Stalls::default())
}

/// Returns the lines that fail after plays in which both responses were late, and a play of the second recording alone.
fn failing_after(alone: MadeUpResponse) -> Vec<String> {
    let contract = |name| RecordingContract::read(name, &recorded().text()).expect("a recording");
    let contracts = [contract("a.jsonl"), contract("b.jsonl")];
    let cases = cases(&contracts);
    let both_late = || played(&contracts, &cases, &[(0, late()), (1, late())]);
    let mut round = both_late();
    round.settle_doubts(both_late());
    assert_eq!(round.recordings_in_doubt().into_iter().collect::<Vec<_>>(), [0, 1]);
    round.settle_doubts_alone(played(&contracts, &cases, &[(1, alone)]));
    round.evidence().failing()
}

#[test]
fn a_mistake_that_another_play_shows_leaves_no_hint_that_all_is_right() {
    let ticks = |count: u64, pause_ms: u64| {
        let at_ms = |n: u64| n * 1000 + if n > 4 { pause_ms } else { 0 };
        let writes: Vec<(u64, String)> = (1..=count).map(|n| (at_ms(n), format!("data: {n}\n\n"))).collect();
        MadeUpResponse::events(&writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>())
    };
    let contracts = [ticks(9, 400).contract()];
    let cases = cases(&contracts);
    let hinted = |again: MadeUpResponse| {
        let mut round = played(&contracts, &cases, &[(0, ticks(9, 0))]);
        round.settle_doubts(played(&contracts, &cases, &[(0, again)]));
        let mut results = CheckResults::new(&cases, &contracts);
        results.add(&contracts, &round);
        results.report(&contracts, String::new(), &Selection::default(), None).0.hint.map(|hint| hint.text)
    };
    let told = hinted(ticks(9, 0)).expect("a hint");
    assert!(told.contains("a wait that is shorter"), "{told}");
    assert_eq!(hinted(ticks(10, 0)), None);
}

#[test]
fn a_recording_that_is_late_with_others_alone_was_held_up_by_the_others() {
    assert_eq!(failing_after(recorded()), ["a.jsonl:5"]);
    assert_eq!(failing_after(late()), ["a.jsonl:5", "b.jsonl:5"]);
}

#[test]
fn a_play_alone_decides_nothing_if_the_response_needs_the_other_recordings() {
    assert_eq!(failing_after(other()), ["a.jsonl:5", "b.jsonl:5"]);
}
