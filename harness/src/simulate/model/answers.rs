//! The answers: whether requests are answered, and the answers of the two publishers.

use std::ops::RangeInclusive;

use onbeat_wire::How;
use onbeat_wire::printable::visible;

use super::times::SentRequest;
use super::view::View;
use super::{Judged, World, violation};
use crate::player::HttpExchange;
use crate::simulate::history::{Manner, Resource};

const ANSWERED: &str = "every request is answered, when its turn comes";
const NOTHING_AFTER: &str = "nothing is answered that nobody asked for, or whose turn never comes";
const NO_BODY: &str = "an answer to HEAD has no body";
const STATUS: &str = "an answer has the right status";
const COUNTS: &str = "an answer counts the clients";

impl World<'_> {
    pub(super) fn answers(&self, view: &View) -> Judged {
        let (answers, requests) = (view.responses.len(), view.requests.len());
        if answers > requests {
            let detail = format!("{answers} answers to {requests} requests whose turn comes");
            return violation(NOTHING_AFTER, Some(view), detail);
        }
        for (request, response) in view.requests.iter().zip(&view.responses) {
            let right = if request.resource == Resource::Nothing { 404 } else { 200 };
            if response.status() != right {
                return violation(STATUS, Some(view), format!("{} to {request}", response.status()));
            }
            if !request.resource.is_stream() || request.manner == Manner::Head {
                self.answer(view, request, response)?;
            }
        }
        match view.requests.get(answers) {
            Some(request)
                if view.is_executed(request, self.times) && self.is_owed(view, request.at, Some(request.batch)) =>
            {
                violation(ANSWERED, Some(view), format!("{request} was not"))
            }
            _ => Ok(()),
        }
    }

    /// Judges a complete answer without a stream.
    fn answer(&self, view: &View, request: &SentRequest, response: &HttpExchange) -> Judged {
        let Some((at, How::Complete)) = response.end else { return Ok(()) };
        if view.is_prompt() && at != request.at {
            return violation(ANSWERED, Some(view), format!("{request} was at {} ms", at.as_millis()));
        }
        let body = response.body();
        if request.manner == Manner::Head {
            return if body.is_empty() { Ok(()) } else { violation(NO_BODY, Some(view), visible(&body)) };
        }
        let Some(counts) = self.subscribers.counts.get(&request.operation) else { return Ok(()) };
        let right = |clients, removed| match request.resource {
            Resource::Broadcast(_) => format!("{{\"ok\":true,\"sent\":{clients},\"clients\":{clients}}}"),
            _ => format!("{{\"ok\":true,\"clients\":{clients},\"removed\":{removed}}}"),
        };
        let mut clients = counts.clients.clone();
        if clients.any(|clients| counts.removed.clone().any(|removed| right(clients, removed).as_bytes() == body)) {
            return Ok(());
        }
        let (clients, removed) = (shown(&counts.clients), shown(&counts.removed));
        let detail = format!("{} when there were {clients}, and {removed} to be removed", visible(&body));
        violation(COUNTS, Some(view), detail)
    }
}

fn shown(range: &RangeInclusive<u64>) -> String {
    let (start, end) = (range.start(), range.end());
    if start == end { start.to_string() } else { format!("{start} to {end}") }
}
