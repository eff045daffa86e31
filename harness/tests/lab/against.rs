//! An application held against a recording that was made in a lab: each planted bug is found, at its line, in its words.

use std::path::{Path, PathBuf};

use onbeat::{Report, lab, ms, secs};

use crate::scripted::{End, Script};

/// Returns the path of a file of this test run.
pub(crate) fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lab-against");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join(name)
}

/// Records the right script.
fn recorded(name: &str) -> PathBuf {
    let path = file(name);
    lab(Script::right().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    path
}

fn checked(script: Script, path: &Path) -> Report {
    lab(script.application(), async |lab| {
        let report = lab.check_against(path).await.unwrap();
        assert!(lab.open().is_empty(), "all clients have left: {:?}", lab.open());
        report
    })
}

#[test]
fn an_application_conforms_to_its_own_recording() {
    let path = recorded("own.jsonl");
    let report = lab(Script::right().application(), async |lab| {
        let report = lab.check_against(&path).await.unwrap();
        assert_eq!(lab.now_ms(), 1960, "a check takes as long as the responses");
        report
    });
    report.assert_conforms();
    // The head, seven writes, and the end.
    let text = report.to_string();
    assert!(
        text.ends_with("conforms: 9 required cases hold, 0 fail; 0 differ as they may; 0 were skipped\n"),
        "{text}"
    );
}

#[test]
fn a_recording_of_a_lab_is_one_of_the_command_line_with_exact_times() {
    let text = std::fs::read_to_string(recorded("form.jsonl")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let lines: Vec<&str> = text.lines().collect();
    let start = format!(
        r#"{{"kind":"recording","format":1,"onbeat":"{version}","from":"http://onbeat/tokens","framing":"chunked","times":"exact"}}"#
    );
    assert_eq!(lines[0], start);
    assert_eq!(lines[1], r#"{"t_ms":0,"kind":"request","text":"GET /tokens HTTP/1.1\r\nhost: onbeat\r\n\r\n"}"#);
    assert!(
        lines[2]
            .starts_with(r#"{"t_ms":400,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]"#)
    );
    assert_eq!(lines[3], r#"{"t_ms":400,"kind":"write","text":"retry: 3000\n\n"}"#);
    assert_eq!(lines[10], r#"{"t_ms":1960,"kind":"end","how":"complete"}"#);
    assert_eq!(lines.len(), 11);
}

/// Changes the text of a write.
fn written(script: &mut Script, write: usize, from: &str, to: &str) {
    let text = &mut script.writes[write].1;
    assert!(text.contains(from), "{text}");
    *text = text.replace(from, to);
}

/// A bug: the name, the change of the script, the line that fails, and what the report says there.
type Bug = (&'static str, fn(&mut Script), &'static str, &'static str);

/// One change each. Line 3 is the head, lines 4 to 10 are the writes, and line 11 is the end.
const BUGS: [Bug; 26] = [
    ("late by 1 ms", |s| s.writes[2].0 += 1, ":6", "at 456 ms: 1 ms too late"),
    ("early by 1 ms", |s| s.writes[2].0 -= 1, ":6", "at 454 ms: 1 ms too early"),
    ("late from there on", |s| delay(s, 3, 1), ":7", "1 ms too late"),
    ("the first half of an event comes early", |s| s.writes[4].0 -= 5, ":8", "at 1650 ms: 5 ms too early"),
    ("the head comes early", |s| s.head_ms = 0, ":3", "400 ms too early"),
    ("the end is late", |s| s.end = End::Complete(1961), ":11", "1 ms too late"),
    ("a missing event", |s| drop(s.writes.remove(2)), ":6", "missing"),
    ("a missing comment", |s| drop(s.writes.remove(3)), ":7", "missing"),
    ("a wrong id", |s| written(s, 2, "id: 2", "id: 3"), ":6", r#"id: expected "2", got "3""#),
    ("no id", |s| written(s, 2, "id: 2\n", ""), ":6", "the field id is missing"),
    ("a wrong type", |s| written(s, 2, "token", "chunk"), ":6", r#"event: expected "token", got "chunk""#),
    ("a wrong value", |s| written(s, 2, "lo", "la"), ":6", r#"/text: expected "lo", got "la""#),
    ("a wrong reconnection time", |s| written(s, 0, "3000", "300"), ":4", r#"retry: expected "3000", got "300""#),
    ("another line end", |s| written(s, 6, "\n", "\r\n"), ":10", "other line ends"),
    ("an extra write", |s| s.writes.insert(6, (1655, ": more\n\n".into())), ":9", "one too many, behind this line"),
    ("a write twice", |s| s.writes.insert(3, (455, s.writes[2].1.clone())), ":6", "one too many: it came again"),
    ("another order", |s| swap_texts(s, 1, 2), ":", "out of order"),
    ("two events in one write", join_first_writes, ":4", "the chunk goes on behind it"),
    ("an event in two writes", split_last_write, ":10", "in 2 chunks, which end at byte [5]"),
    ("a changed header", |s| s.headers[1].1 = "8", ":3", "x-room: 8"),
    ("a missing header", |s| s.headers.truncate(1), ":3", "x-room is missing"),
    ("another content type", |s| s.headers[0].1 = "text/plain", ":3", "content-type: text/plain"),
    ("another status", |s| s.status = 503, ":3", "503"),
    ("a cut", |s| s.end = End::Cut(1960), ":11", "cut off by the server after 1960 ms"),
    ("no end", |s| s.end = End::Never, ":11", "no end"),
    ("no answer", |s| s.head_ms = 86_400_000, ":3", "no answer"),
];

fn delay(script: &mut Script, from: usize, by: u64) {
    script.writes[from..].iter_mut().for_each(|write| write.0 += by);
    script.end = End::Complete(1960 + by);
}

fn swap_texts(script: &mut Script, a: usize, b: usize) {
    let (first, second) = (script.writes[a].1.clone(), script.writes[b].1.clone());
    (script.writes[a].1, script.writes[b].1) = (second, first);
}

fn join_first_writes(script: &mut Script) {
    let (_, first) = script.writes.remove(0);
    script.writes[0].1.insert_str(0, &first);
}

fn split_last_write(script: &mut Script) {
    let (time, text) = script.writes.pop().unwrap();
    let (first, rest) = text.split_at("data:".len());
    script.writes.extend([(time, first.to_owned()), (time, rest.to_owned())]);
}

#[test]
fn each_planted_bug_is_found_once_at_its_line_in_its_words() {
    let path = recorded("bugs.jsonl");
    for (name, change, line, words) in BUGS {
        let mut script = Script::right();
        change(&mut script);
        let report = checked(script, &path);
        let text = report.to_string();
        let failed = format!("FAIL  bugs.jsonl{line}");
        assert!(!report.conforms() && text.contains(&failed) && text.contains(words), "{name}\n{text}");
        assert_eq!(text.matches("FAIL").count(), 1, "{name}\n{text}");
    }
}

#[test]
fn a_cut_stream_misses_its_last_event_and_its_end() {
    let path = recorded("cut-early.jsonl");
    let mut script = Script::right();
    script.writes.pop();
    script.end = End::Cut(1900);
    let text = checked(script, &path).to_string();
    for part in
        ["FAIL  cut-early.jsonl:10", "missing", "FAIL  cut-early.jsonl:11", "cut off by the server after 1900 ms"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn another_pace_is_found_once() {
    let ticks = |every: u64| {
        let mut script = Script::right();
        script.writes = (1..=20).map(|n| (400 + n * every, format!("data: {n}\n\n"))).collect();
        script.end = End::Never;
        script
    };
    let path = file("pace.jsonl");
    lab(ticks(1000).application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        lab.advance(secs(30)).await;
        tokens.recording().save(&path).unwrap();
    });
    checked(ticks(1000), &path).assert_conforms();
    let text = checked(ticks(1001), &path).to_string();
    assert!(text.contains("the pace is too slow") && text.contains("1001 ms, the median"), "{text}");
    assert_eq!(text.matches("FAIL").count(), 1, "{text}");
}

#[test]
fn a_write_that_is_late_at_the_end_of_a_recording_is_late_and_not_missing() {
    let endless = || {
        let mut script = Script::right();
        script.end = End::Never;
        script
    };
    let path = file("open.jsonl");
    lab(endless().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        lab.advance_to(ms(1958)).await;
        tokens.recording().save(&path).unwrap();
    });
    checked(endless(), &path).assert_conforms();
    let mut late = endless();
    late.writes[6].0 += 1;
    let text = checked(late, &path).to_string();
    assert!(text.contains("at 1959 ms: 1 ms too late"), "{text}");
    // What comes behind the end of the recording is not judged.
    let mut more = endless();
    more.writes.push((1959, "data: more\n\n".into()));
    checked(more, &path).assert_conforms();
    let mut more = endless();
    more.writes.push((1958, "data: more\n\n".into()));
    assert!(checked(more, &path).to_string().contains("one too many"));
}

#[test]
fn the_failed_assertion_is_the_report() {
    let path = recorded("assertion.jsonl");
    let mut script = Script::right();
    script.status = 503;
    let report = checked(script, &path);
    let panic = std::panic::catch_unwind(|| report.assert_conforms()).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    let begin = "the server does not conform\n\nonbeat check: the application in the lab, in virtual time\n";
    assert!(message.starts_with(begin) && message.contains("FAIL  assertion.jsonl:3"), "{message}");
}
