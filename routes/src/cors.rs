//! Cross-origin access to routes: a page of any origin may send any request, with credentials, and read every header of the
//! answer.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// The headers open to every page without being exposed (Fetch, 2.2.2).
const SAFE: [&str; 7] =
    ["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"];

/// Answers a preflight: allows the asked method and all asked headers.
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
        // Varies by the asked header even if absent: a cache must not answer another preflight with this answer.
        headers.append(VARY, HeaderValue::from(asked));
    }
    // Forbids to remember the answer: a browser would leave out preflights by its own time, and change the ordinals of the
    // requests behind, and so random values.
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("0"));
    let_read(request, headers);
    response
}

/// Lets the page behind a request read the answer, unless the answer itself has an `Access-Control-Allow-Origin`.
pub(crate) fn let_read(request: &HeaderMap, headers: &mut HeaderMap) {
    let Some(origin) = request.get(ORIGIN) else { return };
    // Leaves a route's own CORS headers alone, which may refuse the page on purpose.
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    // Lists the names one by one: with credentials an asterisk would stand for a header `*`.
    let exposed: Vec<_> = headers.keys().map(HeaderName::as_str).filter(|name| !SAFE.contains(name)).collect();
    if let Ok(exposed) = HeaderValue::from_str(&exposed.join(", "))
        && !exposed.is_empty()
    {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    // Names the origin of the page, since credentials forbid the asterisk here as well.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    const PAGE: (&str, &str) = ("origin", "http://localhost:5173");
    const ASKED: (&str, &str) = ("access-control-request-method", "PUT");

    fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn a_preflight_allows_what_it_asks_for() {
        let lines = ["x-a, x-b", "x-c"].map(|names| ("access-control-request-headers", names));
        let asked = head("OPTIONS", "/a", &[&[PAGE, ASKED], &lines[..]].concat());
        let response = preflight(&asked.headers);
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        for (name, expected) in [
            ("access-control-allow-origin", &["http://localhost:5173"][..]),
            ("access-control-allow-credentials", &["true"]),
            ("access-control-allow-methods", &["PUT"]),
            ("access-control-allow-headers", &["x-a, x-b", "x-c"]),
            ("access-control-max-age", &["0"]),
            ("vary", &["access-control-request-method", "access-control-request-headers", "Origin"]),
        ] {
            assert_eq!(values(response.headers(), name), expected, "{name}");
        }
        let without = preflight(&head("OPTIONS", "/a", &[PAGE, ASKED]).headers);
        assert_eq!(values(without.headers(), "access-control-allow-headers"), [""; 0]);
    }

    #[test]
    fn a_page_may_read_every_header_unless_the_answer_says_who_may() {
        let answer =
            || head("GET", "/a", &[("content-type", "text/plain"), ("x-id", "7"), ("retry-after", "1")]).headers;
        let from_page = head("GET", "/a", &[PAGE]).headers;
        let mut headers = answer();
        let_read(&from_page, &mut headers);
        assert_eq!(values(&headers, "access-control-allow-origin"), ["http://localhost:5173"]);
        assert_eq!(values(&headers, "access-control-expose-headers"), ["x-id, retry-after"]);
        assert_eq!(values(&headers, "vary"), ["Origin"]);

        let mut unchanged = answer();
        let_read(&HeaderMap::new(), &mut unchanged);
        assert_eq!(unchanged, answer());

        let own = || head("GET", "/a", &[("access-control-allow-origin", "*")]).headers;
        let mut unchanged = own();
        let_read(&from_page, &mut unchanged);
        assert_eq!(unchanged, own());

        let mut safe = head("GET", "/a", &[("content-type", "text/plain")]).headers;
        let_read(&from_page, &mut safe);
        assert!(!safe.contains_key("access-control-expose-headers"));
    }
}
