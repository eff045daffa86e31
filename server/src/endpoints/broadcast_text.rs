//! `GET /broadcast-text`: a `broadcast` event to every client of `/sse`.

use onbeat_wire::{FieldText, Lines, Timestamp, stringify};
use serde::Serialize;

use super::Publisher;
use crate::hub::{Delivery, Event};
use crate::query::Message;

/// The publisher.
pub const PUBLISHER: Publisher =
    Publisher { path: "/broadcast-text", label: "Broadcast", event, answer: |delivery| stringify(&answer(delivery)) };

const BROADCAST: FieldText<'static> = FieldText::literal("broadcast");

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
    let data = stringify(&Broadcast { msg, ts: now });
    Event::from([Lines::new().event(BROADCAST).to_be_continued(), Lines::new().data(&data).dispatch()])
}

/// What became of it. Clients are counted after the removals.
#[must_use]
pub fn answer(delivery: Delivery) -> Answer {
    Answer { ok: true, sent: delivery.sent, clients: delivery.clients }
}
