//! `onbeat routes`: files of a team's own routes, checked before a server reads them.

use std::path::{Path, PathBuf};

use onbeat_routes::{Model, Problem, SCHEMA, read_file};
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
    /// Check routes files, with the files that the routes play, and tell all problems
    Check(CheckedFiles),
    /// Print the JSON Schema of routes files, for editors
    Schema,
}

#[derive(Debug, clap::Args)]
struct CheckedFiles {
    /// The routes files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print what each file has; jsonl has the problems as well
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The problems of a routes file.
#[derive(Serialize)]
struct WrongFile<'a> {
    file: String,
    problems: Vec<Problem<'a>>,
}

/// The contents of a routes file.
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
/// If the file has problems. The error has only the number of problems.
pub(super) fn read(file: &Path) -> Result<Model, String> {
    read_file(file).map_err(|problems| {
        tell_problems(problems.lines());
        let plural = if problems.count() == 1 { "" } else { "s" };
        format!("{} has {} problem{plural}", file.display(), problems.count())
    })
}

/// Checks all files, even behind a wrong file.
fn check(CheckedFiles { files, format }: &CheckedFiles, out: &mut Output) -> Exit {
    let mut exit = Exit::Holds;
    for path in files {
        let (file, read) = (path.display().to_string(), read_file(path));
        if read.is_err() {
            exit = Exit::Failed;
        }
        match (format, read) {
            (Format::Text, Ok(model)) => out.line(Contents::of(file, &model).line()),
            (Format::Text, Err(problems)) => tell_problems(problems.lines()),
            (Format::Jsonl, Ok(model)) => out.json(&Contents::of(file, &model)),
            (Format::Jsonl, Err(problems)) => out.json(&WrongFile { file, problems: problems.iter().collect() }),
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
            // Names routes even if there are none, since every file should have routes.
            .filter(|(count, name)| *count > 0 || *name == "route")
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        format!("{file}: {}", parts.join(", "))
    }
}
