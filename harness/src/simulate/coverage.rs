//! The coverage of a run: the events of interest, which a simulation must contain to prove anything about them.

use std::collections::BTreeMap;

use onbeat_wire::{How, What};

use super::history::History;
use super::link::Link;
use super::operation::{Operation, OperationKind};
use super::play::Observations;
use super::resource::{Manner, Resource};
use crate::player::{ClientLog, LogEntry};
use crate::replay::Stream;

/// The number of worlds with each event of interest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Returns the coverage of a single world.
    pub(super) fn of(history: &History, observations: &Observations) -> Self {
        let events = [
            requests(history, &|at| observations.done[at].is_some()),
            networks(history),
            meetings(history, &observations.logs),
            ends(&observations.logs),
        ];
        Self(events.into_iter().flatten().map(|(event, occurred)| (event, u64::from(occurred))).collect())
    }

    /// Adds the coverage of other worlds.
    pub fn add(&mut self, other: &Self) {
        for (event, worlds) in &other.0 {
            *self.0.entry(event).or_default() += worlds;
        }
    }

    /// Returns each event, and the number of worlds with the event.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(event, worlds)| (*event, *worlds))
    }
}

/// Events of interest, and whether each occurred.
type Occurrences = Vec<(&'static str, bool)>;

fn publishes(kind: &OperationKind) -> bool {
    kind.request().is_some_and(|(resource, _)| resource.publishes())
}

fn requests_channel(kind: &OperationKind) -> bool {
    kind.request().is_some_and(|(resource, _)| resource.hears_broadcasts())
}

/// Returns which endpoints were requested, and how connections were treated.
fn requests(history: &History, is_done: &dyn Fn(usize) -> bool) -> Occurrences {
    let operations = &history.operations;
    let done = || operations.iter().enumerate().filter(|(at, _)| is_done(*at)).map(|(_, operation)| operation);
    let did = |is: &dyn Fn(&OperationKind) -> bool| done().any(|operation| is(&operation.kind));
    let requested =
        |is: &dyn Fn(Resource) -> bool| did(&|kind| kind.request().is_some_and(|(resource, _)| is(resource)));
    let made = |is: Manner| did(&|kind| kind.request().is_some_and(|(_, manner)| manner == is));
    // Looks for an operation right behind another of the same client, at the same time or later.
    let behind = |first: &dyn Fn(&OperationKind) -> bool, then: &dyn Fn(&OperationKind) -> bool| {
        operations.iter().enumerate().any(|(at, operation)| {
            let before = operations[..at].iter().rfind(|other| other.client == operation.client);
            then(&operation.kind) && before.is_some_and(|before| first(&before.kind))
        })
    };
    let ends = |kind: &OperationKind| kind.joins_a_stream() && !requests_channel(kind);
    let closes = |kind: &OperationKind| kind.request().is_some_and(|(_, manner)| manner.closes());
    let pauses_for_ever = done().any(|pause| {
        let resumes = |other: &Operation| other.client == pause.client && other.kind == OperationKind::Resume;
        pause.kind == OperationKind::Pause && !operations.iter().any(resumes)
    });
    let streams = Stream::all().map(|stream| (stream.path(), requested(&|other| other == Resource::Stream(stream))));
    let others = [
        ("/broadcast-text", requested(&|resource| matches!(resource, Resource::Broadcast(_)))),
        ("/send-heartbeat with msg", requested(&|resource| matches!(resource, Resource::Heartbeat(_)))),
        ("/send-heartbeat without msg", requested(&|resource| resource == Resource::Comment)),
        ("an unknown path", requested(&|resource| resource == Resource::Nothing)),
        ("a HEAD", made(Manner::Head)),
        ("a HEAD for /sse", did(&|kind| requests_channel(kind) && !kind.joins_a_stream())),
        ("a request with Connection: close", made(Manner::Close)),
        ("a request by HTTP/1.0", made(Manner::Old)),
        ("an event behind a stream that ends", behind(&ends, &publishes)),
        ("an event behind a stream that never ends", behind(&requests_channel, &publishes)),
        ("/sse behind a stream", behind(&ends, &requests_channel)),
        ("an event behind a request that closes the connection", behind(&closes, &publishes)),
        ("a request cut in two", did(&|kind| matches!(kind, OperationKind::Request(request) if request.cut.is_some()))),
        ("garbage", did(&|kind| matches!(kind, OperationKind::Garbage(_)))),
        ("leaving by FIN", did(&|kind| *kind == OperationKind::Close)),
        ("leaving by half-close", did(&|kind| *kind == OperationKind::HalfClose)),
        ("leaving by RST", did(&|kind| *kind == OperationKind::Reset)),
        ("a client that comes back", history.clients.iter().any(|link| link.again.is_some())),
        ("a reader that pauses", did(&|kind| *kind == OperationKind::Pause)),
        ("a reader that reads on", did(&|kind| *kind == OperationKind::Resume)),
        ("a half-open connection", pauses_for_ever),
        ("a clock that jumps", did(&|kind| matches!(kind, OperationKind::Jump { .. }))),
        ("a shutdown", did(&|kind| *kind == OperationKind::ShutDown)),
    ];
    streams.chain(others).collect()
}

/// Returns which faults the networks had, and which bounds the server.
fn networks(history: &History) -> Occurrences {
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

/// Returns which events met at the same time.
fn meetings(history: &History, logs: &[ClientLog]) -> Occurrences {
    let joins = |kind: &OperationKind| kind.joins_a_stream() && requests_channel(kind);
    // Looks for two operations of different clients at the same instant, without a wait in between.
    let meet = |a: &dyn Fn(&OperationKind) -> bool, b: &dyn Fn(&OperationKind) -> bool| {
        history.operations.windows(2).any(|pair| {
            let is_of_the_world = pair.iter().any(|operation| operation.kind.is_of_the_world());
            let differ = is_of_the_world || pair[0].client != pair[1].client;
            let races = pair[0].at_ms == pair[1].at_ms && !pair[0].settles && differ;
            races && (a(&pair[0].kind) && b(&pair[1].kind) || b(&pair[0].kind) && a(&pair[1].kind))
        })
    };
    let hears_both_at_once = |log: &ClientLog| {
        let is_heartbeat = |entry: &LogEntry| is_write(entry, |text| text == b"heartbeat:\n\n");
        let mut heartbeats = log.entries.iter().filter(|(_, entry)| is_heartbeat(entry));
        heartbeats.any(|(at, _)| log.entries.iter().any(|(then, entry)| then == at && is_event_name(entry)))
    };
    vec![
        ("joining while an event is sent", meet(&joins, &publishes)),
        ("leaving while an event is sent", meet(&OperationKind::leaves, &publishes)),
        ("leaving while another joins", meet(&OperationKind::leaves, &joins)),
        ("a shutdown while an event is sent", meet(&|kind| *kind == OperationKind::ShutDown, &publishes)),
        ("two events at the same time", meet(&publishes, &publishes)),
        ("an event at the instant of a heartbeat", logs.iter().any(hears_both_at_once)),
    ]
}

fn is_write(entry: &LogEntry, is: impl Fn(&[u8]) -> bool) -> bool {
    matches!(entry, LogEntry::Saw(What::Write(text)) if is(text))
}

fn is_event_name(entry: &LogEntry) -> bool {
    is_write(entry, |text| text.starts_with(b"event:"))
}

/// Returns how streams and connections ended.
fn ends(logs: &[ClientLog]) -> Occurrences {
    let has = |is: &dyn Fn(&LogEntry) -> bool| logs.iter().flat_map(|log| &log.entries).any(|(_, entry)| is(entry));
    let ended = |how| has(&|entry| *entry == LogEntry::Saw(What::End(how)));
    let removed = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.split_once("\"removed\":").is_some_and(|(_, removed)| !removed.starts_with('0'))
    };
    let between = |first: &dyn Fn(&LogEntry) -> bool, then: &dyn Fn(&LogEntry) -> bool| {
        let mut pairs = logs.iter().flat_map(|log| log.entries.windows(2));
        pairs.any(|pair| first(&pair[0].1) && then(&pair[1].1))
    };
    let is_head = |entry: &LogEntry| matches!(entry, LogEntry::Saw(What::Head(_)));
    let is_reset = |entry: &LogEntry| *entry == LogEntry::Saw(What::End(How::Reset));
    vec![
        ("a stream to its end", ended(How::Complete)),
        ("a stream that is cut off", ended(How::Cut)),
        ("a stream that is reset", ended(How::Reset)),
        ("an eviction", has(&|entry| is_write(entry, removed))),
        ("leaving between a head and its first write", between(&is_head, &LogEntry::leaves)),
        ("leaving in the middle of an event", between(&is_event_name, &is_reset)),
    ]
}
