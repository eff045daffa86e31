//! One cause of many findings is told once.

use super::super::hint::hint;
use super::{
    Instant, MadeUpResponse, Measure, RecordedLine, RecordingContract, ResponseFacts, SeenResponse, Stalls, cases,
    compare, compared, rules,
};

/// Returns the hint where all writes of a stream come as `came` says.
fn hinted(recorded: &MadeUpResponse, came: &MadeUpResponse) -> Option<String> {
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let comparison = compared(&cases, &contract, came, &rules(Measure::Chunks));
    hint(&contract.exchanges[0], &came.seen(), &comparison, false).map(|hint| hint.text)
}

fn ticks(count: u64, at: impl Fn(u64) -> u64) -> MadeUpResponse {
    let writes: Vec<(u64, String)> = (1..=count).map(|n| (at(n), format!("data: {n}\n\n"))).collect();
    let writes: Vec<(u64, &str)> = writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect();
    MadeUpResponse::events(&writes)
}

#[test]
fn a_server_that_is_right_but_buffered_is_told_as_that() {
    let recorded = ticks(20, |n| n * 1000);
    let mut joined = ticks(1, |_| 20_001);
    joined.writes[0].1 = recorded.writes.iter().map(|write| write.1.as_str()).collect();
    let told = hinted(&recorded, &joined).expect("a hint");
    assert!(
        told.starts_with("All writes came together at 20.0 s, though they were due from 1.0 s to 20.0 s"),
        "{told}"
    );
    assert!(told.contains("proxy_buffering off"), "{told}");
    let told = hinted(&recorded, &ticks(20, |n| if n <= 10 { 10_000 } else { 20_000 })).expect("a hint");
    assert!(told.starts_with("The writes came in a few bursts up to 20.0 s"), "{told}");
}

#[test]
fn a_server_that_says_nothing_may_be_behind_a_buffer_unless_it_closes_the_connection() {
    let recorded = ticks(4, |n| n * 100);
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let exchange = &contract.exchanges[0];
    let told = |how: &str| {
        let lines = [format!("{{\"t_ms\":20,\"kind\":\"end\",\"how\":\"{how}\"}}")];
        let lines: Vec<_> = lines.iter().map(|line| RecordedLine::read(line).expect("a line")).collect();
        let seen = SeenResponse { facts: ResponseFacts::of(&lines), began: Instant::EPOCH, trouble: None };
        let rules = rules(Measure::Chunks);
        let comparison = compare(&cases, (&contract, exchange), (&seen, 900), &rules, &Stalls::default());
        hint(exchange, &seen, &comparison, false).is_some()
    };
    assert_eq!(["closed", "cut", "reset"].map(told), [true, false, false]);
}

#[test]
fn other_chunks_alone_are_most_likely_made_by_a_proxy() {
    let recorded = ticks(4, |n| n * 100);
    let mut split = recorded.clone();
    split.writes[1].1 = "data".into();
    split.writes.insert(2, (200, ": 2\n\n".into(), serde_json::json!({})));
    assert!(hinted(&recorded, &split).expect("a hint").contains("--behind-proxy"));
    assert_eq!(hinted(&recorded, &recorded), None);
}

