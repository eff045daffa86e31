//! `GET /send-heartbeat`: a comment, or a short message, to every client of `/sse`.

use serde::Serialize;

use crate::encode::{Line, Lines};
use crate::hub::{Delivery, Event};
use crate::json;
use crate::query::Message;
use crate::timestamp::Timestamp;

/// The route.
pub const PATH: &str = "/send-heartbeat";

const HEARTBEAT: Line<'static> = Line::literal("heartbeat");

#[derive(Serialize)]
struct Heartbeat {
    timestamp: Timestamp,
    msg: Message,
}

/// What the requester is told.
#[derive(Debug, Serialize)]
pub struct Answer {
    ok: bool,
    clients: usize,
    removed: usize,
}

/// A `heartbeat` event with the message, or without one a comment, which dispatches nothing.
#[must_use]
pub fn event(now: Timestamp, msg: Option<Message>) -> Event {
    let Some(msg) = msg else {
        return Event::from([Lines::new().comment(Line::literal("")).dispatch()]);
    };
    let data = json::stringify(&Heartbeat { timestamp: now, msg });
    Event::from([Lines::new().event(HEARTBEAT).to_be_continued(), Lines::new().data(&data).dispatch()])
}

/// What became of it. Clients are counted after the removals.
#[must_use]
pub fn answer(delivery: Delivery) -> Answer {
    Answer { ok: true, clients: delivery.clients, removed: delivery.removed }
}
