//! The small language in which traces are written.

use std::fmt::Write;
use std::time::Duration;

use onbeat::player::{ClientLog, Player};
use onbeat::replay::Stream;
use onbeat::world_lab::{self, Setup, WorldLab};
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_wire::{Transcript, What};

/// The setup of every trace that doesn't need another.
pub(crate) fn setup() -> Setup {
    Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"))
}

/// Plays `scene` in a fresh world.
pub(crate) fn play<T>(scene: impl AsyncFnOnce(&mut WorldLab) -> T) -> T {
    play_in(&setup(), scene)
}

/// Plays `scene` in a fresh world with mailboxes of this size.
pub(crate) fn play_with_mailboxes<T>(mailbox_events_max: u64, scene: impl AsyncFnOnce(&mut WorldLab) -> T) -> T {
    let setup = setup();
    play_in(&Setup { limits: Limits { mailbox_events_max, ..setup.limits }, ..setup }, scene)
}

pub(crate) fn play_in<T>(setup: &Setup, scene: impl AsyncFnOnce(&mut WorldLab) -> T) -> T {
    world_lab::run(setup, scene).expect("the scene ends in time")
}

/// A client that has asked for `target` and seen what comes at once.
pub(crate) async fn listener(lab: &mut WorldLab, target: &str) -> Player {
    let mut client = lab.connect();
    client.get(target).await;
    lab.settle().await;
    client
}

/// The body of the answer to a single `GET`, by a client of its own that leaves again.
pub(crate) async fn ask(lab: &mut WorldLab, target: &str) -> String {
    let mut client = lab.connect();
    client.get(target).await;
    client.responses(1).await;
    let transcript = client.close().await.into_transcript();
    writes(&transcript).into_iter().map(|(_, text)| text).collect()
}

/// The log of a client that sends these bytes, on a connection of its own, and closes once all has settled.
pub(crate) async fn send(lab: &mut WorldLab, bytes: impl AsRef<[u8]>) -> ClientLog {
    let mut client = lab.connect();
    client.send(bytes.as_ref()).await;
    lab.settle().await;
    client.close().await
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The writes as (milliseconds, text).
pub(crate) fn writes(transcript: &Transcript) -> Vec<(u64, String)> {
    transcript.writes().map(|(at, bytes)| (at.as_millis(), String::from_utf8_lossy(bytes).into_owned())).collect()
}

/// The status of each response, in order.
pub(crate) fn statuses(transcript: &Transcript) -> Vec<u16> {
    let heads = transcript.entries.iter().filter_map(|entry| match &entry.what {
        What::Head(head) => Some(head.status),
        _ => None,
    });
    heads.collect()
}

/// The logs of several clients, each under its name.
pub(crate) fn tell(logs: &[(&str, ClientLog)]) -> String {
    let mut text = String::new();
    for (name, log) in logs {
        let gap = if text.is_empty() { "" } else { "\n" };
        write!(text, "{gap}{name}\n{log}").expect("memory takes every byte");
    }
    text
}

/// Returns the stream of this name.
pub(crate) fn named(name: &str) -> Stream {
    name.parse().expect("the name of a stream")
}
