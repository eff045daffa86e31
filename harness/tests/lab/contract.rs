//! The fixtures held against an application in a lab that implements their contract.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::Response;
use onbeat::{Lab, Outcome, Report, lab_with, ms};
use onbeat_clock::TokioClock;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_server::router::router;
use onbeat_server::world::World;

/// The built-in server as a foreign application.
fn built_in() -> Router {
    let epoch = "2025-12-01T00:00:00Z".parse().expect("an epoch");
    router(Arc::new(World::new(Arc::new(TokioClock::start()), Seed(42), epoch, Limits::default())))
}

fn failing(report: &Report) -> Vec<&str> {
    let failed = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail);
    failed.map(|verdict| verdict.id.as_str()).collect()
}

/// Checks the built-in server behind a layer.
fn checked(change: impl Fn(Router) -> Router, only: &str) -> Report {
    lab_with(async |_: Lab| change(built_in()), async |lab| lab.check_contract().only(only).await.unwrap())
}

#[test]
fn an_application_that_implements_the_contract_conforms() {
    lab_with(
        async |_: Lab| built_in(),
        async |lab| {
            let report = lab.check_contract().await.unwrap();
            assert_eq!(failing(&report), [""; 0], "{report}");
            report.assert_conforms();
            assert!(lab.open().is_empty());
        },
    );
}
