//! The general invariants: true of each application, or declared with a request.

use std::collections::{BTreeMap, BTreeSet};

use onbeat_wire::{Decoder, How, StreamItem};

use super::world_client::{WorldClient, WorldExchange};
use crate::lab::Event;
use crate::simulate::Violation;
use crate::simulate::circle::circle;

const READABLE: &str = "what comes is HTTP/1.1";
const UTF_8: &str = "an event stream is UTF-8";
const WHOLE: &str = "a complete event stream ends behind a whole event";
const SAME: &str = "a client sees what a calm client sees that asks at the same moment, up to some event";
const ORDER: &str = "all clients see the ids in one order";

/// How many ids of a client a message shows.
const SHOWN_IDS_MAX: usize = 12;

/// Judges the observations of all clients.
pub(super) fn judge(clients: &[WorldClient]) -> Result<(), Violation> {
    for client in clients {
        if let Some(why) = client.log().unreadable() {
            return violated(READABLE, client, why);
        }
        for exchange in &client.exchanges {
            if exchange.response.is_event_stream() {
                is_utf_8(client, exchange)?;
                is_whole(client, exchange)?;
            }
            is_same_for_all(clients, client, exchange)?;
        }
    }
    is_ordered(clients)
}

fn violated<T>(invariant: &'static str, client: &WorldClient, detail: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant: invariant.into(), client: Some(client.number), detail: detail.into() })
}

/// Judges the encoding (WHATWG HTML, 9.2.4). A cut response may end in the middle of a character.
fn is_utf_8(client: &WorldClient, WorldExchange { request, response, .. }: &WorldExchange) -> Result<(), Violation> {
    let body = response.body();
    let Err(error) = std::str::from_utf8(&body) else { return Ok(()) };
    let is_cut = error.error_len().is_none() && response.end() != Some(How::Complete);
    if is_cut {
        return Ok(());
    }
    let at = error.valid_up_to();
    let around = onbeat_wire::printable::visible(&body[at.saturating_sub(20)..body.len().min(at + 20)]);
    violated(UTF_8, client, format!("{}: byte {at} of the body is not UTF-8, in {around}", request.name()))
}

/// Judges the last event of a complete response: without an empty line, every parser drops the event (WHATWG HTML, 9.2.6).
fn is_whole(client: &WorldClient, WorldExchange { request, response, .. }: &WorldExchange) -> Result<(), Violation> {
    if response.end() != Some(How::Complete) {
        return Ok(());
    }
    let mut decoder = Decoder::default();
    decoder.push_all(&response.body());
    // Adds the missing empty line: an event that comes only now is lost to all clients.
    let lost = decoder.push_all(b"\n\n").into_iter().find_map(|item| match item {
        StreamItem::Event(event) => Some(event.data),
        _ => None,
    });
    match lost {
        Some(data) => violated(WHOLE, client, format!("{}: no empty line follows the data {data:?}", request.name())),
        None => Ok(()),
    }
}

/// Judges the events of a client by those of the calm client beside the client.
fn is_same_for_all(clients: &[WorldClient], client: &WorldClient, exchange: &WorldExchange) -> Result<(), Violation> {
    let calm = exchange.calm_client.and_then(|calm| clients.get(calm - 1)).filter(|calm| calm.is_calm());
    let Some(calm) = calm else { return Ok(()) };
    let Some(beside) = calm.exchanges.first() else { return Ok(()) };
    // Passes over two answers of different kinds: an application may refuse either client.
    if !exchange.response.is_event_stream() || !beside.response.is_event_stream() {
        return Ok(());
    }
    let (seen, expected) = (exchange.response.events(), beside.response.events());
    let same = |(seen, expected): (&Event, &Event)| {
        (&seen.id, &seen.kind, &seen.data) == (&expected.id, &expected.kind, &expected.data)
    };
    let count = seen.iter().zip(&expected).take_while(|pair| same(*pair)).count();
    // Accepts a prefix of the events of the calm client.
    let Some(event) = seen.get(count) else { return Ok(()) };
    let expected = expected.get(count).map_or("nothing more".into(), shown);
    let (name, number) = (exchange.request.name(), calm.number);
    let detail = format!("{name}: event {} is {}\n  the calm client {number} saw {expected}", count + 1, shown(event));
    violated(SAME, client, detail)
}

/// Judges the order of ids, over all clients of a request.
fn is_ordered(clients: &[WorldClient]) -> Result<(), Violation> {
    let mut sequences: BTreeMap<_, Vec<(usize, Vec<String>)>> = BTreeMap::new();
    for client in clients {
        for WorldExchange { request, response, .. } in &client.exchanges {
            if request.has_ordered_ids && response.is_event_stream() {
                let mut ids: Vec<String> = response.events().into_iter().map(|event| event.id).collect();
                ids.retain(|id| !id.is_empty());
                // Joins equal ids, since the id of an event holds for later events without an id.
                ids.dedup();
                sequences.entry(request.identity()).or_default().push((client.number, ids));
            }
        }
    }
    for ((method, target, _), sequences) in sequences {
        let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for pair in sequences.iter().flat_map(|(_, ids)| ids.windows(2)) {
            next.entry(&pair[0]).or_default().insert(&pair[1]);
        }
        // Looks for a circle of successors, without which a single order fits all clients.
        let circle: BTreeSet<&str> = circle(next).into_iter().collect();
        if circle.is_empty() {
            continue;
        }
        let seen: String = sequences
            .iter()
            .map(|(client, ids)| {
                let ids: Vec<&str> = ids.iter().map(String::as_str).filter(|id| circle.contains(id)).collect();
                (client, ids)
            })
            .filter(|(_, ids)| ids.len() > 1)
            .map(|(client, ids)| {
                let more = if ids.len() > SHOWN_IDS_MAX { ", …" } else { "" };
                format!("\n  client {client} saw {}{more}", ids[..ids.len().min(SHOWN_IDS_MAX)].join(", "))
            })
            .collect();
        let detail = format!("{method} {target}: no single order of the ids fits what the clients saw{seen}");
        return Err(Violation { invariant: ORDER.into(), client: None, detail });
    }
    Ok(())
}

fn shown(event: &Event) -> String {
    let data: String = event.data.chars().take(80).collect();
    let id = if event.id.is_empty() { String::new() } else { format!(" with the id {}", event.id) };
    format!("{} {data:?}{id} at {} ms", event.kind, event.at_ms())
}
