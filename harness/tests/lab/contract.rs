//! The fixtures held against an application in a lab that implements their contract.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use onbeat::{Lab, Outcome, Report, lab_with, ms, secs};
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

/// The name of a bug, the case that catches the bug, and the change of the built-in server.
type Mutant = (&'static str, &'static str, fn(Router) -> Router);

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

#[test]
fn each_planted_bug_is_caught_by_the_case_of_its_clause() {
    async fn charset(request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        if response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
        }
        response
    }
    async fn caching(request: Request, next: Next) -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().remove(CACHE_CONTROL);
        response
    }
    async fn a_millisecond_late(request: Request, next: Next) -> Response {
        tokio::time::sleep(ms(1)).await;
        next.run(request).await
    }
    async fn no_message(mut request: Request, next: Next) -> Response {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = Uri::try_from(path).expect("a path");
        next.run(request).await
    }
    async fn another_word(request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(|piece| piece.map(|piece| with_another_word(&piece))))
        })
    }
    fn with_another_word(piece: &[u8]) -> Bytes {
        String::from_utf8_lossy(piece).replace("pause", "break").into()
    }
    let mutants: [Mutant; 6] = [
        ("a charset", "stream-text.content-type", |app| app.layer(middleware::from_fn(charset))),
        ("no Cache-Control", "sse.cache-control", |app| app.layer(middleware::from_fn(caching))),
        ("a millisecond late", "dynamic-counter.period", |app| app.layer(middleware::from_fn(a_millisecond_late))),
        ("the message is lost", "fan-out.broadcast", |app| app.layer(middleware::from_fn(no_message))),
        ("another word", "sse-data.pause", |app| app.layer(middleware::from_fn(another_word))),
        ("no streams", "stream-json.status", |_| Router::new()),
    ];
    for (name, case, change) in mutants {
        let report = checked(change, "*");
        assert!(failing(&report).contains(&case), "{name}: {:?}", failing(&report));
    }
}

#[test]
fn a_selection_and_a_quick_check_leave_cases_out() {
    let report = checked(|app| app, "stream-text.*");
    report.assert_conforms();
    assert!(
        report
            .verdicts
            .iter()
            .all(|verdict| { verdict.id.starts_with("stream-text.") || verdict.outcome == Outcome::Skipped })
    );
    lab_with(
        async |_: Lab| built_in(),
        async |lab| {
            lab.check_contract().quick().behind_proxy().skip("json.*").await.unwrap().assert_conforms();
            assert!(lab.now() < secs(120), "{:?}", lab.now());
            let typo = lab.check_contract().only("stream-texts.*").await.unwrap_err().to_string();
            assert!(
                typo.starts_with("no case matches \"stream-texts.*\": fixtures/cases.json has their ids"),
                "{typo}"
            );
        },
    );
}
