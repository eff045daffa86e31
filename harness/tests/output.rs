//! Output: an exit code stays true when nobody reads what is printed, or when it can't be printed; and what is printed of
//! foreign text does nothing to a terminal.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

/// Runs a line of a shell in which `$ONBEAT` is the program.
fn shell(line: &str) -> Output {
    Command::new("bash").args(["-c", line]).env("ONBEAT", env!("CARGO_BIN_EXE_onbeat")).output().expect("bash runs")
}

fn onbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A server that answers every request with these bytes, and closes the connection; its URL.
fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // It ends with the test's process.
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, answer) = (socket.expect("a connection"), answer.clone());
            std::thread::spawn(move || {
                if matches!(socket.read(&mut [0; 4096]), Ok(1..)) {
                    let _ = socket.write_all(&answer);
                }
            });
        }
    });
    url
}

/// Finds all fixtures missing in a folder that has none.
const VERIFY: &str = concat!("$ONBEAT fixtures verify --folder ", env!("CARGO_MANIFEST_DIR"));

/// Commands that print results, and their exit codes.
fn commands() -> Vec<(String, i32)> {
    let broken = answering(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec());
    let stream = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".to_vec());
    vec![
        ("$ONBEAT --help".into(), 0),
        ("$ONBEAT --version".into(), 0),
        ("$ONBEAT check --help".into(), 0),
        ("$ONBEAT replay".into(), 0),
        ("$ONBEAT replay sse --for 876000h --format jsonl".into(), 0),
        ("$ONBEAT check --only sse.greeting".into(), 0),
        ("$ONBEAT check --only sse.greeting --format jsonl".into(), 0),
        (format!("$ONBEAT check {broken}"), 1),
        (format!("$ONBEAT record {stream}"), 0),
        (VERIFY.into(), 1),
        ("$ONBEAT simulate --seeds 0..2".into(), 0),
        (format!("$ONBEAT simulate --again {}/tests/failed-histories.jsonl", env!("CARGO_MANIFEST_DIR")), 0),
        (format!("$ONBEAT replay --log {}/tests/log.jsonl", env!("CARGO_MANIFEST_DIR")), 0),
    ]
}

