//! `/sse`: the greeting, its own heartbeats, and the events of all, in the order of their times.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use onbeat_wire::printable::visible;
use onbeat_wire::{How, Instant};

use super::members::{Member, Members, Sent};
use super::streams::{dispatched, on_time, same_events, stamp};
use super::view::{Ask, View};
use super::{Judged, Violation, World, violation};
use crate::player::HttpExchange;
use crate::simulate::history::Asked;

const GREETING: &str = "data: {\"message\": \"连接成功\"}\n\n";
const PERIOD: Duration = Duration::from_secs(30);

const GREETED: &str = "a client of /sse is greeted before all else";
const WHOLE_EVENTS: &str = "an event comes whole, as it was sent, with nothing in between";
const HEARTBEATS: &str = "a client of /sse hears all its heartbeats";
const HEARTBEAT_FIRST: &str = "a heartbeat comes before the events of its instant, and after all before";
const ONCE: &str = "every event reaches each client that is there, once";
const ENDS: &str = "/sse does not end by itself";

/// Something that a client of `/sse` hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Heartbeat,
    Comment,
    /// The event with this number.
    Event(usize),
}

impl World<'_> {
    pub(super) fn sse(&self, view: &View, members: &Members) -> Judged {
        for (ask, response) in view.asks.iter().zip(&view.responses) {
            if let Some(member) = members.of(ask).filter(|_| ask.asked.hears_broadcasts()) {
                self.heard(view, ask, response, member, members)?;
            }
        }
        Ok(())
    }

    fn heard(&self, view: &View, ask: &Ask, response: &HttpExchange, member: &Member, members: &Members) -> Judged {
        let comes = |due: Instant| self.times.comes(due);
        if let Some((at, greeting)) = response.writes.first() {
            on_time(view, *at, comes(ask.at), greeting)?;
        }
        let heard = hear(view, response, members)?;
        let beat = |number: usize| ask.at + PERIOD * u32::try_from(number + 1).unwrap_or(u32::MAX);
        let (mut beats, mut comments, mut seen) = (0, 0, BTreeSet::new());
        for (at, what, bytes) in &heard {
            match what {
                Heard::Heartbeat => {
                    on_time(view, *at, comes(beat(beats)), bytes)?;
                    beats += 1;
                }
                Heard::Comment => comments += 1,
                Heard::Event(number) => {
                    let sent = &members.numbered[number];
                    if !seen.insert(sent.deed) {
                        return violation(ONCE, Some(view), format!("event {number} came twice"));
                    }
                    if !member.may_get.contains(&sent.deed) {
                        return violation(ONCE, Some(view), format!("event {number} was not for it"));
                    }
                    if sent.exact {
                        on_time(view, *at, comes(sent.at), bytes)?;
                        // The heartbeats that were due by then, and no others, come before it.
                        let due = (sent.at - ask.at).as_millis() / PERIOD.as_millis();
                        if beats as u128 != due {
                            let detail = format!("event {number} came after {beats} heartbeats instead of {due}");
                            return violation(HEARTBEAT_FIRST, Some(view), detail);
                        }
                    }
                }
            }
        }
        if !view.is_executed(ask, self.times) {
            return Ok(());
        }
        let owed = |number: &usize| self.is_owed(view, members, comes(beat(*number)), None);
        let due = (0..usize::MAX).take_while(owed).count();
        if beats < due {
            return violation(HEARTBEATS, Some(view), format!("{beats} of {due} came"));
        }
        let owed = |sent: &&Sent| {
            member.gets.contains(&sent.deed) && self.is_owed(view, members, comes(sent.at), Some(sent.batch))
        };
        let (numbered, plain): (Vec<&Sent>, Vec<&Sent>) =
            members.sent.iter().filter(owed).partition(|sent| sent.asked.message().is_some());
        if let Some(sent) = numbered.into_iter().find(|sent| !seen.contains(&sent.deed)) {
            return violation(ONCE, Some(view), format!("GET {} never came", sent.asked.target()));
        }
        let possible = members.sent.iter().filter(|sent| sent.asked == Asked::Comment);
        let possible = possible.filter(|sent| member.may_get.contains(&sent.deed)).count();
        if !(plain.len()..=possible).contains(&comments) {
            let detail = format!("{comments} comments came of {} to {possible}", plain.len());
            return violation(ONCE, Some(view), detail);
        }
        if matches!(response.end, Some((_, How::Complete))) && self.times.shut_down.is_none() && !response.is_raw() {
            return violation(ENDS, Some(view), "it ended with its last chunk");
        }
        self.ended_in_order(view, ask, response, members)?;
        parsed(view, response, &heard)
    }
}

