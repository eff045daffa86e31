//! Recordings and raw bodies, as the cues of a response.
//!
//! A recording is read as it was recorded: the head, each chunk with its time, and the end. A raw body has neither times nor
//! chunks of its own: the file name decides what a chunk is, unless the route does.

mod raw;
mod recorded;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_server::script::{Action, Cue};
use onbeat_wire::jsonl::WrongLine;

/// The most bytes of a file that is played.
pub const PLAYED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How to play a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlayOptions {
    /// How many bytes each write of a raw body has; nothing for an event or a line a write.
    pub bytes: Option<NonZeroUsize>,
    /// The time from one write of a raw body to the next.
    pub every: Duration,
    /// The exchange of a recording with several, from 0; nothing for the first one.
    pub exchange: Option<usize>,
}

/// A recording or a raw body, shared by all clients.
#[derive(Clone, Debug)]
pub struct Played {
    /// The cues, each with its time since the request.
    cues: Arc<[Cue]>,
    content_type: &'static str,
}

/// A file that can't be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// A line of a recording is wrong.
    #[error("{0}")]
    Line(#[from] WrongLine),
    /// The first line is JSON, and no line of a recording.
    #[error("{0}, and JSON lines that are a body belong into a .ndjson file")]
    NoRecording(WrongLine),
    /// A file is wrong as a whole.
    #[error("{0}")]
    File(String),
}

impl Played {
    /// Reads a file by the end of `name`: `.jsonl` is a recording, and everything else a raw body.
    ///
    /// # Errors
    ///
    /// If a recording is wrong, or an option does not suit the file.
    pub fn read(name: &str, bytes: &Bytes, options: &PlayOptions) -> Result<Self, PlayError> {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        if extension == "jsonl" {
            // Refuses options without an effect, which would hide a slip.
            if options.bytes.is_some() || !options.every.is_zero() {
                let why = "bytes and every_ms are for raw bodies: a recording has its own chunks and times";
                return Err(PlayError::File(why.into()));
            }
            let cues = recorded::cues(bytes, options.exchange.unwrap_or_default())?.into();
            return Ok(Self { cues, content_type: "application/octet-stream" });
        }
        if options.exchange.is_some() {
            return Err(PlayError::File("exchange is for recordings, whose names end in .jsonl".into()));
        }
        let (unit, content_type) = match extension.as_str() {
            "sse" | "txt" => (raw::Unit::Event, "text/event-stream"),
            "ndjson" => (raw::Unit::Line, "application/x-ndjson"),
            "json" => (raw::Unit::All, "application/json"),
            _ => (raw::Unit::All, "application/octet-stream"),
        };
        // Lets the option of the route decide before the file name.
        let unit = options.bytes.map_or(unit, raw::Unit::Bytes);
        Ok(Self { cues: raw::cues(bytes, unit, options.every).into(), content_type })
    }

    /// Returns the script. The bytes are shared by all scripts.
    pub fn script(&self) -> impl Iterator<Item = Cue> + Send + Unpin + use<> {
        let cues = Arc::clone(&self.cues);
        (0..cues.len()).map(move |number| cues[number].clone())
    }

    /// Returns the Content-Type of a response without a recorded head.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Returns when the head is due, since the request.
    #[must_use]
    pub fn head_at(&self) -> Duration {
        self.cues.first().filter(|cue| matches!(cue.action, Action::Head(_))).map_or(Duration::ZERO, |cue| cue.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_an_effect_are_refused() {
        let every = PlayOptions { every: Duration::from_millis(1), ..PlayOptions::default() };
        let bytes = PlayOptions { bytes: NonZeroUsize::new(1), ..PlayOptions::default() };
        let exchange = PlayOptions { exchange: Some(0), ..PlayOptions::default() };
        for (name, options, told) in [
            ("a.jsonl", every, "bytes and every_ms are for raw bodies"),
            ("a.jsonl", bytes, "bytes and every_ms are for raw bodies"),
            ("a.sse", exchange, "exchange is for recordings"),
        ] {
            let error = Played::read(name, &Bytes::from_static(b"data: 1\n\n"), &options).expect_err(told);
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
