//! Cross-origin access to routes: a page of any origin may send any request, with credentials, and read every header of the
//! answer.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// The headers that every page may read (Fetch, 4.4): no need to expose them.
const SAFE: [&str; 7] =
    ["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"];

/// Returns whether a request is a preflight (Fetch, 4.8).
pub(crate) fn is_preflight(head: &Parts) -> bool {
    let has = |name: HeaderName| head.headers.contains_key(name);
    head.method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight: every method and every header that the page asks for is allowed.
pub(crate) fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    for (asked, allowed) in [
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
    ] {
        for value in request.get_all(&asked) {
            headers.append(allowed.clone(), value.clone());
        }
        headers.append(VARY, HeaderValue::from(asked));
    }
    let_read(request, headers);
    response
}

/// Lets the page that has sent a request read the answer, unless the answer itself says who may read.
pub(crate) fn let_read(request: &HeaderMap, headers: &mut HeaderMap) {
    let Some(origin) = request.get(ORIGIN) else { return };
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    // With credentials a page may read only names: an asterisk would name a header `*`.
    let exposed: Vec<_> = headers.keys().map(HeaderName::as_str).filter(|name| !SAFE.contains(name)).collect();
    if let Ok(exposed) = HeaderValue::from_str(&exposed.join(", "))
        && !exposed.is_empty()
    {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
