//! The state of a lab in words, for the message of a failed test.

use super::state::LabState;
use crate::excerpt::excerpt;

/// The most lines of a client's log.
const LOG_LINES_MAX: usize = 40;

impl LabState {
    /// Returns what the test waits for, what the application is at work on, and what the clients saw, for people.
    pub(super) fn report(&self) -> String {
        let list = |title: &str, lines: Vec<String>| {
            if lines.is_empty() { String::new() } else { format!("\n{title}:\n  {}", lines.join("\n  ")) }
        };
        let open = self.open.list().iter().map(ToString::to_string).collect();
        let tasks = self.foreign_tasks();
        let tasks = if tasks > 0 { format!("\ntasks of the application and the test: {tasks}") } else { String::new() };
        let clients: String = self
            .clients()
            .iter()
            .map(|client| format!("\n{}:\n{}\n", client.peer(), excerpt(&client.log().to_string(), LOG_LINES_MAX)))
            .collect();
        format!(
            "at {} ms{}{}{}{tasks}{clients}",
            self.clock.now().as_millis(),
            list("waited for", self.waits.list()),
            list("open requests", open),
            list("failed answers", self.open.failures()),
        )
    }
}
