//! The trace of failed worlds, as `onbeat simulate --trace` writes it: a line with a history, and lines with what its
//! clients saw. The history can be played again, if it is one that can be.

use std::collections::BTreeSet;

use onbeat_wire::jsonl::{self, Problem, WrongLine, within};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::history::{Asked, Deed, GARBAGE, History, LONG, Link, What};

/// Bounds of what is simulated, with room beyond what is made up. Within them the model knows what must be true.
const CLIENTS_MAX: usize = 512;
const DEEDS_MAX: usize = 4096;
const END_MS_MAX: u64 = 86_400_000;
const MAILBOX_EVENTS_MAX: u64 = 65_536;
const CONNECTIONS_MAX: u64 = 65_536;
const WINDOW_BYTES_MAX: u64 = 1 << 20;
const PIECE_BYTES_MAX: u64 = 1 << 16;
const BREAKS_AFTER_MAX: u64 = 1 << 20;
const NUMBER_MAX: u64 = 1 << 32;
/// More than this is never sent behind a stream, where the server lets only so much wait.
const BEHIND_BYTES_MAX: usize = 48 * 1024;
/// Whatever is late has come when a world ends.
const LATENCY_MS_MAX: u64 = 1000;
const JITTER_MS_MAX: u64 = 1000;
const TOGETHER_MS_MAX: u64 = 1000;

#[derive(Deserialize)]
struct Line {
    history: Option<History>,
    client: Option<IgnoredAny>,
    kind: Option<IgnoredAny>,
}

/// Reads the histories in a trace.
///
/// # Errors
///
/// If a line is none of a trace, or a history was edited so that it can't be.
pub fn histories(text: &str) -> Result<Vec<History>, WrongLine> {
    let mut histories = Vec::new();
    for (number, line) in jsonl::lines(text) {
        histories.extend(history(line).map_err(|wrong| wrong.at(number))?);
    }
    Ok(histories)
}

fn history(line: &str) -> Result<Option<History>, Problem> {
    let Line { history, client, kind } = jsonl::read(line)?;
    if history.is_none() && (client.is_none() || kind.is_none()) {
        return Err(Problem::line("a line of a trace: a history, or what a client saw"));
    }
    history.as_ref().map_or(Ok(()), check)?;
    Ok(history)
}

/// Checks that a history can be.
pub(super) fn check(history: &History) -> Result<(), Problem> {
    let History { seed: _, mailbox_events_max, connections_max, clients, deeds, end_ms } = history;
    within("history.mailbox_events_max", *mailbox_events_max, 1..=MAILBOX_EVENTS_MAX)?;
    within("history.connections_max", *connections_max as u64, 1..=CONNECTIONS_MAX)?;
    within("history.end_ms", *end_ms, 0..=END_MS_MAX)?;
    for (field, count, max) in [("clients", clients.len(), CLIENTS_MAX), ("deeds", deeds.len(), DEEDS_MAX)] {
        if count > max {
            return Err(Problem::field(format!("history.{field}"), format_args!("at most {max} {field}, got {count}")));
        }
    }
    for (number, link) in clients.iter().enumerate() {
        check_link(number, link)?;
    }
    check_deeds(history)?;
    (0..clients.len()).try_for_each(|client| check_client(history, client))
}

fn check_link(number: usize, link: &Link) -> Result<(), Problem> {
    let Link { window_bytes, piece_bytes, latency_ms, jitter_ms, together_ms, breaks_after, again } = link;
    let field = |name| format!("history.clients[{number}].{name}");
    within(field("window_bytes"), *window_bytes as u64, 1..=WINDOW_BYTES_MAX)?;
    within(field("piece_bytes"), *piece_bytes as u64, 1..=PIECE_BYTES_MAX)?;
    within(field("latency_ms"), *latency_ms, 0..=LATENCY_MS_MAX)?;
    within(field("jitter_ms"), *jitter_ms, 0..=JITTER_MS_MAX)?;
    within(field("together_ms"), *together_ms, 1..=TOGETHER_MS_MAX)?;
    within(field("breaks_after"), breaks_after.unwrap_or_default() as u64, 0..=BREAKS_AFTER_MAX)?;
    match again {
        Some(again) if *again >= number => {
            Err(Problem::field(field("again"), format_args!("a client before this one, got {again}")))
        }
        _ => Ok(()),
    }
}