/// Reads what came, write by write.
pub(super) fn hear<'r>(
    view: &View,
    response: &'r HttpExchange,
    members: &Members,
) -> Result<Vec<(Instant, Heard, &'r Bytes)>, Violation> {
    let mut heard = Vec::new();
    let mut writes = response.writes.iter();
    match writes.next() {
        None => return Ok(heard),
        Some((_, greeting)) if greeting == GREETING => {}
        Some((_, other)) => return violation(GREETED, Some(view), visible(other)),
    }
    while let Some((at, write)) = writes.next() {
        let what = match &write[..] {
            b"heartbeat:\n\n" => Heard::Heartbeat,
            b":\n\n" => Heard::Comment,
            name => match writes.next() {
                None if matches!(name, b"event: broadcast\n" | b"event: heartbeat\n") => break,
                None => return violation(WHOLE_EVENTS, Some(view), visible(name)),
                Some((then, data)) => {
                    let sent = number(data).and_then(|number| members.numbered.get(&number));
                    let Some(sent) =
                        sent.filter(|sent| sent.is_written(name, data) && (at == then || !view.is_prompt()))
                    else {
                        let detail = visible(name) + &visible(data);
                        return violation(WHOLE_EVENTS, Some(view), detail);
                    };
                    Heard::Event(sent.asked.message().map_or(0, |message| message.number))
                }
            },
        };
        heard.push((*at, what, write));
    }
    Ok(heard)
}

fn parsed(view: &View, response: &HttpExchange, heard: &[(Instant, Heard, &Bytes)]) -> Judged {
    let named = |(_, what, name): &(Instant, Heard, &Bytes)| {
        let name = matches!(what, Heard::Event(_)).then_some(name)?;
        Some(String::from_utf8_lossy(name).trim_start_matches("event: ").trim_end().to_owned())
    };
    let greeted = response.writes.first().map(|_| "message".to_owned());
    let expected: Vec<String> = greeted.into_iter().chain(heard.iter().filter_map(named)).collect();
    let came: Vec<String> = dispatched(view, response).into_iter().map(|event| event.event_type).collect();
    same_events(view, &came, &expected)
}

impl Sent {
    /// Whether these two writes are the event.
    fn is_written(&self, name: &[u8], data: &[u8]) -> bool {
        let (expected, start, end) = match self.asked {
            Asked::Broadcast(message) => {
                ("event: broadcast\n", format!("{{\"msg\":{},\"ts\":\"", message.json()), "\"}".into())
            }
            Asked::Heartbeat(message) => {
                ("event: heartbeat\n", "{\"timestamp\":\"".to_owned(), format!("\",\"msg\":{}}}", message.json()))
            }
            _ => return false,
        };
        let stamp = format!("{:.3}", stamp(self.at));
        let written = format!("data: {start}{stamp}{end}\n\n");
        // Of one whose time is not known the time may be another.
        let late = !self.exact && data.starts_with(format!("data: {start}").as_bytes()) && data.len() == written.len();
        name == expected.as_bytes() && (data == written.as_bytes() || late)
    }
}

/// The number that an event's message bears.
fn number(data: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(data).ok()?;
    let (_, message) = text.split_once("\"msg\":")?;
    let digits = message.trim_start_matches('[').strip_prefix("\"n")?;
    digits.split('.').next()?.parse().ok()
}
