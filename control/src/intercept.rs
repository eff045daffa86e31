//! The monitor as the interceptor of a world: notes each exchange in the log and in the connection table, and lets each
//! response pass its faults. Without faults no byte of a response changes.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, request, response};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use onbeat_server::context::{RequestContext, plain_path};
use onbeat_server::driver::{HeadChange, ResponseHook};
use onbeat_server::interceptor::Interceptor;
use onbeat_server::script::Action;
use onbeat_wire::recording::{End, Exchange, Request, ResponseHead, Write};
use onbeat_wire::{How, Instant};

use crate::connections::LiveExchange;
use crate::faults::{Alterations, Head, Kind, Tally};
use crate::monitor::Monitor;

impl Interceptor for Monitor {
    fn request(self: Arc<Self>, context: &RequestContext, head: &request::Parts) -> Box<dyn ResponseHook> {
        let path = plain_path(head.uri.path());
        let last_event_id = head.headers.get("last-event-id").map(lossy);
        let exchange = LiveExchange::new(context, head.method.clone(), path.clone(), last_event_id);
        let request = Request {
            method: head.method.to_string(),
            target: head.uri.path_and_query().map_or("", |target| target.as_str()).to_owned(),
            version: if head.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }.to_owned(),
            headers: fields(&head.headers),
        };
        self.log().note(context.at, exchange.ordinals(), request);
        let exchange = Arc::new(exchange);
        self.connections().add(&context.connection, Arc::clone(&exchange));
        Box::new(ExchangeHook {
            monitor: self,
            exchange,
            path,
            alterations: Alterations::default(),
            written: Tally::default(),
        })
    }

    fn head(&self, context: &RequestContext, head: &response::Parts) {
        let ordinals = Exchange { connection: Some(context.ordinal), request: Some(context.request) };
        self.note(ordinals, ResponseHead { status: head.status.as_u16(), headers: fields(&head.headers) });
    }
}

/// Returns header fields in order, without the fields that frame a message.
fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _)| **name != TRANSFER_ENCODING && **name != CONTENT_LENGTH);
    shown.map(|(name, value)| (name.as_str().to_owned(), lossy(value))).collect()
}

/// Returns the text of a header field, with U+FFFD for bytes that are not UTF-8.
fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The hook of one response: applies the faults, and notes the result.
struct ExchangeHook {
    monitor: Arc<Monitor>,
    exchange: Arc<LiveExchange>,
    /// The whole path of the request, until the response has met the faults for this path.
    path: String,
    alterations: Alterations,
    written: Tally,
}

impl ExchangeHook {
    fn since_request(&self, at: Instant) -> Duration {
        at - self.exchange.since
    }
}

impl ResponseHook for ExchangeHook {
    fn change_head(&mut self) -> HeadChange {
        let has_no_body = self.exchange.method == Method::HEAD;
        let path = std::mem::take(&mut self.path);
        let mut change = HeadChange::None;
        for struck in self.monitor.faults().meet(&path, self.exchange.connection, has_no_body) {
            match &struck.fault.kind {
                Kind::Head(Head::Status { status, location, retry_after_s }) => {
                    struck.fired();
                    let answer = in_place_of_the_endpoint(*status, location.as_ref(), *retry_after_s);
                    change = HeadChange::Answer(Box::new(answer));
                }
                Kind::Head(Head::ContentType(content_type)) => {
                    struck.fired();
                    change = HeadChange::Field(CONTENT_TYPE, content_type.clone());
                }
                Kind::Break(_) | Kind::Rewrite(_) => self.alterations.add(struck, self.written, Duration::ZERO),
            }
        }
        change
    }

    fn alters(&self) -> bool {
        !self.alterations.is_empty()
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.alterations.take_in(self.since_request(at), action);
    }

    fn pass_time(&mut self, now: Instant) {
        self.alterations.look(self.since_request(now));
    }

    fn next(&mut self, at: Instant) -> Option<Action> {
        for struck in self.exchange.take_late_faults() {
            self.alterations.add(struck, self.written, self.since_request(at));
        }
        let next = self.alterations.next();
        if next.is_none() && self.alters() {
            let is_stalled = self.alterations.is_stalled();
            self.exchange.update(|progress| progress.is_stalled = is_stalled);
        }
        next
    }

    fn deadline(&self, after: Instant) -> Option<Instant> {
        let deadline = self.alterations.deadline(self.since_request(after))?;
        Some(self.exchange.since + deadline)
    }

    fn wrote(&mut self, bytes: &Bytes) {
        self.written.count(bytes.len());
        self.exchange.update(|progress| progress.written = self.written);
        self.monitor.note(self.exchange.ordinals(), Write { bytes: bytes.clone() });
    }

    fn ended(&mut self, how: How) {
        self.exchange.update(|progress| progress.is_over = true);
        self.monitor.note(self.exchange.ordinals(), End { how });
        self.monitor.note_ended();
    }
}

/// Returns the response of a `status` fault.
fn in_place_of_the_endpoint(
    status: StatusCode,
    location: Option<&HeaderValue>,
    retry_after_s: Option<u32>,
) -> Response {
    let mut response = match status {
        StatusCode::NO_CONTENT => status.into_response(),
        _ => (status, "a fault, as it was asked for\n").into_response(),
    };
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location.clone());
    }
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        // A page of another origin sees only the fields that are named here.
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    response
}

#[cfg(test)]
mod tests;