#[test]
fn what_a_proxy_changes_is_told_as_that() {
    let recorded = ticks(4, |n| n * 100);
    let with_end = |how| MadeUpResponse { end: (410, how), ..recorded.clone() };
    let told = hinted(&with_end("reset"), &with_end("cut")).expect("a hint");
    assert!(told.contains("makes a cut of a reset") && told.contains("`--behind-proxy`"), "{told}");
    // No proxy makes a reset of a cut.
    assert_eq!(hinted(&with_end("cut"), &with_end("reset")), None);
    let headers = r#"["x-accel-buffering","no"],["content-type""#;
    let text = recorded.text().replacen(r#"["content-type""#, headers, 1);
    let contract = RecordingContract::read("a.jsonl", &text).expect("a recording");
    let cases = cases(std::slice::from_ref(&contract));
    let comparison = compared(&cases, &contract, &recorded, &rules(Measure::Chunks));
    let told = hint(&contract.exchanges[0], &recorded.seen(), &comparison, false).expect("a hint").text;
    assert!(told.contains("`x-accel-buffering`") && told.contains("`--behind-proxy`"), "{told}");
}

#[test]
fn a_single_wait_that_a_busy_machine_made_longer_is_told_as_that() {
    let held_up = ticks(9, |n| n * 1000 + if n > 4 { 400 } else { 0 });
    let told = hinted(&held_up, &ticks(9, |n| n * 1000)).expect("a hint");
    assert!(told.contains("record again") && told.contains("--accept"), "{told}");
    // A wait that is too long is no fault of the recording.
    assert_eq!(hinted(&ticks(9, |n| n * 1000), &held_up), None);
}

#[test]
fn values_that_differ_in_many_lines_are_proposed_as_values_that_may_vary() {
    let stream = |id: &str| {
        let data = |n: u64| format!("data: {{\"id\":\"{id}\",\"n\":{n}}}\n\n");
        MadeUpResponse::events(&[(10, &data(1)), (20, &data(2)), (30, "data: [DONE]\n\n")])
    };
    let told = hinted(&stream("a"), &stream("b")).expect("a hint");
    assert!(
        told.contains("differ in 2 lines") && told.ends_with(r#""vary":[{"pointer":"/id","as":"string"}]"#),
        "{told}"
    );
}

#[test]
fn a_number_in_one_line_and_a_text_in_another_are_no_values_to_loosen() {
    let stream = |number: u64, text: &str| {
        let [first, second] =
            [number.to_string(), format!("\"{text}\"")].map(|id| format!("data: {{\"id\":{id}}}\n\n"));
        MadeUpResponse::events(&[(10, &first), (20, &second)])
    };
    assert_eq!(hinted(&stream(1, "a"), &stream(2, "b")), None);
}

#[test]
fn a_field_that_differs_is_proposed_as_well_and_a_rule_of_the_recording_is_not_proposed_again() {
    let stream = |from: u64| {
        let event = |n: u64| format!("id: {}\ndata: {{\"seq\":{}}}\n\n", from + n, from + n);
        MadeUpResponse::events(&[(10, &event(1)), (20, &event(2)), (30, &event(3))])
    };
    let told = |recorded: &MadeUpResponse| hinted(recorded, &stream(768)).expect("a hint");
    let both = r#""vary":[{"pointer":"/seq","as":"number"},{"field":"id","as":"number"}]"#;
    assert!(told(&stream(3)).ends_with(both), "{}", told(&stream(3)));
    let mut recorded = stream(3);
    recorded.wide = serde_json::json!({"vary": [{"pointer": "/seq", "as": "number"}]});
    assert!(told(&recorded).ends_with(r#""vary":[{"field":"id","as":"number"}]"#), "{}", told(&recorded));
}

#[test]
fn a_mistake_of_the_server_itself_has_no_hint() {
    let recorded = ticks(8, |n| n * 1000);
    assert_eq!(hinted(&recorded, &ticks(8, |n| n * 500)), None);
    let mut other = ticks(8, |_| 8000);
    other.writes[3].1 = "data: other\n\n".into();
    assert_eq!(hinted(&recorded, &other), None);
}

#[test]
fn writes_of_one_instant_in_another_order_are_told_as_timers_that_may_meet() {
    let events = |first, second| MadeUpResponse::events(&[(100, "data: 1\n\n"), (200, first), (202, second)]);
    let (a, b) = ("event: a\ndata: 2\n\n", "event: b\ndata: 3\n\n");
    let told = hinted(&events(a, b), &events(b, a)).expect("a hint");
    assert!(told.starts_with("All is right but for the order") && told.contains("three times"), "{told}");
    // A wrong value beside the order is no chance.
    let mut other = events(b, a);
    "data: 9\n\n".clone_into(&mut other.writes[0].1);
    assert_eq!(hinted(&events(a, b), &other), None);
}

#[test]
fn a_lost_write_and_a_broken_rule_are_no_values_to_loosen() {
    let deltas = |words: &[&str]| {
        let write = |(n, word): (u64, &&str)| (100 * n, format!("data: {{\"delta\":\"{word}\",\"n\":{n}}}\n\n"));
        let writes: Vec<(u64, String)> = (1..).zip(words).map(write).collect();
        MadeUpResponse::events(&writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>())
    };
    let all = ["one", "two", "three", "four", "five", "six", "seven"];
    assert_eq!(hinted(&deltas(&all), &deltas(&["one", "two", "four", "five", "six", "seven"])), None);
    let others = ["un", "deux", "trois", "quatre", "cinq", "six", "sept"];
    assert!(hinted(&deltas(&all), &deltas(&others)).expect("a hint").contains("/delta"));

    let mut ruled = ticks(4, |n| n * 100);
    ruled.wide = serde_json::json!({"vary": [{"pointer": "", "as": "regex", "pattern": "[1-4]"}]});
    let mut came = ticks(4, |n| n * 100);
    came.writes.iter_mut().for_each(|write| write.1 = write.1.replace("data: ", "data: 1"));
    assert_eq!(hinted(&ruled, &came), None);
}
