//! The dependencies of every world of a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use onbeat_clock::Kind;
use onbeat_routes::Model;
use onbeat_server::limits::Limits;
use onbeat_server::random::Seed;
use onbeat_wire::Epoch;

use crate::log::Redaction;

/// The dependencies of every world of a server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How time passes.
    pub clock: Kind,
    /// The seed of the random values.
    pub seed: Seed,
    /// The wall-clock time at the start.
    pub epoch: Epoch,
    /// The limits of the server.
    pub limits: Limits,
    /// The secrets that the log leaves out.
    pub redaction: Redaction,
    /// The team's own routes.
    pub routes: RouteSettings,
}

/// A team's own routes.
#[derive(Clone, Debug, Default)]
pub struct RouteSettings {
    /// The routes, channels and scenarios.
    pub model: Arc<Model>,
    /// The name of the routes file, for the log.
    pub name: Option<String>,
    /// The scenario whose routes come first, unless a reset chooses another.
    pub scenario: Option<String>,
    /// The folder of the files that routes added at run time may play; nothing for no files.
    pub folder: Option<PathBuf>,
    /// Whether the built-in endpoints are left out.
    pub alone: bool,
}

/// A scenario without routes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {}, got {given:?}", self.expected())]
pub struct NoSuchScenario {
    /// The known scenarios.
    pub known: Vec<String>,
    /// The given scenario.
    pub given: String,
}

impl RouteSettings {
    /// Returns the routes of a file, in place of the built-in endpoints.
    #[must_use]
    pub fn of_file(file: &Path, model: Model) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            model: Arc::new(model),
            name: Some(name),
            scenario: None,
            folder: Some(folder_of(file).to_owned()),
            alone: true,
        }
    }

    /// Checks that the routes have this scenario.
    ///
    /// # Errors
    ///
    /// If there is none with this name.
    pub fn check_scenario(&self, name: &str) -> Result<(), NoSuchScenario> {
        let scenarios = &self.model.scenarios;
        if scenarios.contains_key(name) {
            return Ok(());
        }
        Err(NoSuchScenario { known: scenarios.keys().cloned().collect(), given: name.to_owned() })
    }
}

#[cfg(test)]
impl Settings {
    /// Returns the settings of a server with a manual clock and the built-in endpoints.
    pub(crate) fn manual() -> Self {
        Self {
            clock: Kind::Manual,
            seed: Seed(42),
            epoch: "2025-12-01T00:00:00Z".parse().expect("a valid epoch"),
            limits: Limits::default(),
            redaction: Redaction::default(),
            routes: RouteSettings::default(),
        }
    }
}

/// Returns the folder of a file. A path without a folder has an empty parent.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

impl NoSuchScenario {
    fn expected(&self) -> String {
        if self.known.is_empty() { "no scenario: the server has none".into() } else { self.known.join(", ") }
    }
}
