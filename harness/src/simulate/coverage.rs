//! What happened in a run: a simulation in which something of interest never occurs proves nothing about it.

use std::collections::BTreeMap;

use onbeat_wire::{How, What as Seen};

use super::history::{Asked, Deed, History, Link, Manner, What};
use super::play::Outcome;
use crate::player::{ClientLog, LogEntry};
use crate::replay::Stream;

/// In how many worlds each thing of interest occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Of one world.
    pub(super) fn of(history: &History, outcome: &Outcome) -> Self {
        let things = [requests(history, outcome), networks(history), meetings(history, outcome), ends(outcome)];
        Self(things.into_iter().flatten().map(|(thing, occurred)| (thing, u64::from(occurred))).collect())
    }

    /// Takes in what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (thing, worlds) in &other.0 {
            *self.0.entry(thing).or_default() += worlds;
        }
    }

    /// Each thing, and in how many worlds it occurred.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(thing, worlds)| (*thing, *worlds))
    }
}

type Things = Vec<(&'static str, bool)>;

/// What was done.
fn done<'a>(history: &'a History, outcome: &'a Outcome) -> impl Iterator<Item = &'a Deed> {
    history.deeds.iter().zip(&outcome.done).filter(|(_, done)| done.is_some()).map(|(deed, _)| deed)
}

/// Each endpoint, and each way to treat a connection.
fn requests(history: &History, outcome: &Outcome) -> Things {
    let did = |is: &dyn Fn(&What) -> bool| done(history, outcome).any(|deed| is(&deed.what));
    let asked = |is: &dyn Fn(Asked) -> bool| did(&|what| matches!(what, What::Ask { asked, .. } if is(*asked)));
    let made = |is: Manner| did(&|what| matches!(what, What::Ask { manner, .. } if *manner == is));
    // A request right behind another of its client, at the same time or later.
    let behind = |first: &dyn Fn(&What) -> bool, then: &dyn Fn(&What) -> bool| {
        history.deeds.iter().enumerate().any(|(at, deed)| {
            let mut before = history.deeds[..at].iter().rev().filter(|other| other.client == deed.client);
            then(&deed.what) && before.next().is_some_and(|before| first(&before.what))
        })
    };
    let ends = |what: &What| what.joins_a_stream() && !asks_for_sse(what);
    let sends = |what: &What| matches!(what, What::Ask { asked, .. } if asked.is_sent());
    let closes = |what: &What| matches!(what, What::Ask { manner, .. } if manner.closes());
    let heads_sse = |what: &What| asks_for_sse(what) && matches!(what, What::Ask { manner: Manner::Head, .. });
    let pauses_for_ever = done(history, outcome).any(|deed| {
        let resumes = |other: &Deed| other.client == deed.client && matches!(other.what, What::Resume);
        deed.what == What::Pause && !history.deeds.iter().any(resumes)
    });
    let streams = Stream::all().map(|stream| (stream.path(), asked(&|asked| asked == Asked::Stream(stream))));
    let others = [
        ("/broadcast-text", asked(&|asked| matches!(asked, Asked::Broadcast(_)))),
        ("/send-heartbeat with msg", asked(&|asked| matches!(asked, Asked::Heartbeat(_)))),
        ("/send-heartbeat without msg", asked(&|asked| asked == Asked::Comment)),
        ("an unknown path", asked(&|asked| asked == Asked::Nothing)),
        ("a HEAD", made(Manner::Head)),
        ("a HEAD for /sse", did(&heads_sse)),
        ("a request with Connection: close", made(Manner::Close)),
        ("a request by HTTP/1.0", made(Manner::Old)),
        ("an event behind a stream that ends", behind(&ends, &sends)),
        ("an event behind a stream that never ends", behind(&asks_for_sse, &sends)),
        ("/sse behind a stream", behind(&ends, &asks_for_sse)),
        ("an event behind a request that closes the connection", behind(&closes, &sends)),
        ("a request cut in two", did(&|what| matches!(what, What::Ask { cut: Some(_), .. }))),
        ("garbage", did(&|what| matches!(what, What::Garbage(_)))),
        ("leaving by FIN", did(&|what| *what == What::Close)),
        ("leaving by half-close", did(&|what| *what == What::HalfClose)),
        ("leaving by RST", did(&|what| *what == What::Reset)),
        ("a client that comes back", history.clients.iter().any(|link| link.again.is_some())),
        ("a reader that pauses", did(&|what| *what == What::Pause)),
        ("a reader that reads on", did(&|what| *what == What::Resume)),
        ("a half-open connection", pauses_for_ever),
        ("a clock that jumps", did(&|what| matches!(what, What::Jump { .. }))),
        ("a shutdown", did(&|what| *what == What::ShutDown)),
    ];
    streams.chain(others).collect()
}

fn asks_for_sse(what: &What) -> bool {
    matches!(what, What::Ask { asked, .. } if asked.hears_broadcasts())
}

/// Each fault of a network, and each bound of the server.
fn networks(history: &History) -> Things {
    let link = |is: &dyn Fn(&Link) -> bool| history.clients.iter().any(is);
    vec![
        ("bytes in small pieces", link(&|link| link.piece_bytes < Link::PLAIN.piece_bytes)),
        ("latency", link(&|link| link.latency_ms > 0)),
        ("jitter", link(&|link| link.jitter_ms > 0)),
        ("bytes that arrive together", link(&|link| link.together_ms > 1)),
        ("a small window", link(&|link| link.window_bytes < Link::PLAIN.window_bytes)),
        ("a tiny mailbox", history.mailbox_events_max < 1024),
        ("more clients than connections", history.connections_max < history.clients.len()),
        ("an hour", history.end_ms >= 3_600_000),
        ("more than 30 clients", history.clients.len() > 30),
    ]
}

/// What happened at the same time.
fn meetings(history: &History, outcome: &Outcome) -> Things {
    let sends = |what: &What| matches!(what, What::Ask { asked, .. } if asked.is_sent());
    let joins = |what: &What| what.joins_a_stream() && asks_for_sse(what);
    // Two deeds of different clients at one instant, without a wait in between.
    let meet = |a: &dyn Fn(&What) -> bool, b: &dyn Fn(&What) -> bool| {
        history.deeds.windows(2).any(|pair| {
            let nobody = pair.iter().any(|deed| deed.what.is_of_the_world());
            let others = nobody || pair[0].client != pair[1].client;
            let races = pair[0].at_ms == pair[1].at_ms && !pair[0].settles && others;
            races && (a(&pair[0].what) && b(&pair[1].what) || b(&pair[0].what) && a(&pair[1].what))
        })
    };
    let beats = |log: &ClientLog| {
        let at = |(at, entry): &(_, LogEntry)| is_write(entry, |text| text == b"heartbeat:\n\n").then_some(*at);
        let beats: Vec<_> = log.entries.iter().filter_map(at).collect();
        let event =
            |(at, entry): &(_, LogEntry)| is_write(entry, |text| text.starts_with(b"event:")) && beats.contains(at);
        log.entries.iter().any(event)
    };
    vec![
        ("joining while an event is sent", meet(&joins, &sends)),
        ("leaving while an event is sent", meet(&What::leaves, &sends)),
        ("leaving while another joins", meet(&What::leaves, &joins)),
        ("a shutdown while an event is sent", meet(&|what| *what == What::ShutDown, &sends)),
        ("two events at the same time", meet(&sends, &sends)),
        ("an event at the instant of a heartbeat", outcome.logs.iter().any(beats)),
    ]
}

fn is_write(entry: &LogEntry, is: impl Fn(&[u8]) -> bool) -> bool {
    matches!(entry, LogEntry::Saw(Seen::Write(text)) if is(text))
}

/// How streams and connections ended.
fn ends(outcome: &Outcome) -> Things {
    let has =
        |is: &dyn Fn(&LogEntry) -> bool| outcome.logs.iter().any(|log| log.entries.iter().any(|(_, entry)| is(entry)));
    let ended = |how| has(&|entry| *entry == LogEntry::Saw(Seen::End(how)));
    let removed = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.split_once("\"removed\":").is_some_and(|(_, removed)| !removed.starts_with('0'))
    };
    let between = |first: &dyn Fn(&LogEntry) -> bool, then: &dyn Fn(&LogEntry) -> bool| {
        let pair = |pair: &[(_, LogEntry)]| first(&pair[0].1) && then(&pair[1].1);
        outcome.logs.iter().any(|log| log.entries.windows(2).any(pair))
    };
    let head = |entry: &LogEntry| matches!(entry, LogEntry::Saw(Seen::Head(_)));
    let name = |entry: &LogEntry| is_write(entry, |text| text.starts_with(b"event:"));
    let breaks = |entry: &LogEntry| *entry == LogEntry::Saw(Seen::End(How::Reset));
    vec![
        ("a stream to its end", ended(How::Complete)),
        ("a stream that is cut off", ended(How::Cut)),
        ("a stream that is reset", ended(How::Reset)),
        ("an eviction", has(&|entry| is_write(entry, removed))),
        ("leaving between a head and its first write", between(&head, &LogEntry::leaves)),
        ("leaving in the middle of an event", between(&name, &breaks)),
    ]
}
