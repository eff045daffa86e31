//! Replays: an endpoint from its head to its end, in virtual time, in a fresh world.

use std::fmt;
use std::time::Duration;

use onbeat_server::endpoints::{dynamic_counter, sse, sse_data, stream_json, stream_text};
use onbeat_wire::{Entry, Transcript};
use serde::{Deserialize, Serialize};

use crate::lab::{self, Overdue, Setup};

/// A stream that can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// `/sse`, which never ends.
    Sse,
    /// `/stream-text`.
    StreamText,
    /// `/sse-data`.
    SseData,
    /// `/dynamic-counter`.
    DynamicCounter,
    /// `/stream-json`.
    StreamJson,
}

impl Stream {
    /// All five, in the order of the contract.
    pub const ALL: [Self; 5] = [Self::Sse, Self::StreamText, Self::SseData, Self::DynamicCounter, Self::StreamJson];

    /// The path of its endpoint.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Sse => sse::PATH,
            Self::StreamText => stream_text::PATH,
            Self::SseData => sse_data::PATH,
            Self::DynamicCounter => dynamic_counter::PATH,
            Self::StreamJson => stream_json::PATH,
        }
    }

    /// Its name: the path without the slash.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.path()[1..]
    }

    /// Whether it ends by itself.
    #[must_use]
    pub fn ends(self) -> bool {
        self != Self::Sse
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much virtual time of a stream without end is held in memory.
const STEP: Duration = Duration::from_secs(3600);

/// Plays `stream` in a world of its own. A stream that ends is played to its end; one that doesn't is left by the client
/// after `watched`, together with what is due at that very instant.
///
/// # Errors
///
/// If a stream that should end goes on past the deadline of `setup`.
pub fn replay(stream: Stream, setup: &Setup, watched: Duration) -> Result<Transcript, Overdue> {
    let mut transcript = Transcript::default();
    replay_each(stream, setup, watched, |entry| {
        transcript.entries.push(entry);
        true
    })?;
    Ok(transcript)
}

/// Plays `stream` as [`replay`] does, and passes on each entry while the stream plays, as long as `goes_on` says so. Memory
/// holds an hour of virtual time at most.
///
/// # Errors
///
/// If a stream that should end goes on past the deadline of `setup`.
pub fn replay_each(
    stream: Stream,
    setup: &Setup,
    watched: Duration,
    mut goes_on: impl FnMut(Entry) -> bool,
) -> Result<(), Overdue> {
    let mut setup = *setup;
    if !stream.ends() {
        setup.deadline = setup.deadline.max(watched.saturating_add(Duration::from_secs(1)));
    }
    lab::run(&setup, async |lab| {
        let mut client = lab.connect();
        client.get(stream.path()).await;
        if stream.ends() {
            client.responses(1).await;
        } else {
            let mut time = Duration::ZERO;
            while time < watched {
                time = watched.min(time + STEP);
                lab.until(time).await;
                if !client.take().into_transcript().entries.into_iter().all(&mut goes_on) {
                    return;
                }
            }
            lab.settle().await;
        }
        let _ = client.close().await.into_transcript().entries.into_iter().all(goes_on);
    })
}
