//! The page at `/`: people see the streams there, and drive the clock and the faults by hand.
//!
//! A server with the control interface serves the page, also at `/__onbeat/page/`: a route of the world may take `/`. The
//! page is an ordinary client of `openapi.json`. A request for the page is no part of the world: opening the page changes no
//! byte of a stream.

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

/// The rights of the page in a browser: to run its own modules, and to ask its own server. No other page can frame the page
/// and have the buttons clicked, and no text can become markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where the file is served.
    pub path: &'static str,
    /// The content.
    pub text: Cow<'static, str>,
    content_type: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const MODULE: &str = "text/javascript; charset=utf-8";

/// The files of the folder `page`, beginning with the page: path, text and type.
const WRITTEN: [(&str, &str, &str); 17] = [
    ("/", include_str!("page/index.html"), HTML),
    ("/__onbeat/page/style.css", include_str!("page/style.css"), CSS),
    ("/__onbeat/page/page.js", include_str!("page/page.js"), MODULE),
    ("/__onbeat/page/channels.js", include_str!("page/channels.js"), MODULE),
    ("/__onbeat/page/clock.js", include_str!("page/clock.js"), MODULE),
    ("/__onbeat/page/connections.js", include_str!("page/connections.js"), MODULE),
    ("/__onbeat/page/control.js", include_str!("page/control.js"), MODULE),
    ("/__onbeat/page/elements.js", include_str!("page/elements.js"), MODULE),
    ("/__onbeat/page/event_reader.js", include_str!("page/event_reader.js"), MODULE),
    ("/__onbeat/page/faults.js", include_str!("page/faults.js"), MODULE),
    ("/__onbeat/page/fetched.js", include_str!("page/fetched.js"), MODULE),
    ("/__onbeat/page/panels.js", include_str!("page/panels.js"), MODULE),
    ("/__onbeat/page/requests.js", include_str!("page/requests.js"), MODULE),
    ("/__onbeat/page/sending.js", include_str!("page/sending.js"), MODULE),
    ("/__onbeat/page/streams.js", include_str!("page/streams.js"), MODULE),
    ("/__onbeat/page/timeline.js", include_str!("page/timeline.js"), MODULE),
    ("/__onbeat/page/writing.js", include_str!("page/writing.js"), MODULE),
];

/// The path of the page beside `/`, where no route can be.
const PAGE_PATH: &str = "/__onbeat/page/";
/// The path of the module by which the page knows the built-in endpoints.
const ENDPOINTS_PATH: &str = "/__onbeat/page/endpoints.js";

/// The files of the page.
pub static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let written = WRITTEN.map(|(path, text, content_type)| File { path, text: text.into(), content_type });
    written.into_iter().chain([endpoints(true)]).collect()
});

/// The module about the endpoints of a server without the built-in endpoints.
static NO_ENDPOINTS: LazyLock<File> = LazyLock::new(|| endpoints(false));

/// Returns the module by which the page knows the endpoints of the registry, if the server has these.
fn endpoints(has_built_in: bool) -> File {
    let streams: Vec<_> = STREAMS.iter().filter(|_| has_built_in).map(|stream| stream.path).collect();
    let publishers = PUBLISHERS.iter().filter(|_| has_built_in);
    let publishers: Vec<_> = publishers.map(|publisher| (publisher.path, publisher.label)).collect();
    let text = format!(
        "// The paths of the streams, and the paths and labels of the publishers.\n\n\
         export const streams = {};\nexport const publishers = {};\n",
        stringify(&streams),
        stringify(&publishers)
    );
    File { path: ENDPOINTS_PATH, text: text.into(), content_type: MODULE }
}

/// Returns the requested file of the page of a server, which perhaps `has_built_in` endpoints, if there is one.
pub(crate) fn find(method: &Method, path: &str, has_built_in: bool) -> Option<&'static File> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    match path {
        // Looks for the special paths first, since `FILES` has the module for a server with built-in endpoints.
        ENDPOINTS_PATH if !has_built_in => Some(&NO_ENDPOINTS),
        PAGE_PATH => FILES.first(),
        _ => FILES.iter().find(|file| file.path == path),
    }
}

impl File {
    /// Returns the answer to a request for the file. HTTP drops the body of an answer to `HEAD`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_knows_the_endpoints_of_a_server_that_has_them_and_no_others() {
        let paths =
            || STREAMS.iter().map(|stream| stream.path).chain(PUBLISHERS.iter().map(|publisher| publisher.path));
        for has_built_in in [true, false] {
            let module = find(&Method::GET, ENDPOINTS_PATH, has_built_in).expect("the module");
            assert!(paths().all(|path| module.text.contains(&format!("{path:?}")) == has_built_in), "{}", module.text);
        }
        assert!(find(&Method::POST, ENDPOINTS_PATH, true).is_none());
        assert_eq!(
            find(&Method::HEAD, PAGE_PATH, true).map(|file| file.path),
            find(&Method::GET, "/", true).map(|file| file.path)
        );
    }
}
