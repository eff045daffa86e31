//! Whether requests are answered, and what the answers of the two fan-out endpoints say.

use onbeat_wire::How;
use onbeat_wire::printable::visible;

use super::members::Members;
use super::view::{Ask, View};
use super::{Judged, World, violation};
use crate::player::HttpExchange;
use crate::simulate::history::{Asked, Manner};

const ANSWERED: &str = "every request is answered, when its turn comes";
const NOTHING_AFTER: &str = "nothing is answered that nobody asked for, or whose turn never comes";
const NO_BODY: &str = "an answer to HEAD has no body";
const STATUS: &str = "an answer has the right status";
const COUNTS: &str = "an answer counts the clients";

impl World<'_> {
    pub(super) fn answers(&self, view: &View, members: &Members) -> Judged {
        if view.responses.len() > view.asks.len() {
            let detail = format!("{} answers to {} requests whose turn comes", view.responses.len(), view.asks.len());
            return violation(NOTHING_AFTER, Some(view), detail);
        }
        for (ask, response) in view.asks.iter().zip(&view.responses) {
            let right = if ask.asked == Asked::Nothing { 404 } else { 200 };
            if response.status() != right {
                let detail = format!("{} to {ask}", response.status());
                return violation(STATUS, Some(view), detail);
            }
            if !matches!(ask.asked, Asked::Stream(_)) || ask.manner == Manner::Head {
                answer(view, ask, response, members)?;
            }
        }
        match view.asks.get(view.responses.len()) {
            Some(ask) if view.is_executed(ask, self.times) => {
                if self.is_owed(view, members, ask.at, Some(ask.batch)) {
                    violation(ANSWERED, Some(view), format!("{ask} was not"))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }
}

fn answer(view: &View, ask: &Ask, response: &HttpExchange, members: &Members) -> Judged {
    let Some((at, How::Complete)) = response.end else { return Ok(()) };
    if view.is_prompt() && at != ask.at {
        return violation(ANSWERED, Some(view), format!("{ask} was at {} ms", at.as_millis()));
    }
    let body: Vec<u8> = response.writes.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    if ask.manner == Manner::Head {
        return if body.is_empty() { Ok(()) } else { violation(NO_BODY, Some(view), visible(&body)) };
    }
    let Some(counts) = members.counts.get(&ask.deed) else { return Ok(()) };
    let says = |clients, other| match ask.asked {
        Asked::Broadcast(_) => format!("{{\"ok\":true,\"sent\":{clients},\"clients\":{clients}}}"),
        _ => format!("{{\"ok\":true,\"clients\":{clients},\"removed\":{other}}}"),
    };
    let mut right =
        counts.clients.clone().flat_map(|clients| counts.removed.clone().map(move |removed| (clients, removed)));
    if right.any(|(clients, removed)| says(clients, removed).as_bytes() == body) {
        return Ok(());
    }
    let or_more = |range: &std::ops::RangeInclusive<u64>| {
        if range.start() == range.end() {
            range.start().to_string()
        } else {
            format!("{} to {}", range.start(), range.end())
        }
    };
    let (clients, removed) = (or_more(&counts.clients), or_more(&counts.removed));
    let detail = format!("{} when there were {clients}, and {removed} to be removed", visible(&body));
    violation(COUNTS, Some(view), detail)
}
