//! The simulation of the embedded server: what failed once, a run of new seeds, and the same trace from one job and two.

use std::process::{Command, Output};

use onbeat::lab::Application;
use onbeat::simulate::Simulator;

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).arg("simulate").args(arguments).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn seeds_that_failed_once_hold() {
    let simulator = Simulator::new(Application::embedded());
    let seeds = include_str!("failed-seeds.txt").lines().filter_map(|line| line.split('#').next());
    for seed in seeds.map(str::trim).filter(|seed| !seed.is_empty()) {
        let world = simulator.world(seed.parse().expect("a seed"));
        assert!(world.is_ok(), "{world:#?}");
    }
}

#[test]
fn a_thousand_worlds_hold_and_have_everything_of_interest() {
    let output = simulate(&["--seeds", "0..1000"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let last = text(&output.stdout).lines().last().expect("a summary");
    assert!(last.starts_with("1000 worlds, 0 failed; "), "{last}");
}

#[test]
fn one_job_and_three_give_the_same_trace() {
    let one = simulate(&["--seeds", "5000..5100", "--jobs", "1"]);
    let three = simulate(&["--seeds", "5000..5100", "--jobs", "3"]);
    assert_eq!(text(&one.stdout), text(&three.stdout));
}

#[test]
fn wrong_usage_is_explained() {
    let output = simulate(&["--seeds", "9..3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected a range like 0..1000"), "{}", text(&output.stderr));
}
