//! Servers over real sockets, on clocks of every kind, with others beside the check.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::served::Served;
use crate::support::{onbeat, text, verdicts};

#[test]
fn a_clock_that_stands_still_or_runs_at_another_speed_is_told_before_all_that_follows() {
    for (clock, told) in [
        ("manual", "The server's clock stands still: "),
        ("scaled:2", "Most likely it is scaled: check with `--scale 2`, or"),
    ] {
        let served = Served::start(&["--clock", clock]);
        let only = "stream-json.*,dynamic-counter.*,sse-data.*";
        let output = onbeat(&["check", &served.addr.to_string(), "--quick", "--only", only]);
        assert_eq!(output.status.code(), Some(1), "{clock}");
        let words = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(told), "{clock}: {words}");
        assert!(!words.contains("expected data"), "{clock}: {words}");
    }
}

#[test]
fn before_a_clock_that_stands_still_what_needs_time_is_given_up() {
    let served = Served::start(&["--clock", "manual"]);
    let only = "sse-data.*,dynamic-counter.*,sse.heartbeat-period,fan-out.beside-heartbeats";
    let output = onbeat(&["check", &served.addr.to_string(), "--only", only, "--format", "jsonl"]);
    let verdicts = verdicts(&output);
    let of = |id: &str| verdicts.iter().find(|(known, _)| known == id).map(|(_, verdict)| verdict.as_str());
    assert_eq!(of("sse-data.count"), Some("fail"), "{verdicts:?}");
    for id in ["sse.heartbeat-period", "fan-out.beside-heartbeats"] {
        assert_eq!(of(id), Some("skipped"), "{id}");
    }
}

#[test]
fn a_clock_that_is_too_fast_to_be_judged_is_an_error() {
    let output = onbeat(&["check", "http://127.0.0.1:9", "--scale", "1001"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected a scale of at most 1000, got 1001"), "{}", text(&output.stderr));
}

/// Each case by what is said of it, for a check of this server.
fn failures(url: &str, arguments: &[&str]) -> Vec<(String, String)> {
    let output = onbeat(&[&["check", url, "--format", "jsonl"], arguments].concat());
    verdicts(&output).into_iter().filter(|(_, verdict)| verdict == "fail").collect()
}

#[test]
fn a_quick_check_of_a_scaled_server_counts_nothing_past_the_cut() {
    let served = Served::start(&["--clock", "scaled:100"]);
    let url = format!("http://{}", served.addr);
    assert_eq!(failures(&url, &["--quick", "--scale", "100", "--tolerance", "2s"]), []);
}

#[test]
fn heartbeats_that_fall_due_during_a_scene_are_no_mistake_at_any_scale() {
    let served = Served::start(&["--clock", "scaled:1000"]);
    let url = format!("http://{}", served.addr);
    assert_eq!(failures(&url, &["--scale", "1000", "--tolerance", "2s", "--only", "fan-out.*,sse.*"]), []);
}

#[test]
fn two_checks_of_one_server_do_not_fail_each_other() {
    let served = Served::start(&["--clock", "scaled:20"]);
    let url = format!("http://{}", served.addr);
    let check = || failures(&url, &["--scale", "20", "--tolerance", "2s", "--only", "fan-out.*"]);
    std::thread::scope(|scope| {
        let both = [scope.spawn(check), scope.spawn(check)];
        for check in both {
            assert_eq!(check.join().expect("it ends"), []);
        }
    });
}

#[test]
fn a_check_that_is_told_to_end_reports_what_is_known_by_then() {
    let served = Served::start(&["--control"]);
    let url = format!("http://{}", served.addr);
    let mut check = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let check = check.args(["check", &url, "--quick"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let check = check.expect("onbeat runs");
    // The streams are under way, so the signal comes in the middle.
    while !connections(&served).contains("streaming") {}
    let told = Command::new("kill").args(["-TERM", &check.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let output = check.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = "The server could not be judged to the end:\n  the check was told to end before its time\n";
    assert!(text(&output.stdout).contains(told), "{}", text(&output.stdout));
}

/// Returns what a server says of its connections.
fn connections(served: &Served) -> String {
    let mut socket = TcpStream::connect(served.addr).expect("the server listens");
    let request = "GET /__onbeat/connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}
