//! The origins of pages: reads the origins in options, and answers pages of named origins.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::host::is_host_and_port;

/// Reads an origin in the form of browsers, without the scheme's own port (RFC 6454, 6.2).
pub(super) fn parse_origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority: Authority = rest.parse().ok().filter(is_host_and_port)?;
    // Refuses the usual port, which browsers leave out: the option would never match.
    let is_usual_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
    let plain = !rest.contains(['/', '?', '#', '*']) && !authority.host().is_empty() && !is_usual_port;
    let scheme_is_plain = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && scheme_is_plain).then(|| text.to_ascii_lowercase())
}

/// Answers an `OPTIONS` request: a page of a named origin may then send the request itself.
pub(in crate::interface) fn preflight(request: &HeaderMap, named: Option<&HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(origin) = named {
        let headers = response.headers_mut();
        let_read(headers, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        // Grants access to the local network, for which Chrome asks from public pages.
        if request.contains_key("access-control-request-private-network") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
    }
    response
}

/// Lets a page of this origin read the answer.
pub(in crate::interface) fn let_read(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}
