//! Mutants of what is neither a stream nor sends events.

use axum::http::{HeaderValue, Method, StatusCode, Version};

use crate::kit::{Mutant, mutant, paths, requests, responses};

/// Mutants of what a method or a path leads to.
pub(crate) fn of_methods_and_paths() -> Vec<Mutant> {
    vec![
        mutant(
            "requests.options",
            "OPTIONS is not known",
            requests(|request| {
                if request.method() == Method::OPTIONS {
                    *request.method_mut() = Method::POST;
                }
            }),
        ),
        mutant(
            "fan-out.everyone",
            "a preflight publishes",
            requests(|request| {
                if request.method() == Method::OPTIONS && request.uri().path() == "/broadcast-text" {
                    *request.method_mut() = Method::GET;
                }
            }),
        ),
        mutant(
            "requests.options",
            "200 for a preflight",
            responses(|asked, response| {
                if asked.method == "OPTIONS" {
                    *response.status_mut() = StatusCode::OK;
                }
            }),
        ),
        mutant(
            "requests.options",
            "no Vary",
            responses(|_, response| {
                response.headers_mut().remove("vary");
            }),
        ),
        mutant(
            "requests.preflight-headers",
            "the allowed headers are fixed",
            responses(|asked, response| {
                if asked.method == "OPTIONS" {
                    let fixed = HeaderValue::from_static("Content-Type");
                    response.headers_mut().insert("access-control-allow-headers", fixed);
                }
            }),
        ),
        mutant(
            "requests.not-found",
            "405 for another method",
            responses(|asked, response| {
                if ["POST", "PUT", "PATCH", "DELETE"].contains(&asked.method.as_str()) {
                    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                }
            }),
        ),
        mutant(
            "requests.not-found",
            "POST is as good as GET",
            requests(|request| {
                if request.method() == Method::POST {
                    *request.method_mut() = Method::GET;
                }
            }),
        ),
        mutant(
            "requests.not-found",
            "POST publishes a heartbeat",
            requests(|request| {
                if request.method() == Method::POST && request.uri().path() == "/send-heartbeat" {
                    *request.method_mut() = Method::GET;
                }
            }),
        ),
        mutant(
            "requests.not-found",
            "no CORS header on a 404",
            responses(|_, response| {
                if response.status() == StatusCode::NOT_FOUND {
                    response.headers_mut().remove("access-control-allow-origin");
                }
            }),
        ),
        mutant(
            "requests.paths",
            "paths are case-sensitive",
            paths(|path| if path.chars().any(char::is_uppercase) { "/nothing".into() } else { path.into() }),
        ),
        mutant("requests.paths", "a slash at the end is another path", paths(|path| path.replace("sse/", "sse//"))),
        mutant("requests.no-normalisation", "slashes are merged", paths(|path| path.replace("//", "/"))),
        mutant("requests.no-normalisation", "paths are decoded", paths(|path| path.replace("%73", "s"))),
        mutant(
            "requests.no-normalisation",
            "dots are resolved",
            paths(|path| path.replace("/./", "/").replace("/x/..", "")),
        ),
    ]
}

/// Mutants of what a head leads to.
pub(crate) fn of_heads() -> Vec<Mutant> {
    vec![
        mutant(
            "requests.malformed",
            "404 for what is malformed",
            responses(|_, response| {
                if response.status() == StatusCode::BAD_REQUEST {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
            }),
        ),
        mutant(
            "requests.malformed",
            "left open after a 400",
            responses(|_, response| {
                if response.status() == StatusCode::BAD_REQUEST {
                    response.headers_mut().remove("connection");
                }
            }),
        ),
        mutant(
            "requests.too-large",
            "heads of any size",
            responses(|_, response| {
                if response.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
                    *response.status_mut() = StatusCode::OK;
                }
            }),
        ),
        mutant(
            "requests.too-large",
            "heads below 16 KiB are refused",
            requests(|request| {
                if request.uri().to_string().len() > 8192 {
                    request.headers_mut().remove("host");
                }
            }),
        ),
        mutant(
            "requests.http-1.0",
            "HTTP/1.0 is refused",
            responses(|asked, response| {
                if asked.version == Version::HTTP_10 {
                    *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
                }
            }),
        ),
        mutant(
            "requests.reconnect",
            "a Last-Event-ID is honoured",
            requests(|request| {
                if request.headers().contains_key("last-event-id") {
                    *request.uri_mut() = "/sse".parse().expect("a target");
                }
            }),
        ),
        mutant(
            "requests.reconnect",
            "a stream is compressed for a browser",
            responses(|asked, response| {
                if asked.takes_gzip && asked.path == "/sse" {
                    response.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
                }
            }),
        ),
        mutant(
            "requests.head-status",
            "HEAD is not known on /sse",
            requests(|request| {
                if request.method() == Method::HEAD && request.uri().path() == "/sse" {
                    *request.uri_mut() = "/nothing".parse().expect("a target");
                }
            }),
        ),
        mutant(
            "requests.head-status",
            "HEAD on a stream is not known",
            requests(|request| {
                if request.method() == Method::HEAD && request.uri().path().starts_with("/stream") {
                    *request.uri_mut() = "/nothing".parse().expect("a target");
                }
            }),
        ),
    ]
}
