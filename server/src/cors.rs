//! Cross-origin access, as the middleware `cors()` of the reference grants access: to every origin, for every request.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
const VARIES: HeaderValue = HeaderValue::from_static("Access-Control-Request-Headers");

/// Answers every `OPTIONS` as a preflight, and lets any origin read every other answer.
pub(crate) async fn allow_any_origin(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    response
}

fn preflight(request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    // Keeps caches from giving this answer to a preflight for other headers.
    headers.insert(VARY, VARIES);
    if let Some(requested) = requested_headers(request) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested);
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Returns the headers that a preflight asks for; several lines count as one list (RFC 9110, 5.3).
fn requested_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let lines: Vec<&[u8]> = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().map(HeaderValue::as_bytes).collect();
    let list = lines.join(&b", "[..]);
    HeaderValue::from_bytes(&list).ok().filter(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_is_allowed_all_headers_that_it_asks_for() {
        for (lines, allowed) in
            [(&[][..], None), (&["x-a"], Some("x-a")), (&["x-a, x-b", "x-c"], Some("x-a, x-b, x-c"))]
        {
            let lines = lines.iter().map(|line| (ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(line)));
            let requested = requested_headers(&lines.collect());
            assert_eq!(requested.as_ref().map(HeaderValue::as_bytes), allowed.map(str::as_bytes));
        }
    }
}
