//! `GET /broadcast-text`: a `broadcast` event to every client of `/sse`.

use onbeat_wire::{FieldText, Lines, Timestamp, stringify};
use serde::Serialize;

use super::Publisher;
use crate::channel::{Delivery, Event};
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

/// The answer to the request.
#[derive(Debug, Serialize)]
pub struct BroadcastAnswer {
    ok: bool,
    sent: usize,
    clients: usize,
}

/// Returns a `broadcast` event with the message, or with a text that tells the time.
#[must_use]
pub fn event(now: Timestamp, msg: Option<Message>) -> Event {
    let msg = msg.unwrap_or_else(|| Message::One(format!("广播消息 {now}")));
    let data = stringify(&Broadcast { msg, ts: now });
    Event::from([Lines::new().event(BROADCAST).to_be_continued(), Lines::new().data(&data).dispatch()])
}

/// Returns the answer. Clients are counted after the removals.
#[must_use]
pub fn answer(delivery: Delivery) -> BroadcastAnswer {
    BroadcastAnswer { ok: true, sent: delivery.sent, clients: delivery.clients }
}
