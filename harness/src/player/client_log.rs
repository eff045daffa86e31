//! The client log: the actions and observations of a client on a connection, with times.

use std::fmt;
use std::time::Duration;

use onbeat_wire::LeftHow;
use onbeat_wire::printable::visible;
use onbeat_wire::{Entry, Instant, Transcript, What};

use super::Action;

/// The actions and observations of a client, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLog {
    /// The entries, each with a time.
    pub entries: Vec<(Instant, LogEntry)>,
}

/// An action or an observation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEntry {
    /// The client acted. Pauses of reading are not logged.
    Did(Action),
    /// The client saw a part of a response.
    Saw(What),
    /// The server closed the connection.
    ServerClosed,
    /// The server's bytes can't be read any further, for the given reason.
    Unreadable(String),
}

impl ClientLog {
    /// Returns the time from the first entry to the last.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        let (first, last) = (self.entries.first(), self.entries.last());
        first.zip(last).map(|((first, _), (last, _))| *last - *first).unwrap_or_default()
    }

    /// Returns when the server closed the connection.
    #[must_use]
    pub fn closed_at(&self) -> Option<Instant> {
        self.entries.iter().find(|(_, entry)| *entry == LogEntry::ServerClosed).map(|(at, _)| *at)
    }

    /// Returns when the client closed or reset the connection.
    #[must_use]
    pub fn left_at(&self) -> Option<Instant> {
        self.entries.iter().find(|(_, entry)| entry.leaves()).map(|(at, _)| *at)
    }

    /// Returns why the server's bytes can't be read any further.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        self.entries.iter().find_map(|(_, entry)| match entry {
            LogEntry::Unreadable(why) => Some(why.as_str()),
            _ => None,
        })
    }

    /// Returns the seen parts of responses.
    #[must_use]
    pub fn into_transcript(self) -> Transcript {
        let seen = self.entries.into_iter().filter_map(|(at, entry)| match entry {
            LogEntry::Saw(what) => Some(Entry { at, what }),
            _ => None,
        });
        Transcript { entries: seen.collect() }
    }
}

impl LogEntry {
    /// Returns whether the client closed or reset the connection.
    pub(crate) fn leaves(&self) -> bool {
        matches!(self, Self::Did(Action::Leave(LeftHow::Closed | LeftHow::Reset)))
    }
}

impl fmt::Display for ClientLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in &self.entries {
            let (who, does) = match entry {
                LogEntry::Saw(what) => {
                    // Prints observations in the form of a transcript, without a subject.
                    writeln!(f, "{}", Entry { at: *at, what: what.clone() })?;
                    continue;
                }
                LogEntry::Did(action) => ("client", action.to_string()),
                LogEntry::ServerClosed => ("server", "closes the connection".into()),
                LogEntry::Unreadable(why) => ("client", format!("stops reading: {why}")),
            };
            writeln!(f, "{:>9} ms  {who} {does}", at.as_millis())?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { bytes, .. } | Self::Send(bytes) => write!(f, "sends {}", request_line(bytes)),
            Self::Pause => f.write_str("reads no more"),
            Self::Resume => f.write_str("reads on"),
            Self::Leave(LeftHow::Closed) => f.write_str("closes the connection (FIN)"),
            Self::Leave(LeftHow::HalfClosed) => f.write_str("sends no more (half-close)"),
            Self::Leave(LeftHow::Reset) => f.write_str("resets the connection (RST)"),
        }
    }
}

/// Returns the first line of a plain request; anything else in full.
fn request_line(bytes: &[u8]) -> String {
    let text = visible(bytes);
    match text.split_once(" HTTP/1.1␍⏎Host: onbeat␍⏎") {
        Some((line, "␍⏎")) => line.to_owned(),
        Some((line, fields)) => format!("{line} with {}", fields.trim_end_matches("␍⏎").replace("␍⏎", ", ")),
        None => text,
    }
}
