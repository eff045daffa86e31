//! The readiness probe, for test runners that wait until the server listens.
//!
//! The probe is served with and without the control interface, for any `Host` and any `Origin`, since the answer tells only
//! that the server is ready. The probe is no part of the world: a request takes no ordinal, is in no log, and changes no byte.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// The path of the probe.
pub const PATH: &str = "/__onbeat/ready";
/// The beginning of the paths that are no part of a world: of the probe, the control interface and the page.
pub const PREFIX: &str = "/__onbeat";

/// The methods of the probe.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// Adds the readiness probe to a router.
pub fn with_readiness(router: Router) -> Router {
    router.layer(middleware::from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
    if request.uri().path() != PATH {
        return next.run(request).await;
    }
    let mut response = match *request.method() {
        // Answers `HEAD` as `GET`: hyper leaves the body out.
        Method::GET | Method::HEAD => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], r#"{"ready":true}"#).into_response()
        }
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower_service::Service;

    use super::*;

    #[tokio::test]
    async fn only_the_path_itself_is_the_probe() {
        let mut router = with_readiness(Router::new());
        for (target, status) in [
            ("/__onbeat/ready", StatusCode::OK),
            ("/__onbeat/ready?x=1", StatusCode::OK),
            ("/__onbeat/ready/", StatusCode::NOT_FOUND),
            ("/__onbeat/readyx", StatusCode::NOT_FOUND),
            ("/__onbeat/READY", StatusCode::NOT_FOUND),
            ("/__onbeat", StatusCode::NOT_FOUND),
        ] {
            let request = Request::builder().uri(target).body(Body::empty()).expect("a request");
            let response = router.call(request).await.expect("a router never fails");
            assert_eq!(response.status(), status, "{target}");
        }
    }
}
