//! The hook of a world with a backstage: a response passes its faults, and what is made of it is watched.

use std::time::Duration;

use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use onbeat_wire::{How, Instant};

use super::watch::Watch;
use crate::driver::{HeadChange, ResponseHook};
use crate::faults::{Alterations, Head, Kind, Tally};
use crate::script::Action;

/// The faults of one response, and its watch.
pub(super) struct ExchangeHook {
    watch: Watch,
    alterations: Alterations,
    written: Tally,
}

impl ExchangeHook {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, alterations: Alterations::default(), written: Tally::default() }
    }

    fn since_request(&self, at: Instant) -> Duration {
        at - self.watch.exchange.since
    }
}

impl ResponseHook for ExchangeHook {
    fn meet(&mut self, path: &str, has_no_body: bool) -> HeadChange {
        let Some(backstage) = self.watch.world.backstage() else { return HeadChange::None };
        let mut change = HeadChange::None;
        for struck in backstage.faults().meet(path, self.watch.which.connection, has_no_body) {
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
        for struck in self.watch.exchange.take_late_faults() {
            self.alterations.add(struck, self.written, self.since_request(at));
        }
        let next = self.alterations.next();
        if next.is_none() && self.alters() {
            let is_stalled = self.alterations.is_stalled();
            self.watch.exchange.update(|progress| progress.is_stalled = is_stalled);
        }
        next
    }

    fn deadline(&self, after: Instant) -> Option<Instant> {
        let deadline = self.alterations.deadline(self.since_request(after))?;
        Some(self.watch.exchange.since + deadline)
    }

    fn wrote(&mut self, bytes: &Bytes) {
        self.written.count(bytes.len());
        self.watch.write(bytes, self.written);
    }

    fn ended(&mut self, how: How) {
        self.watch.end(how);
    }
}

impl Drop for ExchangeHook {
    /// Notes that the client has left before a driver had the hook: its handler was not waited for.
    fn drop(&mut self) {
        self.watch.end(How::Closed);
    }
}

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
        // Else a page of another origin could not see it.
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    response
}
