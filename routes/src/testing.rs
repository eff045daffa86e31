//! Routes, requests and scripts for the tests of the other modules.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use onbeat_server::random::Seed;
use onbeat_server::script::{Action, Cue, Start};
use onbeat_wire::Instant;

use crate::channels::Channels;
use crate::model::{Model, Response, Route};
use crate::read::read_text;
use crate::request::Request;
use crate::request::tests::request;
use crate::response::Answer;

/// Returns the model of a file with these lines.
pub(crate) fn model(lines: &str) -> Model {
    read_text("routes.toml", &format!("onbeat = 1\n{lines}"), Path::new("")).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Returns a route with these keys beside the path `/a`.
pub(crate) fn route(keys: &str) -> Route {
    model(&format!("[channel.news]\n[[route]]\npath = \"/a\"\n{keys}")).routes.remove(0)
}

/// Returns the response of a route with these keys.
pub(crate) fn response(keys: &str) -> Arc<Response> {
    Arc::new(route(keys).responses.remove(0))
}

/// Returns the head of a request.
pub(crate) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let request = axum::http::Request::builder().method(method).uri(target);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).expect("a request").into_parts().0
}

/// Returns the start of a response, one second after the beginning of the world.
pub(crate) fn start() -> Start {
    let (epoch, at) = ("2025-12-01T00:00:00Z".parse().expect("an epoch"), Instant::EPOCH + Duration::from_secs(1));
    Start { epoch, at, seed: Seed(42), connection: 0, request: 0 }
}

/// Returns the cues of a response to a `GET` with these headers, at most twenty, each as a line of text.
pub(crate) fn cues(keys: &str, headers: &[(&'static str, &str)]) -> Vec<String> {
    let request: Arc<Request> = Arc::new(request("GET", "/a?name=ann", headers, ""));
    let channels = Arc::new(Channels::new(100, &BTreeMap::new()));
    let answer = Answer { response: response(keys), request, start: start(), channels };
    answer.script().take(20).map(|cue| shown(&cue)).collect()
}

/// Returns a cue as a line of text: the milliseconds, and the work.
pub(crate) fn shown(Cue { at, action }: &Cue) -> String {
    let what = match action {
        Action::Head(head) => head.status.as_u16().to_string(),
        Action::Write(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Action::Subscribe(subscribing) => format!("{:?}", subscribing.beginning),
        Action::Heartbeats(heartbeats) => {
            let every = heartbeats.every.as_millis();
            let times = heartbeats.times.map_or(String::new(), |times| format!(", {times} times"));
            if heartbeats.after_silence {
                format!("after {every} ms of silence{times}")
            } else {
                format!("every {every} ms{times}")
            }
        }
        Action::Flush => "flush".into(),
        Action::End(how) => format!("{how:?}"),
    };
    format!("{} {what}", at.as_millis())
}
