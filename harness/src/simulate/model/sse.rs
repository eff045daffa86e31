//! `/sse`: the greeting, the heartbeats of each client, and the published events, in the order of their times.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::printable::visible;
use onbeat_wire::{How, Instant};

use super::streams::{on_time, parsed, stamp};
use super::{HttpExchange, Judged, Publication, Resource, SentRequest, View, Violation, World, holds, violation};

const GREETING: &str = "data: {\"message\": \"连接成功\"}\n\n";
const PERIOD: Duration = Duration::from_secs(30);

const GREETED: &str = "a client of /sse is greeted before all else";
const WHOLE_EVENTS: &str = "an event comes whole, as it was sent, with nothing in between";
const HEARTBEATS: &str = "a client of /sse hears all its heartbeats";
const HEARTBEAT_FIRST: &str = "a heartbeat comes before the events of its instant, and after all before";
const ONCE: &str = "every event reaches each client that is there, once";
const ENDS: &str = "/sse does not end by itself";

/// An item of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Heartbeat,
    Comment,
    /// The event with this number.
    Event(usize),
}

impl World<'_> {
    /// Judges the response to a request for the channel.
    pub(super) fn sse(&self, view: &View, request: &SentRequest, response: &HttpExchange) -> Judged {
        let Some(subscriber) = self.subscribers.of(request) else { return Ok(()) };
        let comes = |due: Instant| self.times.comes(due);
        if let Some((at, greeting)) = response.writes.first() {
            on_time(view, *at, comes(request.at), greeting)?;
        }
        // Checks that each item is on time, comes once, and was published for this client.
        let heard = self.hear(view, response)?;
        let heartbeat = |number: usize| request.at + PERIOD * u32::try_from(number + 1).unwrap_or(u32::MAX);
        let (mut heartbeats, mut comments, mut seen) = (0, 0, BTreeSet::new());
        for (at, item, bytes) in &heard {
            match item {
                Heard::Heartbeat => {
                    on_time(view, *at, comes(heartbeat(heartbeats)), bytes)?;
                    heartbeats += 1;
                }
                Heard::Comment => comments += 1,
                Heard::Event(number) => {
                    let event = &self.subscribers.numbered[number];
                    holds(seen.insert(event.operation), ONCE, Some(view), || format!("event {number} came twice"))?;
                    let may_get = subscriber.may_get.contains(&event.operation);
                    holds(may_get, ONCE, Some(view), || format!("event {number} was not for it"))?;
                    if event.exact {
                        on_time(view, *at, comes(event.at), bytes)?;
                        let due = (event.at - request.at).as_millis() / PERIOD.as_millis();
                        holds(heartbeats as u128 == due, HEARTBEAT_FIRST, Some(view), || {
                            format!("event {number} came after {heartbeats} heartbeats instead of {due}")
                        })?;
                    }
                }
            }
        }
        // Checks that no owed item is missing.
        if !view.is_executed(request, self.times) {
            return Ok(());
        }
        let is_owed = |number: &usize| self.is_owed(view, comes(heartbeat(*number)), None);
        let due = (0..usize::MAX).take_while(is_owed).count();
        holds(heartbeats >= due, HEARTBEATS, Some(view), || format!("{heartbeats} of {due} came"))?;
        let is_owed = |event: &&Publication| {
            subscriber.gets.contains(&event.operation) && self.is_owed(view, comes(event.at), Some(event.batch))
        };
        let (numbered, plain): (Vec<&Publication>, Vec<&Publication>) =
            self.subscribers.events.iter().filter(is_owed).partition(|event| event.resource.message().is_some());
        if let Some(event) = numbered.into_iter().find(|event| !seen.contains(&event.operation)) {
            return violation(ONCE, Some(view), format!("GET {} never came", event.resource.target()));
        }
        let is_possible =
            |event: &&Publication| event.resource == Resource::Comment && subscriber.may_get.contains(&event.operation);
        let possible = self.subscribers.events.iter().filter(is_possible).count();
        holds((plain.len()..=possible).contains(&comments), ONCE, Some(view), || {
            format!("{comments} comments came of {} to {possible}", plain.len())
        })?;
        // Passes over a body without chunks, whose end looks like a cut.
        let is_ended = matches!(response.end, Some((_, How::Complete))) && !response.is_raw();
        let may_end = self.times.shut_down.is_some();
        holds(!is_ended || may_end, ENDS, Some(view), || "it ended with its last chunk".into())?;
        self.ended_in_order(view, request, response)?;
        let greeting = response.writes.first().map(|_| "message".to_owned());
        let names = heard
            .iter()
            .filter(|(_, item, _)| matches!(item, Heard::Event(_)))
            .map(|(_, _, name)| String::from_utf8_lossy(name).trim_start_matches("event: ").trim_end().to_owned());
        parsed(view, response, &greeting.into_iter().chain(names).collect::<Vec<_>>())
    }

    /// Reads the writes behind the greeting. The bytes of an event are the name.
    pub(super) fn hear<'r>(
        &self,
        view: &View,
        response: &'r HttpExchange,
    ) -> Result<Vec<(Instant, Heard, &'r Bytes)>, Violation> {
        let mut heard = Vec::new();
        let mut writes = response.writes.iter();
        match writes.next() {
            None => return Ok(heard),
            Some((_, greeting)) if greeting == GREETING => {}
            Some((_, other)) => return violation(GREETED, Some(view), visible(other)),
        }
        while let Some((at, write)) = writes.next() {
            let item = match &write[..] {
                b"heartbeat:\n\n" => Heard::Heartbeat,
                b":\n\n" => Heard::Comment,
                name => match writes.next() {
                    // Ends quietly between the two writes of an event, where the response may break off.
                    None if matches!(name, b"event: broadcast\n" | b"event: heartbeat\n") => break,
                    None => return violation(WHOLE_EVENTS, Some(view), visible(name)),
                    Some((then, data)) => {
                        let number = number(data).unwrap_or(usize::MAX);
                        let event = self.subscribers.numbered.get(&number);
                        let is_whole = event.is_some_and(|event| event.is_written(name, data));
                        let is_together = at == then || !view.is_prompt();
                        holds(is_whole && is_together, WHOLE_EVENTS, Some(view), || visible(name) + &visible(data))?;
                        Heard::Event(number)
                    }
                },
            };
            heard.push((*at, item, write));
        }
        Ok(heard)
    }
}

impl Publication {
    /// Returns whether these two writes are the event.
    fn is_written(&self, name: &[u8], data: &[u8]) -> bool {
        let (expected, start, end) = match self.resource {
            Resource::Broadcast(message) => {
                ("event: broadcast\n", format!("data: {{\"msg\":{},\"ts\":\"", message.json()), "\"}\n\n".into())
            }
            Resource::Heartbeat(message) => {
                let end = format!("\",\"msg\":{}}}\n\n", message.json());
                ("event: heartbeat\n", "data: {\"timestamp\":\"".to_owned(), end)
            }
            _ => return false,
        };
        let written = format!("{start}{:.3}{end}", stamp(self.at));
        // Accepts any time of an event without an exact time.
        let is_late = !self.exact && data.starts_with(start.as_bytes()) && data.len() == written.len();
        name == expected.as_bytes() && (data == written.as_bytes() || is_late)
    }
}

/// Returns the number in the message of an event.
fn number(data: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(data).ok()?;
    let (_, message) = text.split_once("\"msg\":")?;
    let digits = message.trim_start_matches('[').strip_prefix("\"n")?;
    digits.split('.').next()?.parse().ok()
}
