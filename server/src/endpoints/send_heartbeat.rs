//! `GET /send-heartbeat`: a comment, or a short message, to every client of `/sse`.

use onbeat_wire::{FieldText, Lines, Timestamp, stringify};
use serde::Serialize;

use super::Publisher;
use crate::channel::{Delivery, Event};
use crate::query::Message;

/// The publisher.
pub const PUBLISHER: Publisher =
    Publisher { path: "/send-heartbeat", label: "Heartbeat", event, answer: |delivery| stringify(&answer(delivery)) };

const HEARTBEAT: FieldText<'static> = FieldText::literal("heartbeat");

#[derive(Serialize)]
struct Heartbeat {
    timestamp: Timestamp,
    msg: Message,
}

/// The answer to the request.
#[derive(Debug, Serialize)]
pub struct HeartbeatAnswer {
    ok: bool,
    clients: usize,
    removed: usize,
}

/// Returns a `heartbeat` event with the message, or an empty comment, which dispatches no event.
#[must_use]
pub fn event(now: Timestamp, msg: Option<Message>) -> Event {
    let Some(msg) = msg else {
        return Event::from([Lines::new().comment(FieldText::literal("")).dispatch()]);
    };
    let data = stringify(&Heartbeat { timestamp: now, msg });
    Event::from([Lines::new().event(HEARTBEAT).to_be_continued(), Lines::new().data(&data).dispatch()])
}

/// Returns the answer. Clients are counted after the removals.
#[must_use]
pub fn answer(delivery: Delivery) -> HeartbeatAnswer {
    HeartbeatAnswer { ok: true, clients: delivery.clients, removed: delivery.removed }
}
