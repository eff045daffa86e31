//! Counts the lines of a fixture in a growing log, or in a body.

use onbeat_wire::What;

use super::{HEARTBEAT, OtherClients};
use crate::judge::{Others, is_stream};
use crate::player::{ClientLog, LogEntry};

/// Counts the lines of a fixture that a client has seen: heads, writes and ends. Each entry of a growing log is read once.
#[derive(Clone, Debug, Default)]
pub(super) struct LinesSeen {
    others: OtherClients,
    /// How many entries of the log are counted.
    entries: usize,
    lines: usize,
    heartbeats: usize,
    /// Whether the body is cut into lines, since there is no length.
    streams: bool,
    /// The bytes of the line under way.
    line: Vec<u8>,
}

impl LinesSeen {
    /// Counts no events that bear the tag of another check; where all users may be heard, no events that are sent to all.
    pub(super) fn beside(others: &OtherClients) -> Self {
        Self { others: others.clone(), ..Self::default() }
    }

    /// Counts the lines of a log, and returns the number of lines so far.
    pub(super) fn count(&mut self, log: &ClientLog) -> usize {
        for (_, entry) in &log.entries[self.entries..] {
            match entry {
                LogEntry::Saw(What::Head(head)) => {
                    self.streams = is_stream(head);
                    self.lines += usize::from(head.status >= 200);
                }
                LogEntry::Saw(What::Write(bytes)) if self.streams => self.read(bytes),
                LogEntry::Saw(What::Write(_) | What::End(_)) => self.lines += 1,
                _ => {}
            }
        }
        self.entries = log.entries.len();
        self.lines
    }

    /// Returns whether the client has seen so many lines, with so many heartbeats of `/sse` among the lines. Further
    /// heartbeats do not count.
    pub(super) fn has_apart(&mut self, log: &ClientLog, lines: usize, heartbeats: usize) -> bool {
        let seen = self.count(log);
        self.heartbeats >= heartbeats && seen.saturating_sub(self.heartbeats) >= lines.saturating_sub(heartbeats)
    }

    /// Returns the number of lines so far.
    #[cfg(feature = "live")]
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Counts the lines of a body; an empty line belongs to the line before.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !matches!(byte, b'\r' | b'\n') {
                self.line.push(*byte);
            } else if !self.line.is_empty() {
                let line = std::mem::take(&mut self.line);
                self.heartbeats += usize::from(line == HEARTBEAT.write.trim_end().as_bytes());
                // Leaves out all events where all users may be heard, and otherwise only the events of other checks.
                if self.others.are_left_out() && self.others.may_have_caused(&line) {
                    continue;
                }
                if self.others.tag.is_foreign(&line) {
                    // Takes back the line before, which named the type of the event.
                    self.lines = self.lines.saturating_sub(1);
                } else {
                    self.lines += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use onbeat_wire::{Head, Instant};

    use super::*;
    use crate::check::{Noise, Tag};

    /// Returns the log of a client of `/sse` that got these writes.
    fn log(writes: &[&str]) -> ClientLog {
        let head = Head { minor_version: 1, status: 200, headers: Vec::new() };
        let writes = writes.iter().map(|text| What::Write(Bytes::copy_from_slice(text.as_bytes())));
        let seen = [What::Head(head)].into_iter().chain(writes);
        ClientLog { entries: seen.map(|what| (Instant::EPOCH, LogEntry::Saw(what))).collect() }
    }

    #[test]
    fn a_line_counts_with_the_empty_ones_after_it() {
        assert_eq!(LinesSeen::default().count(&log(&["event: a\n", "data: b\n\n", ":\n", "\n", "half"])), 4);
    }

    #[test]
    fn heartbeats_do_not_count_for_other_lines_nor_these_for_heartbeats() {
        let log = log(&["data: a\n\n", "heartbeat:\n\n", "heartbeat:\n\n"]);
        let has = |lines, heartbeats| LinesSeen::default().has_apart(&log, lines, heartbeats);
        assert!(has(2, 0) && has(3, 1) && has(4, 2));
        assert!(!has(3, 0) && !has(4, 1) && !has(3, 3));
    }

    #[test]
    fn events_of_another_run_do_not_count() {
        let others = OtherClients { tag: Tag::new("onbeat-1-".into()), ..OtherClients::default() };
        let other = r#"data: {"msg":"onbeat-2-x"}"#;
        let own = r#"data: {"msg":"onbeat-1-x"}"#;
        let writes = ["event: broadcast\n", other, "\n\n", "event: broadcast\n", own, "\n\n"];
        assert_eq!(LinesSeen::beside(&others).count(&log(&writes)), 3);
    }

    #[test]
    fn where_anybody_may_be_heard_only_lines_of_the_stream_itself_count() {
        let event = ["event: broadcast\n", r#"data: {"msg":"x"}"#, "\n\n", ":\n\n"];
        let writes = [&["data: {\"message\": \"hi\"}\n\n"], &event[..], &["heartbeat:\n\n"]].concat();
        let others = |noise| OtherClients { noise, ..OtherClients::default() };
        let counted = |noise| LinesSeen::beside(&others(noise)).count(&log(&writes));
        assert_eq!((counted(Noise::AllUsers), counted(Noise::None)), (3, 6));
    }
}
