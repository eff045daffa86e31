//! A response of a route, as a script: the head, and the content with its heartbeats.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use bytes::Bytes;
use onbeat_server::script::{Action, Cue, ResponseHead, Start};
use onbeat_wire::How;

use crate::channels::Channels;
use crate::chunk::Values;
use crate::heartbeats::HeartbeatValues;
use crate::model::{Content, Response};
use crate::play::Played;
use crate::request::Request;
use crate::resume::{AnyScript, resumed};
use crate::steps::{LONGEST, Steps};
use crate::template::Template;

/// A response to one request.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) response: Arc<Response>,
    pub(crate) request: Arc<Request>,
    pub(crate) start: Start,
    pub(crate) channels: Arc<Channels>,
}

impl Answer {
    /// Returns the script of the response.
    pub(crate) fn script(self) -> AnyScript {
        let response = Arc::clone(&self.response);
        match &response.content {
            Content::Body(template) => self.at_once(template),
            Content::Steps(steps) if steps.is_empty() => self.with_body(HeaderMap::new(), Bytes::new()),
            Content::Steps(_) => {
                let mut headers = content_type("text/event-stream");
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                self.stream(headers, StatusCode::OK)
            }
            Content::Play(played) => self.play(played),
        }
    }

    /// Returns whether the whole response is due at once.
    pub(crate) fn is_at_once(&self) -> bool {
        let has_length = match &self.response.content {
            Content::Body(_) => true,
            Content::Steps(steps) => steps.is_empty(),
            Content::Play(_) => false,
        };
        has_length && self.response.wait.is_zero()
    }

    fn at_once(self, template: &Template) -> AnyScript {
        let text = self.values().text(template, self.response.wait);
        // Guesses the type from the filled-in text; a Content-Type among the headers of the route replaces the guess.
        let is_json = text.starts_with(['{', '[']);
        self.with_body(
            content_type(if is_json { "application/json" } else { "text/plain; charset=utf-8" }),
            text.into(),
        )
    }

    /// Returns a response with a body of known length.
    fn with_body(self, mut headers: HeaderMap, body: Bytes) -> AnyScript {
        let status = self.response.status.unwrap_or(StatusCode::OK);
        // Sends a length only where a body is possible (RFC 9110, 8.6), and where no fault can change the body.
        let has_body = ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        if self.response.faults.is_empty() && has_body {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let write = (!body.is_empty()).then_some(Action::Write(body));
        let rest = write.into_iter().chain([Action::End(How::Complete)]);
        let at = self.response.wait;
        let head = self.head(headers, StatusCode::OK);
        AnyScript::new(rest.map(move |action| Cue { at, action })).behind([head])
    }

    /// Returns the response of a recording or of a raw body.
    fn play(self, played: &Arc<Played>) -> AnyScript {
        let mut cues = played.script();
        match cues.next().map(|cue| cue.action) {
            Some(Action::Head(head)) => {
                let ResponseHead { status, mut headers } = *head;
                // Drops the recorded length wherever the played body may differ from the recorded body.
                let changes_length = self.response.heartbeat.is_some() || self.last_event_id().is_some();
                if changes_length || !self.response.faults.is_empty() {
                    headers.remove(CONTENT_LENGTH);
                }
                self.stream(headers, status)
            }
            // Plays an exchange that the server broke off before the head, again without a head.
            Some(Action::End(How::Cut | How::Reset)) => self.content(&self.heartbeat_values()),
            _ => self.stream(content_type(played.content_type()), StatusCode::OK),
        }
    }

    /// Returns a response with the content as a stream.
    fn stream(self, headers: HeaderMap, status: StatusCode) -> AnyScript {
        let head = self.head(headers, status);
        let values = self.heartbeat_values();
        // Makes the content by a closure: the search for the event uses one copy up, and may need another.
        let content = resumed(|| self.content(&values), self.last_event_id().as_deref());
        let heartbeats = self.response.heartbeat.as_ref().map(|heartbeat| values.begin(heartbeat));
        let heartbeats = heartbeats.map(|action| Cue { at: head.at, action });
        // Begins the heartbeats behind the head, so that resuming never cuts the heartbeats off.
        content.behind([head].into_iter().chain(heartbeats))
    }

    /// Returns the content, without a head.
    fn content(&self, heartbeats: &HeartbeatValues) -> AnyScript {
        let wait = self.response.wait;
        if let Content::Play(played) = &self.response.content {
            // Leaves the recorded head out: `head` has sent a head with the changes of the route.
            let body = played.script().filter(|cue| !matches!(cue.action, Action::Head(_)));
            return AnyScript::new(body.map(move |cue| Cue { at: later(cue.at, wait), ..cue }));
        }
        let last_event_id = self.request.header("last-event-id").map(str::to_owned);
        AnyScript::new(Steps::new(
            Arc::clone(&self.response),
            Arc::clone(&self.channels),
            self.values(),
            heartbeats.clone(),
            last_event_id,
        ))
    }

    /// Returns the head: the given fields, with those of the response in their place.
    fn head(&self, mut headers: HeaderMap, status: StatusCode) -> Cue {
        let Response { wait, content, .. } = &*self.response;
        let at = match content {
            // Sends a recorded head as late as recorded.
            Content::Play(played) => later(played.head_at(), *wait),
            Content::Steps(_) | Content::Body(_) => *wait,
        };
        let mut values = self.values();
        for (name, template) in &self.response.headers {
            if let Ok(value) = HeaderValue::from_str(&values.text(template, at)) {
                headers.insert(name, value);
            } else {
                // Leaves the header out: a placeholder can bring a control character of the request.
                tracing::warn!(%name, "a header is left out: its value has a control character");
            }
        }
        let head = ResponseHead { status: self.response.status.unwrap_or(status), headers };
        Cue { at, action: Action::Head(Box::new(head)) }
    }

    /// Returns the ID of the event behind which the response resumes.
    fn last_event_id(&self) -> Option<String> {
        let id = self.request.header("last-event-id").filter(|_| self.response.resumes);
        id.map(str::to_owned)
    }

    fn heartbeat_values(&self) -> HeartbeatValues {
        HeartbeatValues::new(Arc::clone(&self.request), self.start)
    }

    fn values(&self) -> Values {
        Values::new(Arc::clone(&self.request), self.start, self.start.random())
    }
}

fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
}

fn later(at: Duration, wait: Duration) -> Duration {
    at.saturating_add(wait).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::request::tests::request;
    use crate::testing::{cues, response, start};

    #[test]
    fn a_text_that_counts_is_the_first_chunk() {
        assert_eq!(cues("body = \"{{seq}} {{seq}}\"", &[]), ["0 200", "0 1 1", "0 Complete"]);
    }

    #[test]
    fn a_response_without_steps_and_without_a_wait_is_due_at_once() {
        for (keys, is_at_once) in [
            ("body = \"x\"", true),
            ("status = 503", true),
            ("body = \"x\"\nwait_ms = 1", false),
            ("status = 503\nwait_ms = 1", false),
            ("steps = [{ data = \"x\" }]", false),
        ] {
            let request = Arc::new(request("GET", "/a", &[], ""));
            let channels = Arc::new(Channels::new(1, &BTreeMap::new()));
            let answer = Answer { response: response(keys), request, start: start(), channels };
            assert_eq!(answer.is_at_once(), is_at_once, "{keys}");
        }
    }
}
