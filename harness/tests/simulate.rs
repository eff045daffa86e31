//! The simulation of the embedded server: what failed once, worlds that nobody has thought of, the same trace from one job
//! and three, and what the command line says.

use std::process::{Command, Output};

use onbeat::simulate::{Run, Simulator};
use onbeat::world_lab::WorldServer;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).arg("simulate").args(arguments).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Histories that a bug has failed in, of the server as it was or with the bug planted: seeds would mean others as soon as
/// other histories are made up from them.
#[test]
fn histories_that_failed_once_hold() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/failed-histories.jsonl");
    let output = simulate(&["--again", path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Two thousand worlds in eight tests, so that nextest spreads them over cores, and its partitions over machines.
macro_rules! worlds {
    ($($name:ident $from:literal)*) => {
        $(#[test]
        fn $name() {
            let run = run($from..$from + 250);
            assert!(run.failures.is_empty(), "{}", run.failures[0]);
        })*
    };
}

fn run(seeds: std::ops::Range<u64>) -> Run {
    Simulator::new(WorldServer::embedded()).run(&seeds, std::num::NonZeroUsize::MIN, || true)
}

mod worlds {
    use super::run;

    worlds! {
        from_0 0
        from_250 250
        from_500 500
        from_750 750
        from_1000 1000
        from_1250 1250
        from_1500 1500
        from_1750 1750
    }
}

#[test]
fn everything_of_interest_occurs_in_a_thousand_worlds() {
    let output = simulate(&["--seeds", "0..1000"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let last = text(&output.stdout).lines().last().expect("a summary");
    assert!(last.starts_with("seeds 0..1000: 1000 worlds, 0 failed; "), "{last}");
}

#[test]
fn one_job_and_three_give_the_same_trace() {
    let one = simulate(&["--seeds", "5000..5100", "--jobs", "1"]);
    let three = simulate(&["--seeds", "5000..5100", "--jobs", "3"]);
    assert_eq!(text(&one.stdout), text(&three.stdout));
}

#[test]
fn a_run_that_is_over_tells_what_it_has_simulated() {
    let output = simulate(&["--for", "1ms", "--jobs", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("seeds 0.."), "{}", text(&output.stdout));
}

/// Begins a run, sends it a signal as soon as it listens, and waits for its end.
#[cfg(unix)]
fn signalled(command: &mut Command, signal: &str) -> Output {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    command.env("RUST_LOG", "onbeat=debug").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("onbeat runs");
    // From its first line on it listens to signals.
    let first = BufReader::new(child.stderr.take().expect("a pipe")).lines().next();
    assert!(first.is_some_and(|line| line.is_ok_and(|line| line.contains("simulating"))));
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    child.wait_with_output().expect("it ends")
}

#[cfg(unix)]
#[test]
fn a_run_that_is_told_to_end_tells_what_it_has_simulated_and_writes_its_trace() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let trace = format!("{}/ended{signal}.jsonl", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&trace, "from a run before").expect("a writable file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
        let output = signalled(command.args(["simulate", "--seeds", "0..", "--jobs", "1", "--trace", &trace]), signal);
        assert_eq!(output.status.code(), Some(0), "{signal}");
        assert!(text(&output.stdout).contains(" worlds, 0 failed; "), "{signal}: {}", text(&output.stdout));
        assert_eq!(std::fs::read_to_string(&trace).expect("written"), "", "{signal}: no world has failed");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" simulate --seeds 0..40 --jobs 1", env!("CARGO_BIN_EXE_onbeat")]);
    let output = signalled(&mut shell, "-HUP");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("seeds 0..40: 40 worlds, 0 failed; "), "{}", text(&output.stdout));
}

#[test]
fn wrong_usage_is_explained() {
    for (arguments, explanation) in [
        (&["--seeds", "9..3"][..], "expected a range with at least one seed, like 0..1000"),
        (&["--for", "soon"], "expected a time like 250ms"),
        (&["--again", "/nowhere"], "failed to read /nowhere"),
        (
            &["--again", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")],
            "Cargo.toml: line 1: expected a JSON object, got [package]",
        ),
        (&["--again", "/dev/null"], "is not a trace"),
        (&["--seeds", "0..", "--trace", "/nowhere/trace.jsonl"], "failed to write /nowhere/trace.jsonl"),
        (&["--seeds", "0..", "--trace", "/"], "failed to write /"),
        (&["--again", "/dev/null", "--trace", "/dev/null"], "cannot be used with"),
    ] {
        let output = simulate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(explanation), "{}", text(&output.stderr));
    }
}
