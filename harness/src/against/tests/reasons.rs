//! The reason of each finding, and the first byte that no rule allows.

use serde_json::{Value, json};

use super::{FIRST_WRITE, MadeUpResponse, Measure, cases, compare, compared, failing, rules};
use crate::judge::{Finding, Stalls};

/// Returns the findings by line.
fn findings(recorded: &MadeUpResponse, came: &MadeUpResponse, measure: Measure) -> Vec<Finding> {
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let evidence = compared(&cases, &contract, came, &rules(measure)).evidence;
    cases.iter().flat_map(|case| evidence.record(&case.id).findings).collect()
}

/// Returns the single finding of an event.
fn finding(recorded: &str, came: &str, vary: &Value) -> Finding {
    let recorded = MadeUpResponse::events(&[(10, recorded)]).with(0, json!({ "vary": vary }));
    let found = findings(&recorded, &MadeUpResponse::events(&[(10, came)]), Measure::Chunks);
    let [finding] = &found[..] else { panic!("one finding, got {found:?}") };
    finding.clone()
}

/// Returns the reason of the finding, and what both texts say from the first difference on.
fn told(recorded: &str, came: &str, vary: &Value) -> (String, String, String) {
    let finding = finding(recorded, came, vary);
    let same = finding.expected.chars().zip(finding.actual.chars()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.chars().skip(same).take(8).collect::<String>();
    let why = finding.why.split(" at line").next().unwrap_or_default();
    (why.to_owned(), rest(&finding.expected), rest(&finding.actual))
}

fn of(why: &str, expected: &str, actual: &str) -> (String, String, String) {
    (why.to_owned(), expected.to_owned(), actual.to_owned())
}

#[test]
fn the_first_difference_is_one_that_no_rule_allows() {
    let id = json!([{"pointer": "/id", "as": "string"}, {"pointer": "/c/0/n", "as": "number"}]);
    let recorded = "data: {\"id\":\"aaaa\",\"c\":[{\"n\":1,\"t\":\"hi\"}],\"end\":0}\n\n";
    for (came, expected) in [
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":22,\"t\":\"ho\"}],\"end\":0}\n\n",
            of("/c/0/t: expected \"hi\", got \"ho\"", "i\"}],\"en", "o\"}],\"en"),
        ),
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":22,\"t\":\"hi\"}],\"end\":0\n\n",
            of("no JSON: EOF while parsing an object", "}⏎⏎", "⏎⏎"),
        ),
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":22,\"t\":\"hi}],\"end\":0}\n\n",
            of("no JSON: expected `,` or `}`", "\"}],\"end", "}],\"end\""),
        ),
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":\"2,\"t\":\"hi\"}],\"end\":0}\n\n",
            of("no JSON: expected `,` or `}`", "1,\"t\":\"h", "\"2,\"t\":\""),
        ),
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":\"2\",\"t\":\"hi\"}],\"end\":0}\n\n",
            of("/c/0/n: expected a number, got \"2\"", "1,\"t\":\"h", "\"2\",\"t\":"),
        ),
        (
            "data: {\"id\":\"b\",\"c\":[{\"n\":2, \"t\":\"hi\"}],\"end\":0}\n\n",
            of("the same JSON in another spelling", "\"t\":\"hi\"", " \"t\":\"hi"),
        ),
    ] {
        assert_eq!(told(recorded, came, &id), expected, "{came}");
    }
}

#[test]
fn the_first_difference_lies_behind_fields_and_lines_that_vary() {
    let vary =
        json!([{"field": "id", "as": "number"}, {"pointer": "/at", "as": "any"}, {"pointer": "/x", "as": "any"}]);
    let recorded = "id: 17\ndata: {\"at\":1,\ndata: \"n\":2}\n\n";
    for (came, expected) in [
        ("id: 4\ndata: {\"at\":[5],\ndata: \"n\":3}\n\n", of("/n: expected 2, got 3", "2}⏎⏎", "3}⏎⏎")),
        ("id: 4\ndata: {\"x\":{},\"at\":[5],\ndata: \"n\":3}\n\n", of("/n: expected 2, got 3", "2}⏎⏎", "3}⏎⏎")),
        (
            "id: four\ndata: {\"at\":1,\ndata: \"n\":2}\n\n",
            of("id: expected a number, got \"four\"", "17⏎data:", "four⏎dat"),
        ),
    ] {
        assert_eq!(told(recorded, came, &vary), expected, "{came}");
    }
    let vary = json!([{"pointer": "/at", "as": "any"}, {"pointer": "/x", "as": "any"}]);
    let absent = told("data: {\"at\":1,\"n\":2}\n\n", "data: {\"n\":3}\n\n", &vary);
    assert_eq!(absent, of("/n: expected 2, got 3", "2}⏎⏎", "3}⏎⏎"));
    let last = told("data: {\"n\":2, \"at\":1}\n\ndata: a\n\n", "data: {\"n\":3}\n\ndata: a\n\n", &vary);
    assert_eq!(last, of("/n: expected 2, got 3", "2, \"at\":", "3}⏎⏎"));
    let whole = json!([{"pointer": "", "as": "regex", "pattern": "took \\d+ ms"}]);
    let told = told("data: took 5 ms\nevent: a\n\n", "data: took 17 ms\nevent: b\n\n", &whole);
    assert_eq!(told, of("event: expected \"a\", got \"b\"", "a⏎⏎", "b⏎⏎"));
}