#[test]
fn a_reader_that_leaves_changes_no_exit_code() {
    for (command, code) in commands() {
        for reader in ["head -n 1", "head -n 0", "true", "grep -q e"] {
            let output = shell(&format!("{command} 2>/dev/null | {reader} >/dev/null; exit ${{PIPESTATUS[0]}}"));
            assert_eq!(output.status.code(), Some(code), "{command} | {reader}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn a_reader_that_leaves_is_told_nothing() {
    for command in ["$ONBEAT replay sse --for 100h", VERIFY, "$ONBEAT --help"] {
        let output = shell(&format!("{command} | head -n 1"));
        assert_eq!((text(&output.stdout).lines().count(), text(&output.stderr)), (1, ""), "{command}");
    }
}

#[test]
fn results_that_find_no_room_are_a_failure_of_the_program() {
    for (command, _) in commands() {
        let output = shell(&format!("{command} >/dev/full"));
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = text(&output.stderr);
        assert!(said.contains("onbeat: failed to write to stdout: No space left on device"), "{command}: {said}");
    }
    let output = shell("$ONBEAT serve --addr 127.0.0.1:0 >/dev/full");
    assert_eq!(output.status.code(), Some(2), "nobody could know where it listens");
}

#[test]
fn a_stderr_that_takes_nothing_changes_no_exit_code() {
    let wrong = [
        ("$ONBEAT", 2),
        ("$ONBEAT replay nothing", 2),
        ("$ONBEAT replay --log /nowhere", 2),
        ("$ONBEAT fixtures verify --folder /nowhere", 2),
        ("$ONBEAT replay >/dev/full", 2),
        ("$ONBEAT check http://127.0.0.1:1", 2),
        ("RUST_LOG=debug $ONBEAT simulate --seeds 0..2", 0),
        ("RUST_LOG=no=such=level $ONBEAT simulate --seeds 0..2", 0),
    ];
    let wrong = wrong.map(|(command, code)| (command.to_owned(), code));
    for (command, code) in commands().into_iter().filter(|(command, _)| !command.contains("876000h")).chain(wrong) {
        for stderr in ["/dev/full", "&-"] {
            let output = shell(&format!("{command} 2>{stderr}"));
            assert_eq!(output.status.code(), Some(code), "{command} 2>{stderr}");
        }
    }
}

#[test]
fn a_closed_stdout_changes_no_exit_code() {
    for (command, code) in commands().into_iter().filter(|(command, _)| !command.contains("876000h")) {
        assert_eq!(shell(&format!("{command} >&-")).status.code(), Some(code), "{command}");
    }
}

/// What steers a terminal, turns a line around, hides, or makes XML ill-formed.
const HOSTILE: &str = "\u{9b}31m\u{202e}\u{2066}\u{200f}\u{200b}\u{fffe}\u{ffff}\u{feff}\u{7f}";
const OSC_52: &str = "\x1b]52;c;aGk=\x07";

/// Nothing in it acts on a terminal, and it is short enough to be read.
#[track_caller]
fn assert_is_printable(output: &str) {
    let acts = output.chars().find(|char| HOSTILE.contains(*char) && !char.is_ascii_graphic());
    assert_eq!(acts, None, "{output:?}");
    assert!(output.chars().all(|char| !char.is_control() || char == '\n'), "{output:?}");
    assert!(output.lines().all(|line| line.chars().count() < 6000), "{output:?}");
}

#[test]
fn what_a_server_sends_does_nothing_to_a_terminal_or_to_xml() {
    let long = "x".repeat(60_000);
    let head = "HTTP/1.1 200 OK\r\nContent-Type";
    let stream = format!("data: {HOSTILE}{OSC_52}\n\n").repeat(200);
    for answer in [
        format!("{head}: text/{HOSTILE}{long}\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: /{HOSTILE}{long}\r\nContent-Length: 0\r\n\r\n"),
        format!("{head}: text/event-stream\r\nContent-Encoding: {HOSTILE}\r\n\r\n"),
        format!("{head}: text/event-stream; {HOSTILE}\r\nX-{long}: {HOSTILE}\r\n\r\n{stream}"),
        format!("{HOSTILE}{OSC_52}"),
    ] {
        let url = answering(answer.into_bytes());
        let files = ["hostile.xml", "hostile.html"].map(|name| format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")));
        let selection = ["--only", "dynamic-counter.*,requests.not-found"];
        let [junit, html] = &files;
        let text_report = onbeat(&[&["check", &url, "--junit", junit, "--html", html][..], &selection].concat());
        let jsonl = onbeat(&[&["check", &url, "--format", "jsonl"][..], &selection].concat());
        for output in [&text_report, &jsonl] {
            assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
            assert_is_printable(text(&output.stdout));
            assert_is_printable(text(&output.stderr));
        }
        let xml = std::fs::read_to_string(junit).expect("written");
        assert_is_printable(&xml);
        quick_junit::Report::deserialize_from_str(&xml).expect("JUnit");
        assert_is_printable(&std::fs::read_to_string(html).expect("written"));
    }
}

#[test]
fn what_stands_in_a_log_does_nothing_to_a_terminal() {
    let log = include_str!("log.jsonl");
    let escaped = serde_json::to_string(&format!("{OSC_52}{HOSTILE}")).expect("JSON");
    let escaped = escaped.trim_matches('"');
    let path = format!("{}/hostile.jsonl", env!("CARGO_TARGET_TMPDIR"));
    for (hostile, code) in [
        (log.replacen("data: {", &format!("data: {escaped}{{"), 1), 1),
        (log.replacen("\"cache-control\",\"no-cache", &format!("\"{escaped}\",\"{escaped}"), 1), 1),
        (log.replacen("curl/7.88.1", &"x".repeat(3000), 1), 0),
        (log.replacen("\"/sse\"", &format!("\"/{escaped}\""), 1), 2),
        (log.replacen("\"kind\":\"head\"", &format!("\"kind\":\"{escaped}\""), 1), 2),
        (log.replacen("2025-12-01T00:00:00.000Z", escaped, 1), 2),
        (format!("{log}{OSC_52}{HOSTILE}"), 2),
    ] {
        assert!(hostile != log);
        std::fs::write(&path, hostile).expect("a writable file");
        let output = onbeat(&["replay", "--log", &path]);
        let (results, errors) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{results}{errors}");
        assert_is_printable(results);
        assert_is_printable(errors);
    }
}

#[test]
fn what_stands_in_an_argument_does_nothing_to_a_terminal() {
    let hostile = format!("{OSC_52}{HOSTILE}");
    let list = format!("{}/hostile.txt", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&list, &hostile).expect("a writable file");
    for arguments in [
        &["replay", &hostile][..],
        &[&hostile],
        &["replay", "--epoch", &hostile],
        &["replay", "--log", &hostile],
        &["replay", "--log", &list],
        &["simulate", "--again", &list],
        &["check", "--expect-failures", &list],
        &["check", "--only", &hostile],
        &["check", &format!("http://{hostile}/")],
        &["serve", "--addr", &hostile],
    ] {
        let output = onbeat(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
        assert_is_printable(text(&output.stderr));
        assert_is_printable(text(&output.stdout));
    }
}
