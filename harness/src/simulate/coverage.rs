//! What happened in a run: a simulation in which something of interest never occurs proves nothing about it.

use std::collections::BTreeMap;

use super::history::{Asked, History, What};
use super::network::Link;
use super::play::Outcome;
use crate::account::{Account, Note};
use crate::replay::Stream;
use crate::transcript::{How, What as Seen};

/// In how many worlds each thing of interest occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Of one world.
    pub(super) fn of(history: &History, outcome: &Outcome) -> Self {
        Self(things(history, outcome).into_iter().map(|(thing, occurred)| (thing, u64::from(occurred))).collect())
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

fn things(history: &History, outcome: &Outcome) -> Vec<(&'static str, bool)> {
    let deeds = || history.deeds.iter().zip(&outcome.done).filter(|(_, done)| done.is_some()).map(|(deed, _)| deed);
    let did = |is: &dyn Fn(&What) -> bool| deeds().any(|deed| is(&deed.what));
    let asked = |is: &dyn Fn(Asked) -> bool| did(&|what| matches!(what, What::Ask { asked, .. } if is(*asked)));
    let link = |is: &dyn Fn(&Link) -> bool| history.links.iter().any(is);
    let leaves = |what: &What| matches!(what, What::Close | What::HalfClose | What::Reset);
    let sends =
        |what: &What| matches!(what, What::Ask { asked, .. } if !matches!(asked, Asked::Stream(_) | Asked::Nothing));
    let joins = |what: &What| matches!(what, What::Ask { asked: Asked::Stream(Stream::Sse), .. });
    // Two deeds of different clients at one instant, without a wait in between.
    let meet = |a: &dyn Fn(&What) -> bool, b: &dyn Fn(&What) -> bool| {
        history.deeds.windows(2).any(|pair| {
            let nobody = pair.iter().any(|deed| deed.what == What::ShutDown);
            let others = nobody || pair[0].client != pair[1].client;
            let races = pair[0].at_ms == pair[1].at_ms && !pair[0].settles && others;
            races && (a(&pair[0].what) && b(&pair[1].what) || b(&pair[0].what) && a(&pair[1].what))
        })
    };
    let saw = |is: &dyn Fn(&Account) -> bool| outcome.accounts.iter().any(is);
    let ended = |how| saw(&|account| account.notes.iter().any(|(_, note)| *note == Note::Saw(Seen::End(how))));
    let beats = |account: &Account| {
        let at = |(at, note): &(_, Note)| {
            matches!(note, Note::Saw(Seen::Write(text)) if text == "heartbeat:\n\n").then_some(*at)
        };
        let beats: Vec<_> = account.notes.iter().filter_map(at).collect();
        let event = |(at, note): &(_, Note)| {
            matches!(note, Note::Saw(Seen::Write(text)) if text.starts_with(b"event:")) && beats.contains(at)
        };
        account.notes.iter().any(event)
    };
    let behind = history.deeds.windows(2).any(|pair| {
        let streams = |what: &What| matches!(what, What::Ask { asked: Asked::Stream(_), .. });
        pair[0].client == pair[1].client && streams(&pair[0].what) && matches!(pair[1].what, What::Ask { .. })
    });
    vec![
        ("/sse", asked(&|asked| asked == Asked::Stream(Stream::Sse))),
        ("/stream-text", asked(&|asked| asked == Asked::Stream(Stream::StreamText))),
        ("/sse-data", asked(&|asked| asked == Asked::Stream(Stream::SseData))),
        ("/dynamic-counter", asked(&|asked| asked == Asked::Stream(Stream::DynamicCounter))),
        ("/stream-json", asked(&|asked| asked == Asked::Stream(Stream::StreamJson))),
        ("/broadcast-text", asked(&|asked| matches!(asked, Asked::Broadcast(_)))),
        ("/send-heartbeat with msg", asked(&|asked| matches!(asked, Asked::Heartbeat(_)))),
        ("/send-heartbeat without msg", asked(&|asked| asked == Asked::Comment)),
        ("an unknown path", asked(&|asked| asked == Asked::Nothing)),
        ("a request cut in two", did(&|what| matches!(what, What::Ask { cut: Some(_), .. }))),
        ("a request behind another", behind),
        ("garbage", did(&|what| matches!(what, What::Garbage(_)))),
        ("leaving by FIN", did(&|what| *what == What::Close)),
        ("leaving by half-close", did(&|what| *what == What::HalfClose)),
        ("leaving by RST", did(&|what| *what == What::Reset)),
        ("a reader that pauses", did(&|what| *what == What::Pause)),
        ("a reader that reads on", did(&|what| *what == What::Resume)),
        ("bytes in small pieces", link(&|link| link.piece_bytes < Link::PLAIN.piece_bytes)),
        ("latency", link(&|link| !link.latency.is_zero())),
        ("a small window", link(&|link| link.window_bytes < Link::PLAIN.window_bytes)),
        ("a tiny mailbox", history.mailbox_events_max < 1024),
        ("an hour", history.end_ms >= 3_600_000),
        ("more than 30 clients", history.links.len() > 30),
        ("a shutdown", did(&|what| *what == What::ShutDown)),
        ("joining while an event is sent", meet(&joins, &sends)),
        ("leaving while an event is sent", meet(&leaves, &sends)),
        ("a shutdown while an event is sent", meet(&|what| *what == What::ShutDown, &sends)),
        ("two events at the same time", meet(&sends, &sends)),
        ("an event at the instant of a heartbeat", saw(&beats)),
        ("a stream to its end", ended(How::Complete)),
        ("a stream that is cut off", ended(How::Cut)),
    ]
}
