//! Requests to the routes, and the routes in the description.

use axum::body::{Body, to_bytes};
use axum::http::Method;
use onbeat_server::clock::Kind;
use onbeat_server::random::Seed;
use onbeat_server::ready;
use onbeat_server::world::Limits;
use tower_service::Service;

use super::*;
use crate::{Access, Redaction, Settings};

/// Asks a new server; returns the status, the wrong field, and the allowed methods.
async fn asked(method: &str, path: &str) -> (u16, String, Option<String>) {
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let (limits, redaction) = (Limits::default(), Redaction::default());
    let settings = Settings { clock: Kind::Manual, seed: Seed(0), epoch, limits, redaction };
    let access = Access::new(&[], "localhost", None, &[]).expect("nobody else reaches the server");
    let mut router = crate::router(settings, access);
    let request = Request::builder().method(method).uri(format!("{PREFIX}{path}")).header("host", "localhost");
    let response = router.call(request.body(Body::empty()).expect("a request")).await.expect("a router never fails");
    let status = response.status().as_u16();
    let allow = response.headers().get("allow").map(|allow| allow.to_str().expect("ASCII").to_owned());
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body that ends");
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, answer["error"]["field"].as_str().unwrap_or_default().to_owned(), allow)
}

#[tokio::test]
async fn a_request_that_no_route_takes_is_refused_by_its_path_method_or_id() {
    for (method, path, status, field) in [
        ("GET", "", 404, "path"),
        ("GET", "/", 404, "path"),
        ("GET", "/clock/", 404, "path"),
        ("GET", "/Clock", 404, "path"),
        ("DELETE", "/faults/", 404, "path"),
        ("GET", "/faults/1/2", 404, "path"),
        ("POST", "/clock", 405, "method"),
        ("GET", "/connections/1/close", 405, "method"),
        ("DELETE", "/faults/x", 404, "id"),
        ("DELETE", "/faults/-1", 404, "id"),
        ("DELETE", "/faults/+1", 404, "id"),
        ("DELETE", "/faults/%31", 404, "id"),
        ("DELETE", "/faults/99999999999999999999", 404, "id"),
        ("GET", "/faults", 200, ""),
    ] {
        let (found, wrong, _) = asked(method, path).await;
        assert_eq!((found, wrong.as_str()), (status, field), "{method} {path}");
    }
    assert_eq!(asked("PUT", "/faults").await.2.as_deref(), Some("GET, POST, DELETE"));
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_of_a_route() {
    let probe = ready::PATH.strip_prefix(PREFIX).expect("the probe is below the other routes");
    let described = DESCRIBED.iter().filter(|(path, _)| *path != probe);
    let mut routes = routes().map(|(path, _)| path);
    routes.sort_unstable();
    assert!(described.clone().map(|(path, _)| path.as_str()).eq(routes));
    for (path, methods) in described {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let is_described = methods.contains(&method.as_str());
            let (status, ..) = asked(method.as_str(), &path.replace("{id}", "1")).await;
            assert_eq!(status != 405, is_described, "{method} {path}: {status}");
        }
    }
}
