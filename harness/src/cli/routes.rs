//! `onbeat routes`: files of a team's own routes, checked before a server reads them.

use std::path::{Path, PathBuf};

use onbeat_routes::{Model, SCHEMA, read_file};
use serde::Serialize;

use super::output::tell_problems;
use super::{Exit, Format, Output};

#[derive(Debug, clap::Args)]
pub(super) struct RoutesArguments {
    #[command(subcommand)]
    action: RoutesAction,
}

#[derive(Debug, clap::Subcommand)]
enum RoutesAction {
    /// Check routes files, with the files that the routes play; all problems are on stderr
    Check(CheckedFiles),
    /// Print the JSON Schema of routes files, for editors
    Schema,
}

#[derive(Debug, clap::Args)]
struct CheckedFiles {
    /// The routes files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print what each file has
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What a routes file has.
#[derive(Serialize)]
struct Contents {
    file: String,
    routes: usize,
    responses: usize,
    channels: usize,
    scenarios: usize,
}

pub(super) fn run(arguments: &RoutesArguments, out: &mut Output) -> Exit {
    match &arguments.action {
        RoutesAction::Check(files) => check(files, out),
        RoutesAction::Schema => {
            out.text(SCHEMA);
            Exit::Holds
        }
    }
}

/// Reads a routes file, and prints all problems.
///
/// # Errors
///
/// If the file has problems. The error has only their number.
pub(super) fn read(file: &Path) -> Result<Model, String> {
    read_file(file).map_err(|problems| {
        tell_problems(problems.lines());
        let plural = if problems.count() == 1 { "" } else { "s" };
        format!("{} has {} problem{plural}", file.display(), problems.count())
    })
}

/// Checks all files, even behind a wrong one.
fn check(CheckedFiles { files, format }: &CheckedFiles, out: &mut Output) -> Exit {
    let mut exit = Exit::Holds;
    for file in files {
        match read(file) {
            Ok(model) => {
                let contents = Contents::of(file.display().to_string(), &model);
                match format {
                    Format::Text => out.line(contents.line()),
                    Format::Jsonl => out.json(&contents),
                }
            }
            Err(_) => exit = Exit::Failed,
        }
    }
    exit
}

impl Contents {
    fn of(file: String, model: &Model) -> Self {
        let routes = || model.scenarios.values().flatten().chain(&model.routes);
        Self {
            file,
            routes: routes().count(),
            responses: routes().map(|route| route.responses.len()).sum(),
            channels: model.channels.len(),
            scenarios: model.scenarios.len(),
        }
    }

    /// Returns the contents in a line, such as `chat.toml: 3 routes, 1 channel, 1 scenario`.
    fn line(&self) -> String {
        let Self { file, routes, channels, scenarios, .. } = self;
        let counted = [(*routes, "route"), (*channels, "channel"), (*scenarios, "scenario")];
        let parts: Vec<_> = counted
            .iter()
            .filter(|(count, name)| *count > 0 || *name == "route")
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        format!("{file}: {}", parts.join(", "))
    }
}
