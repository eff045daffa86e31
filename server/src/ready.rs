//! The readiness probe: whether the server listens, for test runners that wait for it.
//!
//! It is there with and without the control interface, and anybody may ask for it, by any `Host` and from any `Origin`: it
//! tells nothing but that it answers. It is no part of the world. A probe takes no ordinal, is in no log, and changes no byte.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

/// Where it is.
pub const PATH: &str = "/__onbeat/ready";

/// Its methods.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The same router, which also answers whether the server is ready.
pub fn with_readiness(router: Router) -> Router {
    router.layer(middleware::from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
    if request.uri().path() != PATH {
        return next.run(request).await;
    }
    let mut response = match *request.method() {
        // An answer to `HEAD` loses its body on the way out.
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
