//! The report for CI: JUnit's XML, a test case for each case, a suite for each part of the contract.

use std::time::Duration;

use onbeat_wire::Epoch;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{STALE, printable_report};
use crate::judge::{Outcome, Report, Verdict};

/// The time of a check.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// When the check began.
    pub began: Epoch,
    /// How long the check took, in real time.
    pub took: Duration,
}

/// Returns the report as a JUnit file. A case takes as long as the clients of the case were connected; since clients are
/// connected side by side, a suite takes as long as the longest case.
///
/// # Errors
///
/// If the XML can't be written.
pub fn render(report: &Report, made: Made) -> Result<String, quick_junit::SerializeError> {
    let report = &printable_report(report);
    let mut junit = quick_junit::Report::new(format!("onbeat check {}", report.target));
    junit.timestamp = made.began.to_string().parse().ok();
    junit.set_time(made.took);
    let suite = |(name, verdicts): (&str, Vec<&Verdict>)| {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(verdicts.into_iter().map(test_case));
        suite
    };
    let mut suites: Vec<TestSuite> = report.parts().into_iter().map(suite).collect();
    // Puts trouble first, as an error of the test run: a server that could not be judged fails no case.
    if let Some(trouble) = &report.trouble {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(trouble.as_str());
        let mut suite = TestSuite::new("target");
        suite.add_test_case(TestCase::new(report.target.as_str(), status));
        suites.insert(0, suite);
    }
    for suite in &mut suites {
        suite.timestamp = junit.timestamp;
        suite.time = Some(suite.test_cases.iter().filter_map(|case| case.time).max().unwrap_or_default());
    }
    junit.add_test_suites(suites);
    junit.to_string()
}

fn test_case(verdict: &Verdict) -> TestCase {
    let (suite, name) = verdict.part_and_name();
    let status = match verdict.outcome {
        Outcome::Pass | Outcome::Observed => TestCaseStatus::success(),
        Outcome::Fail => failure(&verdict.clause, "conformance").set_description(findings(verdict)).clone(),
        Outcome::Stale => failure(STALE, "stale"),
        Outcome::KnownFailure => {
            let known = format!("known failure: {}", verdict.clause);
            TestCaseStatus::skipped().set_message(known).set_description(findings(verdict)).clone()
        }
        Outcome::Skipped => {
            TestCaseStatus::skipped().set_message(verdict.reason.as_deref().unwrap_or_default()).clone()
        }
    };
    let mut case = TestCase::new(name, status);
    // Repeats the suite, since some viewers show the class name and hide the suite.
    case.set_classname(XmlString::new(suite));
    case.time = verdict.took;
    // Prints the findings as output, since a success has no description.
    if verdict.outcome == Outcome::Observed {
        case.set_system_out(findings(verdict));
    }
    case
}

fn failure(message: &str, kind: &str) -> TestCaseStatus {
    TestCaseStatus::non_success(NonSuccessKind::Failure).set_message(message).set_type(kind).clone()
}

fn findings(verdict: &Verdict) -> String {
    let lines = verdict.findings.iter().map(|finding| {
        let (place, why) = (&finding.place, &finding.why);
        format!("{place}: {why}\n  expected {}\n  actual   {}\n", finding.expected, finding.actual)
    });
    lines.collect()
}
