//! Answers of varying length: tokens that may come, and what follows them.

use super::*;

/// The time between two tokens.
const GAP_MS: u64 = 50;

/// Returns an answer of so many tokens, with the end of the tokens this long behind the last of them.
fn answer(tokens: u64, done_ms: u64) -> MadeUpResponse {
    let mut writes = vec![(10, "data: start\n\n".to_owned())];
    writes.extend((1..=tokens).map(|n| (10 + n * GAP_MS, format!("data: {{\"token\":\"{n}\"}}\n\n"))));
    writes.push((10 + tokens * GAP_MS + done_ms, "data: [DONE]\n\n".to_owned()));
    MadeUpResponse::events(&writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>())
}

/// Returns the recording of an answer: the line of its only token may come any number of times.
fn recorded() -> MadeUpResponse {
    let mut recorded = answer(20, 40).with(20, json!({"may": true, "vary": [{"pointer": "/token", "as": "string"}]}));
    recorded.writes.drain(1..20);
    recorded
}

fn wrong(came: &MadeUpResponse) -> Vec<(usize, String)> {
    failing(&recorded(), came, Measure::Chunks)
}

#[test]
fn an_answer_may_have_more_or_fewer_tokens_and_what_follows_moves_with_them() {
    for tokens in [0, 1, 3, 12, 20, 40, 90, 5000] {
        assert_eq!(wrong(&answer(tokens, 40)), [], "{tokens} tokens");
    }
}

#[test]
fn what_follows_the_tokens_is_late_or_early_against_the_last_of_them() {
    assert_eq!(wrong(&answer(20, 440)), [(6, "400 ms too late".to_owned())]);
    assert_eq!(wrong(&answer(60, 440)), [(6, "2400 ms too late".to_owned())]);
    let mut early_end = answer(40, 40);
    early_end.end.0 += 500;
    assert_eq!(wrong(&early_end), [(7, "500 ms too late".to_owned())]);
}

#[test]
fn a_response_that_goes_on_and_on_has_no_end() {
    let may = serde_json::json!({"may": true});
    let recorded = MadeUpResponse::events(&[(10, "data: a\n\n"), (20, "data: a\n\n")]).with(1, may);
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let mut lines = recorded.lines();
    lines.pop();
    let seen = |trouble: Option<&str>| {
        let (facts, trouble) = (ResponseFacts::of(&lines), trouble.map(str::to_owned));
        let seen = SeenResponse { facts, began: Instant::EPOCH, trouble };
        let exchange = (&contract, &contract.exchanges[0]);
        let evidence = compare(&cases, exchange, (&seen, 1000), &rules(Measure::Chunks), &Stalls::default()).evidence;
        evidence.failing()
    };
    assert_eq!(seen(Some("far more came")), ["a.jsonl:6"]);
    assert_eq!(seen(None), ["a.jsonl:6"]);
}
