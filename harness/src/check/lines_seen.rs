//! How many of a fixture's lines a client has seen, while its account grows.

use onbeat_wire::What;

use super::heartbeats::HEARTBEAT;
use super::noise::Noise;
use super::tag::Tag;
use crate::account::{Account, Note};
use crate::judge::responses::is_stream;

/// Counts how many of a fixture's lines a client has seen, if they are right: heads, writes and ends. It looks at each note
/// of a growing account once.
#[derive(Debug, Default)]
pub(super) struct LinesSeen {
    tag: Tag,
    noise: Option<Noise>,
    notes: usize,
    lines: usize,
    heartbeats: usize,
    /// The body is cut into lines, since it has no length.
    streams: bool,
    /// The bytes of the line under way.
    line: Vec<u8>,
}

impl LinesSeen {
    /// Counts no events that bear the tag of another run; where anybody may be heard, no events that are sent to all.
    pub(super) fn of(tag: &Tag, noise: Noise) -> Self {
        Self { tag: tag.clone(), noise: Some(noise), ..Self::default() }
    }

    /// So many lines by now.
    pub(super) fn count(&mut self, account: &Account) -> usize {
        for (_, note) in &account.notes[self.notes..] {
            match note {
                Note::Saw(What::Head(head)) => {
                    self.streams = is_stream(head);
                    self.lines += usize::from(head.status >= 200);
                }
                Note::Saw(What::Write(bytes)) if self.streams => self.read(bytes),
                Note::Saw(What::Write(_) | What::End(_)) => self.lines += 1,
                _ => {}
            }
        }
        self.notes = account.notes.len();
        self.lines
    }

    /// Whether it has seen so many lines, with so many heartbeats of `/sse` among them, however many more heartbeats came.
    pub(super) fn has_apart(&mut self, account: &Account, lines: usize, heartbeats: usize) -> bool {
        let seen = self.count(account);
        self.heartbeats >= heartbeats && seen.saturating_sub(self.heartbeats) >= lines.saturating_sub(heartbeats)
    }

    /// An empty line belongs to the one before it.
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if !matches!(byte, b'\r' | b'\n') {
                self.line.push(*byte);
            } else if !self.line.is_empty() {
                let line = std::mem::take(&mut self.line);
                self.heartbeats += usize::from(line == HEARTBEAT.write.trim_end().as_bytes());
                if self.noise == Some(Noise::Anybody) && Noise::Anybody.has(&line, &self.tag) {
                    continue;
                }
                if self.tag.is_foreign(&line) {
                    // The line before it named the type of that event.
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

    /// The account of a client of `/sse` that got these writes.
    fn account(writes: &[&str]) -> Account {
        let head = Head { minor_version: 1, status: 200, headers: Vec::new() };
        let writes = writes.iter().map(|text| What::Write(Bytes::copy_from_slice(text.as_bytes())));
        let seen = [What::Head(head)].into_iter().chain(writes);
        Account { notes: seen.map(|what| (Instant::EPOCH, Note::Saw(what))).collect() }
    }

    #[test]
    fn a_line_counts_with_the_empty_ones_after_it() {
        assert_eq!(LinesSeen::default().count(&account(&["event: a\n", "data: b\n\n", ":\n", "\n", "half"])), 4);
    }

    #[test]
    fn heartbeats_do_not_count_for_other_lines_nor_these_for_heartbeats() {
        let account = account(&["data: a\n\n", "heartbeat:\n\n", "heartbeat:\n\n"]);
        let has = |lines, heartbeats| LinesSeen::default().has_apart(&account, lines, heartbeats);
        assert!(has(2, 0) && has(3, 1) && has(4, 2));
        assert!(!has(3, 0) && !has(4, 1) && !has(3, 3));
    }

    #[test]
    fn events_of_another_run_do_not_count() {
        let tag = Tag::new("onbeat-1-".into());
        let other = r#"data: {"msg":"onbeat-2-x"}"#;
        let own = r#"data: {"msg":"onbeat-1-x"}"#;
        let writes = ["event: broadcast\n", other, "\n\n", "event: broadcast\n", own, "\n\n"];
        assert_eq!(LinesSeen::of(&tag, Noise::Strangers).count(&account(&writes)), 3);
    }

    #[test]
    fn where_anybody_may_be_heard_only_lines_of_the_stream_itself_count() {
        let event = ["event: broadcast\n", r#"data: {"msg":"x"}"#, "\n\n", ":\n\n"];
        let writes = [&["data: {\"message\": \"hi\"}\n\n"], &event[..], &["heartbeat:\n\n"]].concat();
        let counted = |noise| LinesSeen::of(&Tag::default(), noise).count(&account(&writes));
        assert_eq!((counted(Noise::Anybody), counted(Noise::None)), (3, 6));
    }
}
