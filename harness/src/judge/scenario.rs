//! Scenarios: the actions and the expected observations of clients, line by line, as in a recording.

use onbeat_wire::How;
use onbeat_wire::recording::{self, End, Fact, Notes, Vary};
use serde::{Deserialize, Serialize};

/// A line of a scenario.
pub(crate) type ScenarioLine = recording::Line<Annotations>;

/// The notes of a scenario about a line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Annotations {
    /// The client; none in a stream, which has a single client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) client: String,
    /// The ids of the cases that the line checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cases: Vec<String>,
    /// The values that may differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) vary: Vec<Vary>,
}

impl Notes for Annotations {
    const KEYS: &'static [&'static str] = &["client", "cases", "vary"];
}

/// A line with its number in the file.
pub(crate) type NumberedLine<'a> = (usize, &'a ScenarioLine);

/// The actions and the expected observations of clients, in order.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The file of the scenario.
    pub(crate) path: String,
    /// The lines, numbered as in the file, from 1.
    pub(crate) lines: Vec<(usize, ScenarioLine)>,
    /// When the scenario ends.
    pub(crate) length_ms: u64,
    /// The lines beyond the cut, if the scenario was cut short.
    pub(crate) rest: Vec<(usize, ScenarioLine)>,
}

impl Scenario {
    /// Returns the scenario of these lines, which ends with the last line.
    pub(crate) fn new(path: &str, lines: Vec<(usize, ScenarioLine)>) -> Self {
        let length_ms = lines.iter().map(|(_, line)| line.t_ms).max().unwrap_or_default();
        Self { path: path.into(), lines, length_ms, rest: Vec::new() }
    }

    /// Returns the name of the file, without the folder and the ending.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".jsonl")
    }

    /// Returns the scenario up to a time. Clients that would have left later leave then.
    pub(crate) fn until(mut self, ms: u64) -> Self {
        if self.length_ms <= ms {
            return self;
        }
        self.length_ms = ms;
        self.rest = self.lines.iter().filter(|(_, line)| line.t_ms > ms).cloned().collect();
        let leaves = |line: &ScenarioLine| matches!(line.fact, Fact::Leave(_) | Fact::End(End { how: How::Closed }));
        // Moves later leaves to the cut, and takes out all other later lines.
        self.lines.retain_mut(|(_, line)| {
            let stays = line.t_ms <= ms || leaves(line);
            line.t_ms = line.t_ms.min(ms);
            stays
        });
        self
    }

    /// Returns the names of the clients, in the order of their appearance.
    pub(crate) fn clients(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (_, line) in &self.lines {
            if !names.contains(&line.notes.client.as_str()) {
                names.push(&line.notes.client);
            }
        }
        names
    }

    /// Returns the number of writes that clients are to see.
    #[cfg(feature = "live")]
    pub(crate) fn writes(&self) -> usize {
        self.lines.iter().filter(|(_, line)| matches!(line.fact, Fact::Write(_))).count()
    }

    /// Returns the ids of the cases that the lines check.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().flat_map(|(_, line)| &line.notes.cases)
    }

    /// Returns whether the last response completes, so that the connection is free then.
    pub(crate) fn completes(&self) -> bool {
        let last = self.lines.last().map(|(_, line)| &line.fact);
        matches!(last, Some(Fact::End(End { how: How::Complete })))
    }
}
