//! The page at `/`: the streams, their time and the faults, for people who drive them by hand.
//!
//! It is served where the control interface is on, and to that it is a client like any other: it asks for what
//! `openapi.json` describes, and has no way in of its own. A request for it is no part of the world, so that opening the
//! page changes nobody's bytes.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};

/// What a browser lets the page do: run its own modules and ask its own server. Nobody may frame it, so that no other
/// page can have its buttons clicked; and no text can become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is served.
    pub path: &'static str,
    /// What it holds.
    pub text: &'static str,
    content_type: &'static str,
}

/// The files, the page itself first.
pub const FILES: [File; 11] = [
    File { path: "/", text: include_str!("page/index.html"), content_type: "text/html; charset=utf-8" },
    File {
        path: "/__onbeat/page/style.css",
        text: include_str!("page/style.css"),
        content_type: "text/css; charset=utf-8",
    },
    module("/__onbeat/page/page.js", include_str!("page/page.js")),
    module("/__onbeat/page/clock.js", include_str!("page/clock.js")),
    module("/__onbeat/page/connections.js", include_str!("page/connections.js")),
    module("/__onbeat/page/control.js", include_str!("page/control.js")),
    module("/__onbeat/page/elements.js", include_str!("page/elements.js")),
    module("/__onbeat/page/faults.js", include_str!("page/faults.js")),
    module("/__onbeat/page/sending.js", include_str!("page/sending.js")),
    module("/__onbeat/page/streams.js", include_str!("page/streams.js")),
    module("/__onbeat/page/timeline.js", include_str!("page/timeline.js")),
];

const fn module(path: &'static str, text: &'static str) -> File {
    File { path, text, content_type: "text/javascript; charset=utf-8" }
}

/// The file that a request is for, if it is for one.
pub(crate) fn find(method: &Method, path: &str) -> Option<&'static File> {
    FILES.iter().filter(|_| matches!(*method, Method::GET | Method::HEAD)).find(|file| file.path == path)
}

impl File {
    /// The answer to a request for it; an answer to `HEAD` loses its body on the way out.
    pub(crate) fn response(&self) -> Response {
        let headers: [(HeaderName, &'static str); 6] = [
            (CONTENT_TYPE, self.content_type),
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), Body::from(self.text)).into_response()
    }
}
