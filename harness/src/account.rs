//! The account: a transcript with the client's own deeds in between, for scenes in which clients act.

use std::fmt;
use std::time::Duration;

use onbeat_wire::printable::visible;
use onbeat_wire::{Entry, Instant, Transcript, What};

/// What one client did and saw, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What happened, and when.
    pub notes: Vec<(Instant, Note)>,
}

/// Something that happened on a client's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The client sent these bytes.
    Sent(Vec<u8>),
    /// The client saw this.
    Saw(What),
    /// The client closed its sending side.
    HalfClosed,
    /// The client closed the connection.
    Closed,
    /// The client reset the connection.
    Reset,
    /// The server closed the connection.
    ServerClosed,
    /// What came can't be read any further; the reason.
    Broken(String),
}

impl Account {
    /// Returns the time from the first note to the last.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        let (first, last) = (self.notes.first(), self.notes.last());
        first.zip(last).map(|((first, _), (last, _))| *last - *first).unwrap_or_default()
    }

    /// What the client saw.
    #[must_use]
    pub fn into_transcript(self) -> Transcript {
        let seen = self.notes.into_iter().filter_map(|(at, note)| match note {
            Note::Saw(what) => Some(Entry { at, what }),
            _ => None,
        });
        Transcript { entries: seen.collect() }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, note) in &self.notes {
            let (who, does) = match note {
                Note::Saw(what) => {
                    writeln!(f, "{}", Entry { at: *at, what: what.clone() })?;
                    continue;
                }
                Note::Sent(bytes) => ("client", format!("sends {}", request_line(bytes))),
                Note::HalfClosed => ("client", "sends no more (half-close)".into()),
                Note::Closed => ("client", "closes the connection (FIN)".into()),
                Note::Reset => ("client", "resets the connection (RST)".into()),
                Note::ServerClosed => ("server", "closes the connection".into()),
                Note::Broken(why) => ("client", format!("stops reading: {why}")),
            };
            writeln!(f, "{:>9} ms  {who} {does}", at.as_millis())?;
        }
        Ok(())
    }
}

/// A plain request as its first line; anything else in full.
fn request_line(bytes: &[u8]) -> String {
    let text = visible(bytes);
    match text.split_once(" HTTP/1.1␍⏎Host: onbeat␍⏎") {
        Some((line, "␍⏎")) => line.to_owned(),
        Some((line, fields)) => format!("{line} with {}", fields.trim_end_matches("␍⏎").replace("␍⏎", ", ")),
        None => text,
    }
}
