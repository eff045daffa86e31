//! `onbeat routes`.

use std::error::Error;
use std::path::PathBuf;

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
    /// Read routes files, and the files that they play, and tell every problem with its line
    Check(RoutesCheckArguments),
    /// Print the JSON Schema of routes files, for editors
    Schema,
}

#[derive(Debug, clap::Args)]
struct RoutesCheckArguments {
    /// The files to read
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print
    #[arg(long, default_value = "text")]
    format: Format,
}

/// What a file has, or what is wrong there.
#[derive(Serialize)]
struct FileReport<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    contents: Option<Contents>,
    problems: Vec<Problem<'a>>,
}

/// How many parts of each kind a file has.
#[derive(Clone, Copy, Serialize)]
struct Contents {
    routes: usize,
    channels: usize,
    scenarios: usize,
}

impl Contents {
    fn of(model: &Model) -> Self {
        let Model { routes, channels, scenarios } = model;
        Self { routes: routes.len(), channels: channels.len(), scenarios: scenarios.len() }
    }

    /// Returns the parts in words, such as `3 routes, 1 channel`; routes are named even if there are none.
    fn in_words(self) -> String {
        let Self { routes, channels, scenarios } = self;
        let parts = [("route", routes), ("channel", channels), ("scenario", scenarios)];
        let named = parts.iter().filter(|(name, count)| *count > 0 || *name == "route");
        let words = named.map(|(name, count)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }));
        words.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn run(arguments: &RoutesArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    match &arguments.action {
        RoutesAction::Check(arguments) => Ok(check(arguments, out)),
        RoutesAction::Schema => {
            out.text(SCHEMA);
            Ok(Exit::Holds)
        }
    }
}

/// Reads all files, also those behind a wrong one.
fn check(RoutesCheckArguments { files, format }: &RoutesCheckArguments, out: &mut Output) -> Exit {
    let mut exit = Exit::Holds;
    for path in files {
        let (file, read) = (path.display().to_string(), read_file(path));
        if read.is_err() {
            exit = Exit::Failed;
        }
        match (format, read) {
            (Format::Text, Ok(model)) => out.line(format_args!("{file}: {}", Contents::of(&model).in_words())),
            (Format::Text, Err(problems)) => tell_problems(&problems),
            (Format::Jsonl, Ok(model)) => {
                out.json(&FileReport { file: &file, contents: Some(Contents::of(&model)), problems: Vec::new() });
            }
            (Format::Jsonl, Err(problems)) => {
                out.json(&FileReport { file: &file, contents: None, problems: problems.iter().collect() });
            }
        }
    }
    exit
}
