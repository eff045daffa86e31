//! The program from outside: what it prints, and how it exits.

use std::net::TcpListener;
use std::process::{Command, Output};

fn onbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// The exit code is 2, nothing is on stdout, and stderr says this.
#[track_caller]
fn assert_fails(arguments: &[&str], said: &str) {
    let output = onbeat(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
}

#[test]
fn replay_prints_all_five_streams_for_people() {
    let output = onbeat(&["replay", "--seed", "42"]);
    assert_eq!(output.status.code(), Some(0));
    let titles: Vec<&str> = text(&output.stdout).lines().filter(|line| line.starts_with("GET ")).collect();
    let paths = ["/sse", "/stream-text", "/sse-data", "/dynamic-counter", "/stream-json"];
    assert_eq!(titles, paths.map(|path| format!("GET {path}, seed 42, epoch 2025-12-01T00:00:00.000Z")));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn replay_prints_jsonl_for_programs() {
    let output = onbeat(&["replay", "dynamic-counter", "--epoch", "2020-02-29T23:59:59Z", "--format", "jsonl"]);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 34);
    assert!(
        lines[0]
            .starts_with(r#"{"t_ms":0,"kind":"head","status":200,"headers":[["content-type","text/event-stream"],"#)
    );
    let first =
        r#"{"t_ms":1000,"kind":"write","text":"data: {\"counter\":0,\"ts\":\"2020-03-01T00:00:00.000Z\"}\n\n"}"#;
    assert_eq!(lines[1], first);
    assert_eq!(lines[33], r#"{"t_ms":31000,"kind":"end","how":"complete"}"#);
}

#[test]
fn replay_watches_sse_for_as_long_as_it_is_told() {
    for (watched, lines) in
        [("0s", 3), ("29999ms", 3), ("30s", 4), ("10m", 23), ("24h", 2883), ("1d", 2883), ("P1D", 2883)]
    {
        let output = onbeat(&["replay", "sse", "--for", watched, "--format", "jsonl"]);
        assert_eq!(text(&output.stdout).lines().count(), lines, "{watched}");
    }
}

#[test]
fn replay_stops_quietly_when_nobody_reads_on() {
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", "\"$0\" replay sse --for 100h | head -n 1", env!("CARGO_BIN_EXE_onbeat")]).output();
    let output = output.expect("a shell runs");
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        ("GET /sse, seed 0, epoch 2025-12-01T00:00:00.000Z\n", "")
    );
}

#[test]
fn wrong_usage_is_explained_and_exits_with_2() {
    assert_fails(&[], "Usage: onbeat <COMMAND>");
    assert_fails(&["play"], "unrecognized subcommand 'play'");
    assert_fails(&["replay", "ssse"], "[possible values: sse, stream-text, sse-data, dynamic-counter, stream-json]");
    assert_fails(&["replay", "--seed", "-1"], "expected a whole number from 0 to 2^64 - 1");
    assert_fails(&["replay", "--epoch", "yesterday"], "expected a time like 2025-12-01T00:00:00Z (RFC 3339)");
    assert_fails(&["replay", "--epoch", "9999-12-31T23:00:00Z"], "to 9899-01-01T00:00:00Z; it is not in this range");
    for command in [&["replay", "--for"][..], &["simulate", "--for"], &["check", "--tolerance"]] {
        for wrong in ["95", "-1s", "1mo", "36501d", "soon"] {
            assert_fails(&[command, &[wrong]].concat(), "expected a time like ");
        }
    }
    assert_fails(&["replay", "--format", "xml"], "[possible values: text, jsonl]");
    assert_fails(&["serve", "--clock", "scaled:0"], "expected real, manual, or scaled:N");
    assert_fails(&["serve", "--addr", "localhost"], "expected HOST:PORT, like 127.0.0.1:3000");
    assert_fails(&["serve", "--addr", "nowhere.invalid:0"], "no address is known for the name \"nowhere.invalid\"");
    assert_fails(&["serve", "--control", "--control-host", "*"], "expected a name or an address as in a Host header");
    assert_fails(&["serve", "--control", "--redact", "msg"], "the answers depend on msg");
    assert_fails(&["serve", "--redact", "key"], "--redact means nothing without --control or --clock manual");
    for option in [["serve", "--mailbox"], ["serve", "--connections"], ["simulate", "--jobs"], ["check", "--scale"]] {
        let said = format!("for '{} <N>': expected a whole number from 1 to 2^", option[1]);
        for wrong in ["0", "-1", "none", "1.5", "18446744073709551616"] {
            assert_fails(&[&option[..], &[wrong]].concat(), &said);
        }
    }
    assert_fails(&["check", "--scale", "2"], "required arguments were not provided");
    assert_fails(&["check", "--tolerance", "1s"], "required arguments were not provided");
    assert_fails(&["simulate", "--again", "-", "--jobs", "2"], "'--again <FILE>' cannot be used with '--jobs <N>'");
    assert_fails(&["check", "--scale", "4294967296"], "expected a whole number from 1 to 2^32 - 1");
    for wrong in ["5..5", "10..5", "18446744073709551615.."] {
        assert_fails(&["simulate", "--seeds", wrong], "expected a range with at least one seed, like 0..1000");
    }
    for wrong in ["5", "-1..5", "..5", "a..b"] {
        assert_fails(&["simulate", "--seeds", wrong], "expected a range like 0..1000, or 0..");
    }
}

#[test]
fn serve_on_a_port_that_is_taken_says_so_and_exits_with_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("an address").to_string();
    assert_fails(&["serve", "--addr", &addr], &format!("onbeat: failed to listen on {addr}: "));
}

#[test]
fn a_scenario_that_the_file_does_not_have_is_refused() {
    let file = |name: &str| format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let tutorial = file("tutorial.toml");
    let without = format!("--scenario: expected no scenario: {tutorial} has none, got busy");
    assert_fails(&["serve", "--routes", &tutorial, "--scenario", "busy"], &without);
    let chat = file("chat/routes.toml");
    assert_fails(&["serve", "--routes", &chat, "--scenario", "ofline"], "--scenario: expected one of cut, ");
}

#[test]
fn help_and_version_go_to_stdout() {
    for arguments in [["--help"], ["--version"]] {
        let output = onbeat(&arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("onbeat"));
    }
}
