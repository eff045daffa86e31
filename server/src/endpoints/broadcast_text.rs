//! `GET /broadcast-text`: a `broadcast` event to every client of `/sse`.

use serde::Serialize;

use crate::encode::{Line, Lines};
use crate::hub::{Delivery, Event};
use crate::json;
use crate::query::Message;
use crate::timestamp::Timestamp;

/// The route.
pub const PATH: &str = "/broadcast-text";

const BROADCAST: Line<'static> = Line::literal("broadcast");

#[derive(Serialize)]
struct Broadcast {
    msg: Message,
    ts: Timestamp,
}

/// What the requester is told.
#[derive(Debug, Serialize)]
pub struct Answer {
    ok: bool,
    sent: usize,
    clients: usize,
}

/// A `broadcast` event with the message, or without one a text that tells the time.
#[must_use]
pub fn event(now: Timestamp, msg: Option<Message>) -> Event {
    let msg = msg.unwrap_or_else(|| Message::One(format!("广播消息 {now}")));
    let data = json::stringify(&Broadcast { msg, ts: now });
    Event::from([Lines::new().event(BROADCAST).to_be_continued(), Lines::new().data(&data).dispatch()])
}

/// What became of it. Clients are counted after the removals.
#[must_use]
pub fn answer(delivery: Delivery) -> Answer {
    Answer { ok: true, sent: delivery.sent, clients: delivery.clients }
}
