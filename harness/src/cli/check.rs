//! `onbeat check`.

use std::error::Error;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use glob::Pattern;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Exit, Output, input, parse_duration, tell};
use crate::check::expectations::Expectations;
use crate::check::report::{html, jsonl, junit, text};
use crate::check::{Outcome, Progress, Remote, Report, Selection, check_embedded, check_live};
use crate::lab::Application;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Arguments {
    /// The server's URL; the embedded server without it
    url: Option<String>,
    /// Judge these cases alone, by id or glob (stream-text.*)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<Pattern>,
    /// Leave these cases out, by id or glob
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<Pattern>,
    /// Leave out what takes longer than 10 s
    #[arg(long)]
    quick: bool,
    /// How late an event may be
    #[arg(long, default_value = "250ms", value_parser = parse_tolerance, value_name = "DURATION", allow_hyphen_values = true)]
    tolerance: Duration,
    /// How many times as fast as the wall's the server's clock runs
    #[arg(long, default_value = "1", value_name = "N")]
    scale: NonZeroU32,
    /// How to print
    #[arg(long, default_value = "text")]
    format: Format,
    /// Write a JUnit file, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page with a drawing of every stream
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Cases that are known to fail, one id a line; one that holds, or another that fails, is an error
    #[arg(long, value_name = "FILE", conflicts_with = "write_expect_failures")]
    expect_failures: Option<PathBuf>,
    /// Write the list of the cases that fail
    #[arg(long, value_name = "FILE")]
    write_expect_failures: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A table, for people
    Text,
    /// One object a line, for programs
    Jsonl,
}

fn parse_tolerance(text: &str) -> Result<Duration, String> {
    let bounded = parse_duration(text).ok().filter(|tolerance| *tolerance <= Duration::from_secs(60));
    bounded.ok_or_else(|| "expected a time like 250ms, up to a minute".into())
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let list = arguments.expect_failures.as_deref().map(input::read).transpose()?;
    let report = report(arguments)?;
    let expected = match (&list, &arguments.expect_failures) {
        (Some(text), Some(path)) => {
            Expectations::read(text, &report).map_err(|error| format!("failed to read {}: {error}", path.display()))?
        }
        _ => Expectations::default(),
    };
    if let Some(path) = &arguments.junit {
        write(path, &junit::render(&report)?)?;
    }
    if let Some(path) = &arguments.html {
        write(path, &html::render(&report))?;
    }
    match arguments.format {
        Format::Text => out.styled(&text::render(&report, &expected)),
        Format::Jsonl => out.styled(&jsonl::render(&report)),
    }
    if let Some(trouble) = &report.trouble {
        tell(format_args!("{}: {trouble}", report.target));
        return Ok(Exit::Differs);
    }
    if let Some(path) = &arguments.write_expect_failures {
        write(path, &Expectations::write(&report))?;
        tell(format_args!("{} known failures are listed in {}", report.count(Outcome::Fail), path.display()));
        return Ok(Exit::Holds);
    }
    if arguments.expect_failures.is_none() {
        return Ok(if report.conforms() { Exit::Holds } else { Exit::Differs });
    }
    let surprises = expected.surprises(&report);
    for id in &surprises.unlisted {
        tell(format_args!("{id} fails, and is not listed"));
    }
    for id in &surprises.stale {
        tell(format_args!("{id} is listed, but does not fail any more: delete it from the list"));
    }
    Ok(if surprises.is_empty() { Exit::Holds } else { Exit::Differs })
}

fn report(arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let Arguments { only, skip, quick, tolerance, scale, .. } = arguments.clone();
    let selection = Selection { only, skip, quick };
    let Some(url) = &arguments.url else {
        return Ok(check_embedded(&Application::embedded(), &selection)?);
    };
    let remote = Remote { url: url.clone(), tolerance, scale };
    let bar = Bar::new();
    let report = tokio::runtime::Runtime::new()?.block_on(check_live(&remote, &selection, &bar));
    bar.0.finish_and_clear();
    Ok(report?)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("failed to write {}: {error}", path.display()))
}

/// A progress bar on stderr, if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:40} {msg}").expect("a valid template");
        Self(ProgressBar::no_length().with_style(style))
    }
}

impl Progress for Bar {
    fn planned(&self, length: Duration) {
        self.0.set_length(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
    }

    fn passed(&self, time: Duration, done: usize, of: usize) {
        let length = Duration::from_millis(self.0.length().unwrap_or_default());
        let left = length.saturating_sub(time).as_secs();
        self.0.set_position(u64::try_from(time.min(length).as_millis()).unwrap_or(u64::MAX));
        self.0.set_message(format!("{left} s left, {done} of {of} parts done"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_is_a_time_of_up_to_a_minute() {
        assert_eq!(parse_tolerance("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_tolerance("1s"), Ok(Duration::from_secs(1)));
        for wrong in ["", "250", "-1s", "2m", "soon"] {
            assert!(parse_tolerance(wrong).is_err(), "{wrong}");
        }
    }
}
