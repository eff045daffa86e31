//! Replays: a stream from head to end, in virtual time, in a fresh world.
//!
//! # Examples
//!
//! One stream, from head to end:
//!
//! ```
//! use std::time::Duration;
//!
//! use onbeat::Seed;
//! use onbeat::replay::replay;
//! use onbeat::world_lab::Setup;
//!
//! let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse()?);
//! let transcript = replay("stream-text".parse()?, &setup, Duration::ZERO)?;
//! let (at, bytes) = transcript.writes().last().expect("it says that it is done");
//! assert_eq!((at.as_millis(), &bytes[..]), (4800, &b"data: {\"done\": true}\n\n"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use onbeat_server::endpoints::{self, STREAMS};
use onbeat_wire::{Entry, Transcript};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::world_lab::{self, Overdue, Setup};

/// A stream of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Stream(&'static endpoints::Stream);

/// A name without a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a stream, such as sse, got {name}")]
pub struct UnknownStream {
    name: String,
}

impl Stream {
    /// Returns every stream, in the order of the contract.
    #[must_use]
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        STREAMS.iter().map(Self)
    }

    /// Returns the path of the stream.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.0.path
    }

    /// Returns the name of the stream: the path without the slash.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.path()[1..]
    }

    /// Returns whether the stream ends by itself.
    #[must_use]
    pub fn ends(self) -> bool {
        self.0.ends
    }

    /// Returns whether clients of the stream are sent every broadcast.
    #[must_use]
    pub fn hears_broadcasts(self) -> bool {
        self.0.hears_broadcasts
    }
}

impl FromStr for Stream {
    type Err = UnknownStream;

    /// Finds a stream by its name.
    fn from_str(name: &str) -> Result<Self, UnknownStream> {
        Self::all().find(|stream| stream.name() == name).ok_or_else(|| UnknownStream { name: name.into() })
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path()
    }
}

impl Eq for Stream {}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// How much virtual time of a stream without end stays in memory.
const STEP: Duration = Duration::from_secs(3600);

/// Plays `stream` in a new world, to the end of the stream. The client leaves a stream without end after `watched`, and
/// sees all writes of that instant.
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

/// Plays `stream` as [`replay`] does, and passes each entry to `goes_on`, as long as the function returns true. At most an
/// hour of virtual time stays in memory.
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
        // Moves the deadline behind the end of the watch, which is no sign of a hang.
        setup.deadline = setup.deadline.max(watched.saturating_add(Duration::from_secs(1)));
    }
    world_lab::run(&setup, async |lab| {
        let mut client = lab.connect();
        client.get(stream.path()).await;
        if stream.ends() {
            client.responses(1).await;
        } else {
            let mut time = Duration::ZERO;
            while time < watched {
                // Takes the entries out hour by hour, so that a long watch takes no more memory.
                time = watched.min(time + STEP);
                lab.until(time).await;
                if !client.take().into_transcript().entries.into_iter().all(&mut goes_on) {
                    return;
                }
            }
            // Sees the writes of the last instant before leaving.
            lab.settle().await;
        }
        let _ = client.close().await.into_transcript().entries.into_iter().all(goes_on);
    })
}
