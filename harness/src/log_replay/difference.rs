//! The comparison of a replay with the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use onbeat_wire::printable::{LINE_CHARS_MAX, TEXT_CHARS_MAX, clipped, printable};
use onbeat_wire::{Entry, How, Instant, What};

use super::{LoggedAnswer, LoggedWorld};
use crate::player::{ClientLog, HttpExchange};

/// The fields that HTTP adds to the logged fields: framing, and the end of a connection.
const FRAMING: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// The outcome of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// How many requests there were.
    pub requests: usize,
    /// On how many connections.
    pub connections: usize,
    /// How many writes were the same.
    pub writes: usize,
    /// How much time passed.
    pub time: Duration,
    /// The first difference from the log.
    pub difference: Option<ReplayDifference>,
}

/// Where a replay differs from the log.
#[derive(Debug)]
pub struct ReplayDifference {
    connection: u64,
    request: u32,
    asked: String,
    place: usize,
    logged: Option<Entry>,
    replayed: Option<Entry>,
}

impl fmt::Display for ReplayDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, request, asked, place, logged, replayed } = self;
        let asked = printable(asked, LINE_CHARS_MAX);
        let part = place + 1;
        writeln!(
            f,
            "connection {connection}, request {request} ({asked}): part {part} of the response differs, the head being 1"
        )?;
        for (name, entry) in [("logged", logged), ("replayed", replayed)] {
            match entry {
                Some(entry) => writeln!(f, "{name:>9} {}", clipped(entry.to_string(), TEXT_CHARS_MAX))?,
                None => writeln!(f, "{name:>9} nothing")?,
            }
        }
        Ok(())
    }
}

impl LoggedWorld {
    /// Compares the logs of the clients, by the ordinals of their connections, with the log of the server.
    pub(super) fn compare(&self, logs: &BTreeMap<u64, ClientLog>, time: Duration) -> Replayed {
        let connections = self.answers.keys().map(|(connection, _)| connection).collect::<BTreeSet<_>>().len();
        let mut replayed = Replayed { requests: self.answers.len(), connections, writes: 0, time, difference: None };
        let exchanges: BTreeMap<u64, _> = logs.iter().map(|(connection, log)| (*connection, log.exchanges())).collect();
        for ((connection, request), answer) in &self.answers {
            let exchange = exchanges.get(connection).and_then(|exchanges| exchanges.get(*request as usize));
            let came = exchange.map(HttpExchange::entries).unwrap_or_default();
            let logged = answer.seen();
            replayed.writes += logged.iter().filter(|entry| matches!(entry.what, What::Write(_))).count();
            // Stops at the first difference, since later differences mostly follow from the first.
            if let Some((place, logged, came)) = self.first_difference(answer, logged, came) {
                let (connection, request, asked) = (*connection, *request, answer.asked.clone());
                replayed.difference =
                    Some(ReplayDifference { connection, request, asked, place, logged, replayed: came });
                return replayed;
            }
        }
        replayed
    }

    /// Returns the first place where an answer differs, and the two entries there.
    fn first_difference(
        &self,
        answer: &LoggedAnswer,
        mut logged: Vec<Entry>,
        mut came: Vec<Entry>,
    ) -> Option<(usize, Option<Entry>, Option<Entry>)> {
        // Drops the end of an answer under way, which the log does not have.
        let is_open = !matches!(logged.last().map(|last| &last.what), Some(What::End(_)));
        if is_open {
            came.pop_if(|last| matches!(last.what, What::End(How::Closed)));
        }
        // Joins writes without chunks, whose boundaries are lost on the wire.
        let is_chunked = answer.is_chunked && !has_length(&came);
        if !is_chunked {
            (logged, came) = (self.joined(logged), self.joined(came));
        }
        let left_at = logged.pop_if(|last| matches!(last.what, What::End(How::Closed))).map(|end| end.at);
        if !self.is_exact && (is_open || left_at.is_some()) {
            // Compares only the common beginning: without exact times the machine decides how much a client sees.
            came.pop_if(|last| matches!(last.what, What::End(_)));
            came.truncate(logged.len());
            logged.truncate(came.len());
            if !is_chunked {
                cut_to_common_length(&mut logged, &mut came);
            }
        } else if let Some(left_at) = left_at {
            // Drops writes of the instant of leaving: in the lab a client sees all of the instant.
            let till_then = came.iter().take_while(|entry| entry.at < left_at).count();
            came.truncate(logged.len().max(till_then));
        }
        let differs = |place: &usize| {
            !logged.get(*place).zip(came.get(*place)).is_some_and(|(a, b)| self.is_same(a, b, is_chunked))
        };
        let place = (0..logged.len().max(came.len())).find(differs)?;
        let (logged, came) = (logged.get(place).cloned(), came.get(place).cloned());
        // Leaves out what is missing at the last instant: a log may end early, in the middle of an instant.
        let is_last = came.as_ref().is_some_and(|entry| entry.at >= self.last_at());
        let goes_on = match (&logged, &came) {
            (None, _) => true,
            (Some(logged), Some(came)) => !is_chunked && is_beginning(logged, came),
            _ => false,
        };
        (!(is_open && is_last && goes_on)).then_some((place, logged, came))
    }

