//! Files that are no recordings: each mistake is told with the line and the field.

use proptest::prelude::*;
use serde_json::json;

use super::MadeUpResponse;
use crate::against::RecordingContract;

const START: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/","framing":"chunked"}"#;
const REQUEST: &str = r#"{"t_ms":0,"kind":"request","text":"GET / HTTP/1.1\r\n\r\n"}"#;
const HEAD: &str = r#"{"t_ms":1,"kind":"head","status":200,"headers":[]}"#;
const END: &str = r#"{"t_ms":9,"kind":"end","how":"complete"}"#;

fn told(lines: &[&str]) -> String {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    RecordingContract::read("a.jsonl", &text).expect_err(&text)
}

#[test]
fn a_file_that_is_no_recording_is_told_with_its_line_and_field() {
    let log = r#"{"t_ms":0,"kind":"log","version":1,"seed":"0","epoch":"","clock":"manual","mailbox":1,"dropped":0}"#;
    let cut = r#"{"t_ms":0,"kind":"request","text":"POST / HTTP/1.1\r\n\r\n","body":{"text":"a","cut":true}}"#;
    let regex = r#"{"t_ms":2,"kind":"write","text":"a","vary":[{"pointer":"","as":"regex","pattern":"("}]}"#;
    let newer = r#"{"kind":"recording","format":2,"onbeat":"9.0.0","from":""}"#;
    for (lines, why) in [
        (&[][..], "expected a recording, got an empty file"),
        (
            &[HEAD, END],
            "line 1: expected a recording, which begins with {\"kind\":\"recording\",…}, got a line of kind \"head\"",
        ),
        (
            &[log],
            "line 1: expected a recording, which begins with {\"kind\":\"recording\",…}, got the log of a served world",
        ),
        (&["{\"a\":1}"], "got another object"),
        (&["hello"], "line 1: expected a JSON object, got hello"),
        (&[newer], "line 1, field \"format\": expected 1, got 2"),
        (&[START], "expected a line of kind request, got none"),
        (&[START, HEAD, END], "line 2: expected the line of the request before, got a line of kind head"),
        (&[START, REQUEST, HEAD, END, END], "line 5: expected nothing behind the end"),
        (
            &[START, REQUEST, HEAD, END, r#"{"t_ms":2,"kind":"write","text":""}"#],
            "line 5: expected nothing behind the end, got a line of kind write",
        ),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":9,"kind":"write","text":"a","first_ms":10}"#],
            "line 4, field \"first_ms\": expected at most 9, the t_ms of the last byte, got 10",
        ),
        (
            &[START, r#"{"t_ms":0,"kind":"request","text":"GET / HTTP/1.1\r\nHost: a\r\n"}"#],
            "line 2, field \"text\": expected an empty line at the end of the head, got none",
        ),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":8,"t_ms":9,"kind":"end","how":"cut"}"#],
            "line 4, field \"t_ms\": expected the key once in an object, got it twice",
        ),
        (&[START, REQUEST, HEAD, HEAD], "line 4: expected one head"),
        (&[START, REQUEST, REQUEST], "line 3: expected one request"),
        (&[START, START], "line 2: expected a recording alone"),
        (
            &[START, REQUEST, r#"{"t_ms":2,"kind":"write","text":""}"#],
            "line 3: expected the head before the first write",
        ),
        (
            &[START, REQUEST, r#"{"t_ms":-1,"kind":"end","how":"cut"}"#],
            "line 3, field \"t_ms\": expected a whole number",
        ),
        (&[START, REQUEST, r#"{"t_ms":1,"kind":"head","status":2000,"headers":[]}"#], "line 3, field \"status\""),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":0,"kind":"end","how":"cut"}"#],
            "line 4, field \"t_ms\": expected a whole number from 1",
        ),
        (&[START, REQUEST, HEAD, r#"{"t_ms":9,"kind":"end","how":"slow"}"#], "line 4, field \"how\": unknown variant"),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":9,"kind":"dropped"}"#],
            "line 4, field \"kind\": expected request (with a text), head",
        ),
        (&[START, cut], "line 2, field \"body.cut\": expected the whole body"),
        (
            &[START, REQUEST, HEAD, regex, END],
            "line 4, field \"vary[0].pattern\": expected a regular expression, got \"(\"",
        ),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":2,"kind":"write","text":"a","cases":[]}"#],
            "line 4, field \"cases\": unknown field `cases`",
        ),
    ] {
        let got = told(lines);
        assert!(got.starts_with("failed to read a.jsonl: ") && got.contains(why), "{lines:?}: {got}");
    }
}

#[test]
fn a_rule_that_the_recorded_values_break_is_told_with_its_line() {
    let stream = || MadeUpResponse::events(&[(9, "id: a1\ndata: {\"n\":1}\n\n"), (10, "data: two\n\n")]);
    let read = |recorded: &MadeUpResponse| RecordingContract::read("a.jsonl", &recorded.text());
    let (uuid, at) = (r#"{"pointer":"/n","as":"uuid"}"#, "line 4, field \"vary[0]\": ");
    for (rule, told) in [
        (uuid, "expected a UUID at /n, as the rule says, got 1 in the recording: correct the rule or the value"),
        (r#"{"field":"id","as":"number"}"#, "expected a number in the field id, as the rule says, got \"a1\""),
        (r#"{"pointer":"","as":"timestamp"}"#, "expected a timestamp like 2025-12-01T00:00:00Z in the data"),
    ] {
        let rule: serde_json::Value = serde_json::from_str(rule).expect(rule);
        let why = read(&stream().with(0, json!({"vary": [rule]}))).expect_err("a wrong rule");
        assert!(why.contains(&format!("{at}{told}")), "{why}");
    }
    let vary =
        json!([{"pointer": "/n", "as": "number"}, {"field": "id", "as": "string"}, {"pointer": "/no", "as": "any"}]);
    read(&stream().with(0, json!({ "vary": vary }))).expect("rules that hold");
    for (rule, place) in [
        (r#"{"pointer":"/nowhere","as":"uuid"}"#, "at /nowhere"),
        (r#"{"field":"retry","as":"number"}"#, "in the field retry"),
    ] {
        let rule: serde_json::Value = serde_json::from_str(rule).expect(rule);
        let why = read(&stream().with(0, json!({"vary": [rule]}))).expect_err("a rule for nothing");
        assert!(
            why.contains(&format!("{at}expected a value {place} of this line, for which the rule is, got none")),
            "{why}"
        );
    }
    // Lets a rule of the first line be for lines that come in other recordings.
    let mut wide = stream();
    wide.wide = json!({"vary": [{"pointer": "/nowhere", "as": "uuid"}]});
    read(&wide).expect("a rule for all lines");
    let secret = MadeUpResponse::events(&[(9, "data: {\"n\":\"xxxxxxxx\"}\n\n")]);
    read(&secret.with(0, json!({"vary": [{"pointer": "/n", "as": "uuid"}]}))).expect("a secret that was left out");
}

#[test]
fn a_rule_of_the_first_line_is_told_if_each_value_breaks_the_rule() {
    let stream = |first: &str| {
        let mut stream = MadeUpResponse::events(&[(9, first), (10, "data: {\"id\":2}\n\n")]);
        stream.wide = json!({"vary": [{"pointer": "/id", "as": "string"}]});
        stream
    };
    let read = |recorded: &MadeUpResponse| RecordingContract::read("a.jsonl", &recorded.text());
    let why = read(&stream("data: {\"id\":1}\n\n")).expect_err("no string");
    assert!(why.contains("line 1, field \"vary[0]\": expected a string at /id, as the rule says, got 1"), "{why}");
    read(&stream("data: {\"id\":\"a\"}\n\n")).expect("a rule for the first event");
}

#[test]
fn the_recorded_header_has_to_keep_its_rule() {
    let head = |id: &str, rule: &str| {
        let head = format!(
            r#"{{"t_ms":1,"kind":"head","status":200,"headers":[["x-id","{id}"]],"vary":[{{"header":"x-id","as":"{rule}"}}]}}"#
        );
        RecordingContract::read("a.jsonl", &format!("{START}\n{REQUEST}\n{head}\n{END}\n"))
    };
    let why = head("f3a1", "uuid").expect_err("no UUID");
    assert!(why.contains("line 3, field \"vary[0]\": expected a UUID in the header x-id, as the rule says"), "{why}");
    for (id, rule) in [("f3a1", "string"), ("17", "string"), ("17", "number"), ("xxxx", "uuid")] {
        head(id, rule).unwrap_or_else(|why| panic!("{id} {rule}: {why}"));
    }
}

#[test]
fn a_rule_for_a_field_that_no_event_has_is_told_unless_some_line_has_the_field() {
    let rule = json!({"vary": [{"field": "dta", "as": "any"}]});
    let stream = MadeUpResponse::events(&[(9, "data: 1\n\n"), (10, "data: 2\n\n")]).with(0, rule.clone());
    let why = RecordingContract::read("a.jsonl", &stream.text()).expect_err("no such field");
    assert!(
        why.contains("line 4, field \"vary[0].field\": expected event, id or retry, or \"\" for a comment")
            && why.contains("got \"dta\", which no line of the recording has"),
        "{why}"
    );
    let own = MadeUpResponse::events(&[(9, "data: 1\n\n"), (10, "dta: x\ndata: 2\n\n")]).with(0, rule);
    RecordingContract::read("a.jsonl", &own.text()).expect("a field of the server's own");
}

#[test]
fn a_recorder_that_was_killed_is_named() {
    let text = format!("{START}\n{REQUEST}\n{HEAD}\n{{\"t_ms\":5,\"kind\":\"wri");
    let told = RecordingContract::read("a.jsonl", &text).expect_err("an incomplete line");
    assert!(told.contains("line 4") && told.contains("as when the recorder was killed: put the end"), "{told}");
    let whole_lines = format!("{START}\n{REQUEST}\n{HEAD}\n");
    let told = RecordingContract::read("a.jsonl", &whole_lines).expect_err("no end");
    assert!(told.contains("line 3: expected the end of the exchange behind this line, such as {\"t_ms\":"), "{told}");
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(at: prop::sample::Index, length in 0..20_usize, bytes in "\\PC{0,8}|[\\[{]{200}") {
        let text = MadeUpResponse::events(&[(10, "data: 1\n\n"), (20, "data: 2\n\n")]).text();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        let changed = format!("{}{bytes}{}", &text[..start], &text[end..]);
        if let Err(why) = RecordingContract::read("a.jsonl", &changed) {
            prop_assert!(why.starts_with("failed to read a.jsonl: "), "{why}");
        }
    }
}