#[test]
fn lines_and_whole_values_of_json_are_told_alike() {
    let vary = json!([{"pointer": "/id", "as": "string"}]);
    let recorded = "{\"id\":\"a\",\"n\":1}\n";
    for content_type in ["application/x-ndjson", "application/json"] {
        for (came, why, byte) in [
            ("{\"id\":\"bcd\",\"n\":2}\n", "/n: expected 1, got 2", 16),
            ("{\"id\":\"bcd\",\"n\":1\n", "no JSON: EOF while parsing an object", 17),
            ("{\"id\":\"bcd,\"n\":1}\n", "no JSON: expected `,` or `}`", 12),
        ] {
            let recorded = MadeUpResponse::new(content_type, &[(10, recorded)]).with(0, json!({ "vary": vary }));
            let came = MadeUpResponse::new(content_type, &[(10, came)]);
            let [found] = &findings(&recorded, &came, Measure::Bytes)[..] else { panic!("one finding") };
            assert!(found.why.starts_with(why), "{found:?}");
            assert_eq!(found.first_differing_byte, Some(byte), "{found:?}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_told() {
    let recorded = MadeUpResponse::events(&[(10, "data: {\"id\":\"a\",\"t\":\"naïve\"}\n\n")]);
    let recorded = recorded.with(0, json!({"vary": [{"pointer": "/id", "as": "string"}]}));
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let mut seen = recorded.seen();
    seen.facts.writes[0].bytes = b"data: {\"id\":\"bcd\",\"t\":\"na\xefve\"}\n\n"[..].into();
    let exchange = (&contract, &contract.exchanges[0]);
    let evidence = compare(&cases, exchange, (&seen, 500), &rules(Measure::Chunks), &Stalls::default()).evidence;
    let found = evidence.record("a.jsonl:4").findings;
    let [found] = &found[..] else { panic!("one finding, got {found:?}") };
    assert_eq!(found.why, "not UTF-8 from byte 25 on");
    assert_eq!(found.first_differing_byte, Some(25));
    assert!(found.expected.starts_with("data: {\"id\":\"bcd\""), "{found:?}");
}

#[test]
fn the_line_of_the_first_difference_is_named() {
    let recorded = MadeUpResponse::events(&[(10, "data: {\"id\":\"a\","), (20, "\"n\":1}\n\n")]);
    let mut recorded = recorded.with(0, json!({}));
    recorded.wide = json!({"vary": [{"pointer": "/id", "as": "string"}]});
    let came = MadeUpResponse::events(&[(10, "data: {\"id\":\"b\","), (20, "\"n\":2}\n\n")]);
    assert_eq!(failing(&recorded, &came, Measure::Chunks), [(5, "/n: expected 1, got 2".to_owned())]);
}

#[test]
fn several_differences_are_each_told() {
    let found = finding("id: 31\ndata: row 31\n\n", "id: 1\ndata: row 1\n\n", &json!([]));
    assert_eq!(found.why, "id: expected \"31\", got \"1\"; another text");
}

#[test]
fn events_that_run_together_are_told_as_such() {
    let event = |n: u64| format!("id: {n}\ndata: {{\"id\":\"a\",\"row\":{n}}}\n\n");
    let stream = |texts: &[String]| {
        let writes: Vec<(u64, &str)> = (1..).zip(texts).map(|(n, text)| (n * 100, text.as_str())).collect();
        MadeUpResponse::events(&writes)
    };
    let texts: Vec<String> = (1..=6).map(event).collect();
    let mut recorded = stream(&texts);
    recorded.wide = json!({"vary": [{"pointer": "/id", "as": "string"}]});
    let mut came: Vec<String> = texts.iter().map(|text| text.replace("\"a\"", "\"bcd\"")).collect();
    came[2].pop();
    let two = "runs together with line 7: the blank line between them is missing".to_owned();
    for measure in [Measure::Chunks, Measure::Bytes, Measure::Events] {
        assert_eq!(failing(&recorded, &stream(&came), measure), [(6, two.clone())], "{measure:?}");
    }
    let [found] = &findings(&recorded, &stream(&came), Measure::Chunks)[..] else { panic!("one finding") };
    assert_eq!(found.expected.matches("⏎⏎").count(), 2);
    assert_eq!(found.first_differing_byte, Some(came[2].len()));
    came[3].pop();
    let three = "runs together with the lines up to 8: the blank lines between them are missing".to_owned();
    assert_eq!(failing(&recorded, &stream(&came), Measure::Chunks), [(6, three)]);
}

#[test]
fn a_comment_may_run_together_with_an_event() {
    let recorded = MadeUpResponse::events(&[(10, "data: 1\r\n\r\n"), (400, ": hi\r\n\r\n"), (900, "data: 2\r\n\r\n")]);
    let came = MadeUpResponse::events(&[(10, "data: 1\r\n\r\n"), (400, ": hi\r\n"), (900, "data: 2\r\n\r\n")]);
    let why = "runs together with line 6: the blank line between them is missing".to_owned();
    assert_eq!(failing(&recorded, &came, Measure::Chunks), [(5, why)]);
}

#[test]
fn a_heartbeat_of_a_timer_may_run_together_with_an_event() {
    let text = |n: u64| if n % 5 == 4 { ": hi\n\n".to_owned() } else { format!("data: {n}\n\n") };
    let texts: Vec<String> = (1..=40).map(text).collect();
    let stream = |texts: &[String]| {
        let writes: Vec<(u64, &str)> = (1..).zip(texts).map(|(n, text)| (n * 100, text.as_str())).collect();
        MadeUpResponse::events(&writes)
    };
    for at in [18, 17] {
        let mut came = texts.clone();
        came[at].pop();
        let line = FIRST_WRITE + at;
        let why = format!("runs together with line {}: the blank line between them is missing", line + 1);
        assert_eq!(failing(&stream(&texts), &stream(&came), Measure::Chunks), [(line, why)]);
    }
}

#[test]
fn events_without_any_blank_line_run_together() {
    let texts = ["id: 1\ndata: a\n\n", "id: 2\ndata: b\n\n", "id: 3\ndata: c\n\n"];
    let writes = |cut: usize| texts.map(|text| (10, &text[..text.len() - cut]));
    let recorded = MadeUpResponse::events(&writes(0));
    let why = "runs together with the lines up to 6: the blank lines between them are missing".to_owned();
    assert_eq!(failing(&recorded, &MadeUpResponse::events(&writes(1)), Measure::Chunks), [(4, why)]);
    let found = finding("id: 1\ndata: a\n\n", "id: 7\ndata: a\n", &json!([{"field": "id", "as": "number"}]));
    assert_eq!(found.why, "the blank line at the end is missing");
    assert_eq!(found.first_differing_byte, Some(14));
}

#[test]
fn events_that_begin_alike_are_shown_from_where_they_differ() {
    let token = |n: u32| format!("data: {{\"id\":\"chatcmpl-{}\",\"delta\":\"token {n}\"}}\n\n", "x".repeat(90));
    let texts: Vec<String> = (1..=4).map(token).collect();
    let writes: Vec<(u64, &str)> = (1..=4_u64).map(|n| n * 100).zip(texts.iter().map(String::as_str)).collect();
    let recorded = MadeUpResponse::events(&writes);
    let (mut missing, mut extra) = (recorded.clone(), recorded.clone());
    missing.writes.remove(2);
    let again = extra.writes[2].clone();
    extra.writes.insert(3, again);
    extra.writes[3].1 = extra.writes[3].1.replace("token 3", "token 5");
    for (came, expected, actual) in
        [(missing, "3\"}⏎⏎", "the lines before and behind it came"), (extra, "no further write here", "5\"}⏎⏎")]
    {
        let found = findings(&recorded, &came, Measure::Chunks);
        let [finding] = &found[..] else { panic!("one finding, got {found:?}") };
        let [expected_from, actual_from] = finding.shown_from();
        let shown = |text: &str, from| text.chars().skip(from).collect::<String>();
        assert_eq!(shown(&finding.expected, expected_from), expected);
        assert_eq!(shown(&finding.actual, actual_from), actual);
    }
}

#[test]
fn a_text_in_other_lines_and_other_bytes_are_told() {
    let told = |recorded: &str, came: &str| -> String {
        let [recorded, came] = [recorded, came].map(|text| MadeUpResponse::events(&[(10, text)]));
        failing(&recorded, &came, Measure::Chunks).remove(0).1
    };
    let one = "data: {\"a\": 1}\n\n";
    assert_eq!(told(one, "data: {\"a\":\ndata: 1}\n\n"), "expected 1 line of data, got 2 lines");
    assert_eq!(told("data: a\ndata: b\n\n", "data: a\n\n"), "expected 2 lines of data, got 1 line");
    assert_eq!(told(one, "data:{\"a\": 1}\n\n"), "other bytes from byte 5 on");
}