    /// Joins the writes of an instant: without chunks only times separate writes, and without exact times nothing does.
    fn joined(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut joined: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            match (joined.last_mut(), &entry.what) {
                (Some(Entry { at, what: What::Write(before) }), What::Write(bytes))
                    if !self.is_exact || *at == entry.at =>
                {
                    *before = [&before[..], &bytes[..]].concat().into();
                }
                _ => joined.push(entry),
            }
        }
        joined
    }

    /// Returns the latest time of the log.
    fn last_at(&self) -> Instant {
        Instant::EPOCH + self.end.0
    }

    fn is_same(&self, logged: &Entry, replayed: &Entry, is_chunked: bool) -> bool {
        let is_in_time = !self.is_exact || logged.at == replayed.at;
        is_in_time
            && match (&logged.what, &replayed.what) {
                (What::Head(logged), What::Head(replayed)) => {
                    let [fields, came] = [logged, replayed].map(|head| {
                        head.headers.iter().filter(|(name, _)| !FRAMING.contains(&name.as_str())).collect::<Vec<_>>()
                    });
                    let is_same_field = |((name, value), (other, came)): (&&(String, String), &&(String, String))| {
                        is_logged_text(name, other) && is_logged_text(value, came)
                    };
                    let has_same_fields = fields.len() == came.len() && fields.iter().zip(&came).all(is_same_field);
                    logged.status == replayed.status && has_same_fields
                }
                (What::Write(logged), What::Write(replayed)) => logged == replayed,
                // Takes a cut for a reset, which a pipe in memory lacks, and without chunks an end for both.
                (What::End(How::Reset), What::End(How::Cut)) => true,
                (What::End(How::Reset | How::Cut), What::End(How::Complete)) => !is_chunked,
                (What::End(logged), What::End(replayed)) => logged == replayed,
                _ => false,
            }
    }
}

/// Returns whether a text in the log stands for a text that came. An `x` stands for any byte: the log has no secrets, and a text
/// that was cut got its length back.
fn is_logged_text(logged: &str, came: &str) -> bool {
    let is_same = |(logged, came): (u8, u8)| logged == came || logged == b'x';
    logged.len() == came.len() && logged.bytes().zip(came.bytes()).all(is_same)
}

/// Returns whether the head tells the length of the body, so that the body has no chunks. A log leaves such headers out.
fn has_length(came: &[Entry]) -> bool {
    came.iter().any(|entry| matches!(&entry.what, What::Head(head) if head.header("content-length").is_some()))
}

/// Returns whether both entries are writes of one time, and the first is the beginning of the second.
fn is_beginning(one: &Entry, other: &Entry) -> bool {
    match (&one.what, &other.what) {
        (What::Write(beginning), What::Write(whole)) => one.at == other.at && whole.starts_with(beginning),
        _ => false,
    }
}

/// Cuts the last writes of both to the length of the shorter one, if they stand at the same place.
fn cut_to_common_length(logged: &mut [Entry], came: &mut [Entry]) {
    if let (Some(Entry { what: What::Write(one), .. }), Some(Entry { what: What::Write(other), .. })) =
        (logged.last_mut(), came.last_mut())
    {
        let length = one.len().min(other.len());
        one.truncate(length);
        other.truncate(length);
    }
}
