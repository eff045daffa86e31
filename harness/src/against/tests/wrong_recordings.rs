//! Files that are no recordings: each mistake is told with the line and the field.

use proptest::prelude::*;

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
    let regex = r#"{"t_ms":2,"kind":"write","text":"","vary":[{"pointer":"","as":"regex","pattern":"("}]}"#;
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
        (&[START, REQUEST], "expected a line of kind head, got none"),
        (&[START, HEAD, END], "line 2: expected the line of the request before, got a line of kind head"),
        (&[START, REQUEST, HEAD, END, END], "line 5: expected nothing behind the end"),
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
        (&[START, REQUEST, HEAD, regex], "line 4, field \"vary[0].pattern\": expected a regular expression, got \"(\""),
        (
            &[START, REQUEST, HEAD, r#"{"t_ms":2,"kind":"write","text":"","cases":[]}"#],
            "line 4, field \"cases\": unknown field `cases`",
        ),
    ] {
        let got = told(lines);
        assert!(got.starts_with("failed to read a.jsonl: ") && got.contains(why), "{lines:?}: {got}");
    }
}

#[test]
fn a_recorder_that_was_killed_is_named() {
    let text = format!("{START}\n{REQUEST}\n{HEAD}\n{{\"t_ms\":5,\"kind\":\"wri");
    let told = RecordingContract::read("a.jsonl", &text).expect_err("an incomplete line");
    assert!(told.contains("line 4") && told.contains("as when the recorder was killed: delete the line"), "{told}");
    // Whole lines without an end are a recording that goes on.
    assert!(RecordingContract::read("a.jsonl", &format!("{START}\n{REQUEST}\n{HEAD}\n")).is_ok());
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
