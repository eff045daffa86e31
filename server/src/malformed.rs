//! Refuses the malformed requests that hyper accepts and the contract refuses.

use axum::extract::Request;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Node's `--max-http-header-size`: the target, and the names and values of all headers, have fewer bytes in all.
const TARGET_AND_HEADERS_BYTES_MAX: usize = 16 * 1024;

/// Answers a malformed request with a 4xx and closes the connection; passes other requests on.
pub(crate) async fn refuse_malformed(request: Request, next: Next) -> Response {
    let Some((status, why)) = malformed(&request) else { return next.run(request).await };
    tracing::debug!(%status, why, "request refused");
    let close = (CONNECTION, HeaderValue::from_static("close"));
    (status, [close], format!("{why}\n")).into_response()
}

fn malformed(request: &Request) -> Option<(StatusCode, &'static str)> {
    // Measures first: an oversized head gets 431, whatever else is wrong.
    if head_bytes(request) >= TARGET_AND_HEADERS_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some((status, "the target and the headers are 16 KiB or more"));
    }
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if !target.is_ascii() {
        return Some((StatusCode::BAD_REQUEST, "the target is not ASCII: percent-encode it"));
    }
    // Asks for `Host` in HTTP/1.1 alone, since HTTP/1.0 has no such field.
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_head_of_16_kib_is_too_large_and_one_with_a_byte_less_is_not() {
        let head = |bytes: usize| {
            // Counts the target, and the names and values of the headers.
            let rest = "/sse".len() + "host".len() + "a".len() + "x-long".len();
            let value = "x".repeat(bytes - rest);
            Request::get("/sse").header(HOST, "a").header("x-long", value).body(Body::empty()).expect("a request")
        };
        let status = |bytes| malformed(&head(bytes)).map(|(status, _)| status);
        assert_eq!(status(16 * 1024 - 1), None);
        assert_eq!(status(16 * 1024), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
}
