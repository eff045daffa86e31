//! A scene: what clients do, and what they are to see, line by line.

use onbeat_wire::How;

pub(crate) use crate::fixtures::format::{Kind, Line};

/// A line with its number in the file.
pub(crate) type Numbered<'a> = (usize, &'a Line);

/// What clients do, and what they are to see, in order.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The file of the scene.
    pub(crate) path: String,
    /// The lines, numbered as in the file, from 1.
    pub(crate) lines: Vec<(usize, Line)>,
    /// When the scene ends.
    pub(crate) length_ms: u64,
    /// What would have followed, if the scene was cut short.
    pub(crate) rest: Vec<(usize, Line)>,
}

impl Scene {
    /// Returns the scene of these lines, which ends with the last of them.
    pub(crate) fn new(path: &str, lines: Vec<(usize, Line)>) -> Self {
        let length_ms = lines.iter().map(|(_, line)| line.at_ms).max().unwrap_or_default();
        Self { path: path.into(), lines, length_ms, rest: Vec::new() }
    }

    /// Returns the name of the file, without the folder and the ending.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".jsonl")
    }

    /// Returns the scene up to a time. Clients that would have left later leave then.
    pub(crate) fn until(mut self, ms: u64) -> Self {
        if self.length_ms <= ms {
            return self;
        }
        self.length_ms = ms;
        self.rest = self.lines.iter().filter(|(_, line)| line.at_ms > ms).cloned().collect();
        let leaves = |line: &Line| matches!(line.kind, Kind::Leave { .. } | Kind::End { how: How::Closed });
        self.lines.retain_mut(|(_, line)| {
            let stays = line.at_ms <= ms || leaves(line);
            line.at_ms = line.at_ms.min(ms);
            stays
        });
        self
    }

    /// Returns the names of the clients, in the order of their appearance.
    pub(crate) fn clients(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (_, line) in &self.lines {
            if !names.contains(&line.client.as_str()) {
                names.push(&line.client);
            }
        }
        names
    }

    /// Returns whether the last response completes, so that the connection is free then.
    pub(crate) fn completes(&self) -> bool {
        let last = self.lines.last().map(|(_, line)| &line.kind);
        matches!(last, Some(Kind::End { how: How::Complete }))
    }
}
