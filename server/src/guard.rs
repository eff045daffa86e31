//! What the reference's HTTP parser (Node's) refuses and hyper lets through.

use axum::extract::Request;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Node's `--max-http-header-size`: the target, and the names and values of all headers, stay below this.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The methods that Node knows; `CONNECT`, which it knows too, it does not answer.
const METHODS: &str = "ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE \
    NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND \
    UNLINK UNLOCK UNSUBSCRIBE";

/// Answers a malformed request with a 4xx and closes the connection; passes any other on.
pub(crate) async fn refuse_malformed(request: Request, next: Next) -> Response {
    match malformed(&request) {
        None => next.run(request).await,
        Some((status, why)) => refusal(status, why),
    }
}

/// The answer to what is no HTTP/1.1.
pub(crate) fn bad_request(why: &str) -> Response {
    refusal(StatusCode::BAD_REQUEST, why)
}

fn refusal(status: StatusCode, why: &str) -> Response {
    tracing::debug!(%status, why, "request refused");
    let close = (CONNECTION, HeaderValue::from_static("close"));
    (status, [close], format!("{why}\n")).into_response()
}

fn malformed(request: &Request) -> Option<(StatusCode, &'static str)> {
    if head_bytes(request) >= HEAD_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some((status, "the target and the headers are 16 KiB or more"));
    }
    if !METHODS.split(' ').any(|known| known == request.method()) {
        return Some((StatusCode::BAD_REQUEST, "the method is unknown"));
    }
    let uri = request.uri();
    if uri.scheme().is_none() && uri.authority().is_some() {
        return Some((StatusCode::BAD_REQUEST, "the target is neither a path nor a URL"));
    }
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if !target.is_ascii() {
        return Some((StatusCode::BAD_REQUEST, "the target is not ASCII: percent-encode it"));
    }
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Some((StatusCode::BAD_REQUEST, "HTTP/1.1 asks for a Host header (RFC 9112, 3.2)"));
    }
    None
}

fn head_bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    target + headers.sum::<usize>()
}
