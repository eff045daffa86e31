//! The answers: whether requests are answered, and the answers of the two publishers.

use std::ops::RangeInclusive;

use onbeat_wire::How;
use onbeat_wire::printable::visible;

use super::{HttpExchange, Judged, Manner, Resource, SentRequest, View, World, holds};

const ANSWERED: &str = "every request is answered, when its turn comes";
const NOTHING_AFTER: &str = "nothing is answered that nobody asked for, or whose turn never comes";
const NO_BODY: &str = "an answer to HEAD has no body";
const STATUS: &str = "an answer has the right status";
const COUNTS: &str = "an answer counts the clients";

impl World<'_> {
    pub(super) fn answers(&self, view: &View) -> Judged {
        let (answers, requests) = (view.responses.len(), view.requests.len());
        holds(answers <= requests, NOTHING_AFTER, Some(view), || {
            format!("{answers} answers to {requests} requests whose turn comes")
        })?;
        for (request, response) in view.requests.iter().zip(&view.responses) {
            let (status, right) = (response.status(), if request.resource == Resource::Nothing { 404 } else { 200 });
            holds(status == right, STATUS, Some(view), || format!("{status} to {request}"))?;
            if !request.resource.is_stream() || request.manner == Manner::Head {
                self.answer(view, request, response)?;
            }
        }
        // Judges only the first request without an answer, behind which all others wait.
        let Some(request) = view.requests.get(answers) else { return Ok(()) };
        let is_owed = view.is_executed(request, self.times) && self.is_owed(view, request.at, Some(request.batch));
        holds(!is_owed, ANSWERED, Some(view), || format!("{request} was not"))
    }

    /// Judges a complete answer without a stream.
    fn answer(&self, view: &View, request: &SentRequest, response: &HttpExchange) -> Judged {
        let Some((at, How::Complete)) = response.end else { return Ok(()) };
        let is_in_time = !view.is_prompt() || at == request.at;
        holds(is_in_time, ANSWERED, Some(view), || format!("{request} was at {} ms", at.as_millis()))?;
        let body = response.body();
        if request.manner == Manner::Head {
            return holds(body.is_empty(), NO_BODY, Some(view), || visible(&body));
        }
        let Some(counts) = self.subscribers.counts.get(&request.operation) else { return Ok(()) };
        let right = |clients, removed| match request.resource {
            Resource::Broadcast(_) => format!("{{\"ok\":true,\"sent\":{clients},\"clients\":{clients}}}"),
            _ => format!("{{\"ok\":true,\"clients\":{clients},\"removed\":{removed}}}"),
        };
        let mut clients = counts.clients.clone();
        let is_right =
            // Accepts every possible pair of counts, since operations that race have no known order.
            clients.any(|clients| counts.removed.clone().any(|removed| right(clients, removed).as_bytes() == body));
        holds(is_right, COUNTS, Some(view), || {
            let (clients, removed) = (shown(&counts.clients), shown(&counts.removed));
            format!("{} when there were {clients}, and {removed} to be removed", visible(&body))
        })
    }
}

fn shown(range: &RangeInclusive<u64>) -> String {
    let (start, end) = (range.start(), range.end());
    if start == end { start.to_string() } else { format!("{start} to {end}") }
}
