//! The transcript: the parts of responses seen by a client on a connection, with times.
//!
//! A transcript is printed as text for people, and as the lines of a recording for programs:
//!
//! ```json
//! {"t_ms":0,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]]}
//! {"t_ms":0,"kind":"write","text":"retry: 5000\n\n"}
//! {"t_ms":20000,"kind":"end","how":"complete"}
//! ```

#[cfg(feature = "json")]
mod jsonl;

use std::fmt;

use bytes::Bytes;

use crate::printable::{LINE_CHARS_MAX, printable, visible};
use crate::{Head, How, Instant};

/// The parts of responses seen by a client on a connection, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The parts.
    pub entries: Vec<Entry>,
}

impl Transcript {
    /// Returns the writes alone, with their times.
    pub fn writes(&self) -> impl Iterator<Item = (Instant, &Bytes)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Write(bytes) => Some((entry.at, bytes)),
            What::Head(_) | What::End(_) => None,
        })
    }
}

/// A part of a response, and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the part came.
    pub at: Instant,
    /// The part.
    pub what: What,
}

/// A part of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The head of a response.
    Head(Head),
    /// A write: one chunk, or the body of a response without chunks.
    Write(Bytes),
    /// The end of a response.
    End(How),
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Aligns the times up to eleven days, so that a reader compares lines at a glance.
        write!(f, "{:>9} ms  ", self.at.as_millis())?;
        match &self.what {
            What::Head(head) => {
                write!(f, "head   {}", head.status)?;
                // Writes each field on a line below the status.
                head.headers.iter().try_for_each(|(name, value)| {
                    write!(f, "\n{:21}{}", "", printable(&format!("{name}: {value}"), LINE_CHARS_MAX))
                })
            }
            What::Write(bytes) => write!(f, "write  {}", visible(bytes)),
            What::End(how) => write!(f, "end    {how}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    pub(super) fn transcript() -> Transcript {
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        let entry = |ms, what| Entry { at: Instant::EPOCH + Duration::from_millis(ms), what };
        let entries = vec![
            entry(0, What::Head(Head { minor_version: 1, status: 200, headers })),
            entry(0, What::Write(Bytes::from_static("data: \"你\"\n\n".as_bytes()))),
            entry(50, What::Write(Bytes::from_static(b"a\xff\0\r\n"))),
            entry(20_000, What::End(How::Complete)),
        ];
        Transcript { entries }
    }

    #[test]
    fn text_is_aligned_and_shows_every_byte() {
        let lines = [
            "        0 ms  head   200",
            "                     content-type: text/event-stream",
            "        0 ms  write  data: \"你\"⏎⏎",
            "       50 ms  write  a\\xff\\u{0}␍⏎",
            "    20000 ms  end    complete",
        ];
        assert_eq!(transcript().to_string(), lines.map(|line| format!("{line}\n")).concat());
    }
}