fn check_deeds(history: &History) -> Result<(), Problem> {
    let mut now = 0;
    let mut numbers = BTreeSet::new();
    let mut is_over = false;
    for (number, Deed { at_ms, client, what, races, .. }) in history.deeds.iter().enumerate() {
        let field = |name| format!("history.deeds[{number}].{name}");
        // Deeds are in the order of time, and nobody does anything while time jumps.
        within(field("at_ms"), *at_ms, now..=history.end_ms.max(now))?;
        now = *at_ms;
        if !what.is_of_the_world() && *client >= history.clients.len() {
            let expected = format_args!("the number of a client, below {}, got {client}", history.clients.len());
            return Err(Problem::field(field("client"), expected));
        }
        match what {
            What::Jump { ms } => {
                within(field("what.Jump.ms"), *ms, 1..=history.end_ms.saturating_sub(now).max(1))?;
                now += ms;
                if *races {
                    return Err(Problem::field(field("races"), "false, since time jumps when all is over"));
                }
            }
            What::ShutDown if std::mem::replace(&mut is_over, true) => {
                return Err(Problem::field(field("what"), "no second shutdown"));
            }
            What::Garbage(bytes) if !GARBAGE.contains(&bytes.as_str()) => {
                return Err(Problem::field(field("what.Garbage"), format_args!("one of {GARBAGE:?}")));
            }
            What::Ask { asked: Asked::Broadcast(message) | Asked::Heartbeat(message), .. } => {
                within(field("what.Ask.asked.text"), message.text as u64, 0..=LONG as u64)?;
                within(field("what.Ask.asked.number"), message.number as u64, 0..=NUMBER_MAX)?;
                if !numbers.insert(message.number) {
                    let expected = format_args!("a number that no other event has, got {}", message.number);
                    return Err(Problem::field(field("what.Ask.asked.number"), expected));
                }
            }
            _ => {}
        }
    }
    within("history.end_ms", history.end_ms, now..=END_MS_MAX.max(now))
}

/// Checks what one client does: it leaves once, what is no HTTP comes alone, and no request finds its way full for ever.
fn check_client(history: &History, client: usize) -> Result<(), Problem> {
    let waits = history.connections_max < history.clients.len();
    let window = history.clients[client].window_bytes;
    let mut sent = Sent::default();
    for (number, deed) in history.deeds.iter().enumerate() {
        if deed.client != client || deed.what.is_of_the_world() {
            continue;
        }
        sent.add(&deed.what).map_err(|expected| Problem::field(format!("history.deeds[{number}].what"), expected))?;
        if waits && sent.bytes > window {
            let expected = format_args!(
                "at least the {} bytes that the client sends, which may wait to be served, got {window}",
                sent.bytes
            );
            return Err(Problem::field(format!("history.clients[{client}].window_bytes"), expected));
        }
    }
    Ok(())
}

/// What a client has sent so far.
#[derive(Default)]
struct Sent {
    bytes: usize,
    /// What its first request was for.
    first: Option<Asked>,
    /// Bytes behind its first stream.
    behind: Option<usize>,
    has_sent_garbage: bool,
    has_left: bool,
}

impl Sent {
    /// Takes in what the client does; the error is what was expected in its place.
    fn add(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Ask { .. } | What::Garbage(_) if self.has_sent_garbage => {
                return Err("nothing more of a client that has sent what is no HTTP".into());
            }
            What::Garbage(_) if self.first.is_some() => {
                return Err("no garbage of a client that has sent a request".into());
            }
            What::Pause if !self.first.is_some_and(Asked::hears_broadcasts) => {
                return Err("a pause only of a client whose first request is for /sse".into());
            }
            What::Close | What::HalfClose | What::Reset if std::mem::replace(&mut self.has_left, true) => {
                return Err("no second leave of a client".into());
            }
            What::Ask { asked, manner, .. } => {
                self.count(manner.request(&asked.target()).len());
                self.first.get_or_insert(*asked);
                if let Asked::Stream(_) = asked {
                    self.behind.get_or_insert(0);
                }
            }
            What::Garbage(bytes) => {
                self.count(bytes.len());
                self.has_sent_garbage = true;
            }
            _ => {}
        }
        if self.behind > Some(BEHIND_BYTES_MAX) {
            return Err(format!("at most {BEHIND_BYTES_MAX} bytes of requests behind a stream"));
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.behind = self.behind.map(|behind| behind + bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_made_up_can_be() {
        for seed in 0..5000 {
            let history = History::new(seed);
            assert_eq!(check(&history), Ok(()), "{history}");
        }
    }
}
