//! The page at `/`: the streams, their time and the faults, for people who drive them by hand.
//!
//! It is served where the control interface is on, and to that it is a client like any other: it asks for what
//! `openapi.json` describes, and has no way in of its own. A request for it is no part of the world, so that opening the
//! page changes nobody's bytes.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use onbeat_wire::stringify;

use onbeat_server::endpoints::{PUBLISHERS, STREAMS};

/// What a browser lets the page do: run its own modules and ask its own server. Nobody may frame it, so that no other
/// page can have its buttons clicked; and no text can become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where the file is served.
    pub path: &'static str,
    /// What the file holds.
    pub text: Cow<'static, str>,
    content_type: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const MODULE: &str = "text/javascript; charset=utf-8";

/// The files as they lie in a folder, the page itself first: path, text and type.
const WRITTEN: [(&str, &str, &str); 11] = [
    ("/", include_str!("page/index.html"), HTML),
    ("/__onbeat/page/style.css", include_str!("page/style.css"), CSS),
    ("/__onbeat/page/page.js", include_str!("page/page.js"), MODULE),
    ("/__onbeat/page/clock.js", include_str!("page/clock.js"), MODULE),
    ("/__onbeat/page/connections.js", include_str!("page/connections.js"), MODULE),
    ("/__onbeat/page/control.js", include_str!("page/control.js"), MODULE),
    ("/__onbeat/page/elements.js", include_str!("page/elements.js"), MODULE),
    ("/__onbeat/page/faults.js", include_str!("page/faults.js"), MODULE),
    ("/__onbeat/page/sending.js", include_str!("page/sending.js"), MODULE),
    ("/__onbeat/page/streams.js", include_str!("page/streams.js"), MODULE),
    ("/__onbeat/page/timeline.js", include_str!("page/timeline.js"), MODULE),
];

/// The files of the page.
pub static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let written = WRITTEN.map(|(path, text, content_type)| File { path, text: text.into(), content_type });
    let endpoints = File { path: "/__onbeat/page/endpoints.js", text: endpoints().into(), content_type: MODULE };
    written.into_iter().chain([endpoints]).collect()
});

/// Returns the module that tells the page what the registry lists.
fn endpoints() -> String {
    let streams: Vec<_> = STREAMS.iter().map(|stream| stream.path).collect();
    let publishers: Vec<_> = PUBLISHERS.iter().map(|publisher| (publisher.path, publisher.label)).collect();
    format!(
        "// The paths of the streams, and the paths and labels of the publishers.\n\n\
         export const streams = {};\nexport const publishers = {};\n",
        stringify(&streams),
        stringify(&publishers)
    )
}

/// Returns the file that a request is for, if it is for one.
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
        (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), Body::from(self.text.clone()))
            .into_response()
    }
}
