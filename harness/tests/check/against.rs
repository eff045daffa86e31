//! `onbeat check --against`: a server held against recordings of its own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Barrier};

use crate::served::Served;
use crate::support::{answering, answering_in_turn, file, last_line, onbeat, text, verdicts};

/// Answers with a chunk for each event.
macro_rules! events {
    ($($data:literal),*) => {
        concat!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Room: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
            $("11\r\ndata: {\"n\":", $data, "}\n\n\r\n",)*
            "0\r\n\r\n"
        )
    };
}

const GOOD: &str = events!("111", "222", "333");
const BAD: &str = events!("111", "229", "333");

/// Answers with two events of one instant.
macro_rules! two_timers {
    ($first:literal, $second:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            "12\r\nevent: ",
            $first,
            "\ndata: 1\n\n\r\n12\r\nevent: ",
            $second,
            "\ndata: 1\n\n\r\n0\r\n\r\n"
        )
    };
}

/// Returns a new folder.
fn folder(name: &str) -> PathBuf {
    let path = file(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Records what a server answers; returns the file.
fn recorded(url: &str, folder: &Path, more: &[&str]) -> PathBuf {
    let path = folder.join("chat.jsonl");
    let url = format!("{url}/chat");
    let output = onbeat(&[&["record", &url, "-o", utf8(&path)], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    path
}

fn check(url: &str, path: &Path, more: &[&str]) -> Output {
    onbeat(&[&["check", url, "--against", utf8(path)], more].concat())
}

fn failing(output: &Output) -> Vec<String> {
    verdicts(output).into_iter().filter(|(_, verdict)| verdict == "fail").map(|(id, _)| id).collect()
}

#[test]
fn a_server_holds_against_its_own_recording_and_a_mistake_is_named_with_its_line() {
    let folder = folder("against-own");
    let (good, bad) = (answering(GOOD), answering(BAD));
    let path = recorded(&good, &folder, &[]);
    let output = check(&good, &path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(last_line(&output).starts_with("conforms: 5 required cases hold"), "{}", last_line(&output));
    // The URL that was recorded will do as well as the URL of the server.
    assert_eq!(check(&format!("{good}/chat"), &folder, &[]).status.code(), Some(0));

    let output = check(&bad, &path, &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("FAIL  chat.jsonl:5  write 2: data: {\"n\":222}"), "{shown}");
    assert!(shown.contains("/n: expected 222, got 229"), "{shown}");
    assert_eq!(failing(&check(&bad, &folder, &["--format", "jsonl"])), ["chat.jsonl:5"]);
}

#[test]
fn a_clock_that_is_too_fast_is_an_error_as_without_recordings() {
    let path = recorded(&answering(GOOD), &folder("against-too-fast"), &[]);
    let output = check("http://127.0.0.1:9", &path, &["--scale", "1001"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected a scale of at most 1000, got 1001"), "{}", text(&output.stderr));
}

#[test]
fn what_came_is_accepted_and_keeps_what_may_vary() {
    let folder = folder("against-accept");
    let (good, bad) = (answering(GOOD), answering(BAD));
    let path = recorded(&good, &folder, &[]);
    let vary = "333}\\n\\n\",\"vary\":[{\"pointer\":\"/n\",\"as\":\"number\"}]";
    let loosened = std::fs::read_to_string(&path).expect("a file").replace("333}\\n\\n\"", vary);
    std::fs::write(&path, &loosened).expect("a file");

    let unchanged = check(&good, &path, &["--accept"]);
    assert_eq!((unchanged.status.code(), last_line(&unchanged).ends_with("chat.jsonl: unchanged")), (Some(0), true));
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), loosened);
    let accepted = check(&bad, &path, &["--accept"]);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    assert!(last_line(&accepted).ends_with("accepted what came; 1 line differed"), "{}", last_line(&accepted));
    let now = std::fs::read_to_string(&path).expect("a file");
    assert!(now.contains("229") && now.contains(vary), "{now}");
    assert_eq!(check(&bad, &path, &[]).status.code(), Some(0));
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 1);

    // What is no answer is not accepted.
    let broken = answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n");
    let refused = check(&broken, &path, &["--accept"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("stays as it was"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), now);
}

#[test]
fn wrong_recordings_are_all_told_before_the_first_connection() {
    let folder = folder("against-wrong");
    std::fs::write(folder.join("a.jsonl"), "hello\n").expect("a file");
    std::fs::write(folder.join("b.jsonl"), b"\xff\xfe{\0").expect("a file");
    std::fs::write(folder.join("c.jsonl"), "[".repeat(100_000)).expect("a file");
    std::fs::write(folder.join("notes.txt"), "no recording").expect("a file");
    // Nobody listens there.
    let url = "http://127.0.0.1:9";
    let output = check(url, &folder, &[]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    for part in [
        "a.jsonl: line 1: expected a JSON object, got hello",
        "b.jsonl: line 1: expected UTF-8, got UTF-16",
        "c.jsonl: line 1: ",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let empty = self::folder("against-empty");
    let none = check(url, &empty, &[]);
    assert!(none.status.code() == Some(2) && text(&none.stderr).contains("whose names end in .jsonl, got none"));
    let missing = check(url, &empty.join("missing"), &[]);
    assert!(missing.status.code() == Some(2) && text(&missing.stderr).contains("failed to read "));
    let path = recorded(&answering(GOOD), &empty, &[]);
    let typo = check(url, &path, &["--only", "chat.jsonl:99"]);
    assert_eq!(typo.status.code(), Some(2));
    assert!(text(&typo.stderr).contains("the number of a line, like chat.jsonl:4"), "{}", text(&typo.stderr));
    let unreachable = check(url, &path, &[]);
    assert!(unreachable.status.code() == Some(2) && text(&unreachable.stderr).contains("failed to connect to"));
}

#[test]
fn reports_and_known_failures_are_those_of_every_check() {
    let folder = folder("against-reports");
    let path = recorded(&answering(GOOD), &folder, &[]);
    let (list, junit, html) = (folder.join("known.txt"), folder.join("report.xml"), folder.join("report.html"));
    let bad = answering(BAD);
    let written =
        check(&bad, &path, &["--write-expect-failures", utf8(&list), "--junit", utf8(&junit), "--html", utf8(&html)]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    assert!(std::fs::read_to_string(&list).expect("a list").ends_with("\nchat.jsonl:5\n"));
    assert_eq!(check(&bad, &path, &["--expect-failures", utf8(&list)]).status.code(), Some(0));
    let stale = check(&answering(GOOD), &path, &["--expect-failures", utf8(&list)]);
    assert!(
        stale.status.code() == Some(1) && text(&stale.stderr).contains("chat.jsonl:5 is listed, but does not fail")
    );
    let junit = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(&junit).expect("written"));
    let suites: Vec<String> = junit.expect("JUnit").test_suites.iter().map(|suite| suite.name.to_string()).collect();
    assert_eq!(suites, ["chat.jsonl"]);
    let html = std::fs::read_to_string(&html).expect("written");
    assert!(html.contains("was held against its recordings") && html.contains("<svg"), "{html:.2000}");
}

#[test]
fn a_report_does_not_replace_a_recording() {
    let folder = folder("against-same-file");
    let path = recorded(&answering(GOOD), &folder, &[]);
    let before = std::fs::read(&path).expect("the recording");
    for option in ["--junit", "--html"] {
        for against in [&path, &folder] {
            let output = check(&answering(GOOD), against, &[option, utf8(&path)]);
            assert_eq!(output.status.code(), Some(2), "{option}");
            assert!(text(&output.stderr).contains("is read by this command: write to another path"), "{output:?}");
        }
    }
    assert_eq!(std::fs::read(&path).expect("the recording"), before);
}

#[test]
fn a_secret_is_sent_again_and_a_missing_one_is_asked_for() {
    let folder = folder("against-secret");
    let path = recorded(&answering(GOOD), &folder, &["-H", "Authorization: Bearer sesame-open"]);
    assert!(!std::fs::read_to_string(&path).expect("a file").contains("sesame"));
    let refusing = answering("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    let output = check(&refusing, &path, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("--header 'Authorization: …'"), "{}", text(&output.stdout));
    let echoing = answering(concat!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Room: Bearer sesame-open\r\nTransfer-Encoding: chunked\r\n\r\n",
        "0\r\n\r\n"
    ));
    let output = check(&echoing, &path, &["-H", "Authorization: Bearer sesame-open"]);
    assert!(!text(&output.stdout).contains("sesame"), "{}", text(&output.stdout));
}

#[test]
fn the_recordings_of_a_folder_are_clients_at_once() {
    let folder = folder("against-at-once");
    let path = recorded(&answering(GOOD), &folder, &[]);
    std::fs::copy(&path, folder.join("other.jsonl")).expect("a copy");
    // Answers two clients together, and nobody alone.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let both = Arc::new(Barrier::new(2));
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, both) = (socket.expect("a connection"), Arc::clone(&both));
            std::thread::spawn(move || {
                if matches!(socket.read(&mut [0; 4096]), Ok(1..)) {
                    both.wait();
                    let _ = socket.write_all(GOOD.as_bytes());
                }
            });
        }
    });
    let output = check(&url, &folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn timers_that_meet_in_the_other_order_by_chance_are_right_and_an_order_that_is_always_the_other_is_wrong() {
    const RECORDED: &str = two_timers!("a", "b");
    const OTHER: &str = two_timers!("b", "a");
    let folder = folder("against-order");
    let path = recorded(&answering(RECORDED), &folder, &[]);
    let chance = answering_in_turn(&[OTHER, OTHER, OTHER, OTHER, OTHER, OTHER, RECORDED]);
    let output = check(&chance, &path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let output = check(&answering(OTHER), &path, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let shown = text(&output.stdout);
    assert!(shown.contains("out of order") && shown.contains("If two timers of the server meet here"), "{shown}");
}

/// Returns the fixture of a stream as a recording, whose times are exact: a recording of a busy machine has longer waits.
fn recording_of_the_fixture(stream: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/streams/{stream}.jsonl"));
    let fixture = std::fs::read_to_string(path).expect("the fixture");
    let mut lines = vec![r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/"}"#.to_owned()];
    for line in fixture.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line.as_object_mut().expect("an object").remove("cases");
        if line["kind"] != "event" {
            lines.push(line.to_string());
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn another_pace_is_found_and_a_scale_explains_it() {
    let folder = folder("against-pace");
    let path = folder.join("text.jsonl");
    std::fs::write(&path, recording_of_the_fixture("stream-text")).expect("a file");
    let faster = Served::start(&["--clock", "scaled:4"]);
    let output = check(&format!("http://{}", faster.addr), &path, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("too fast") || text(&output.stdout).contains("too early"));
    let output = check(&format!("http://{}", faster.addr), &path, &["--scale", "4"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    // The times of a faster server are none of the recording.
    let refused = check(&format!("http://{}", faster.addr), &path, &["--scale", "4", "--accept"]);
    assert!(refused.status.code() == Some(2) && text(&refused.stderr).contains("cannot be used with"));
}

#[test]
fn a_folder_may_have_exchanges_without_an_answer() {
    let folder = folder("against-no-head");
    let good = answering(GOOD);
    recorded(&good, &folder, &[]);
    let start = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/"}"#;
    let request = r#"{"t_ms":0,"kind":"request","text":"GET /gone HTTP/1.1\r\n\r\n"}"#;
    let ending = |how: &str| format!("{start}\n{request}\n{{\"t_ms\":5,\"kind\":\"end\",\"how\":\"{how}\"}}\n");
    // Judges no answer that the recorded client has not waited for.
    std::fs::write(folder.join("left.jsonl"), ending("closed")).expect("a file");
    let output = check(&good, &folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("the recorded client left before the answer"), "{}", text(&output.stdout));
    let alone = check(&good, &folder.join("left.jsonl"), &[]);
    assert!(alone.status.code() == Some(2) && text(&alone.stderr).contains("expected a line of kind head, got none"));

    // Expects a connection that breaks off before an answer to break off again.
    let broken = folder.join("broken.jsonl");
    std::fs::write(&broken, ending("cut")).expect("a file");
    assert_eq!(failing(&check(&good, &broken, &["--format", "jsonl"])), ["broken.jsonl:3"]);
    assert_eq!(check(&answering(""), &broken, &[]).status.code(), Some(0));
}
