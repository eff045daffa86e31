//! `onbeat check`.

mod against;

use std::error::Error;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glob::Pattern;
use indicatif::{ProgressBar, ProgressStyle};
use onbeat_clock::{Clock, TokioClock, epoch_today};
use onbeat_wire::{Instant, whole_ms};

use super::{
    Exit, Format, Output, files, input, open_files, parse_count, parse_duration, parse_watched, tell, told_to_end,
};
use crate::against::{Recordings, recording_case_ids};
use crate::check::{ExtraHeaders, Progress, Remote, Scope, case_ids, check_embedded, check_live};
use crate::judge::expectations::Expectations;
use crate::judge::report::junit::Made;
use crate::judge::report::{html, jsonl, junit, text};
use crate::judge::{Measured, Outcome, Report, Selection, Verdict};
use crate::world_lab::WorldServer;

#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option without a value")]
pub(super) struct CheckArguments {
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
    /// Judge the server by this recording of it, or by all recordings (*.jsonl) in this folder, instead of the fixtures
    #[arg(long, value_name = "FILE|DIR", requires = "url")]
    against: Option<PathBuf>,
    /// Compare the dispatched events, or the lines of other streams, however they come in chunks
    #[arg(long, requires = "against")]
    events: bool,
    /// How long to watch each response; without it as long as the recording lasts
    #[arg(long = "for", value_parser = parse_watched, value_name = "DURATION", allow_hyphen_values = true, requires = "against")]
    watched: Option<Duration>,
    /// Play the recordings of a folder one by one, instead of all at once
    #[arg(long, requires = "against")]
    one_by_one: bool,
    /// Write what comes into the recordings, which keep `may`, and the rules of `vary` that hold
    #[arg(long, requires = "against", conflicts_with_all = ["only", "skip", "quick", "watched", "events", "behind_proxy", "scale", "expect_failures", "write_expect_failures"])]
    accept: bool,
    /// Trust the root certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", requires = "against")]
    cacert: Option<PathBuf>,
    /// Leave out what a proxy between the check and the server may change, such as chunks and connections
    #[arg(long, requires = "url")]
    behind_proxy: bool,
    /// Send this header with every request, or, in place of one that a recording left out, with the requests that had it, as
    /// `Name: value`; once for each header
    #[arg(long = "header", short = 'H', value_name = "HEADER", requires = "url")]
    headers: Vec<String>,
    /// How late an event may be
    #[arg(long, requires = "url", default_value = "250ms", value_parser = parse_tolerance, value_name = "DURATION", allow_hyphen_values = true)]
    tolerance: Duration,
    /// How many times as fast as the wall's the server's clock runs
    #[arg(long, requires = "url", default_value = "1", value_parser = parse_count::<NonZeroU32>, value_name = "N", allow_negative_numbers = true)]
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

impl CheckArguments {
    /// Returns the paths of the files that are written at the end.
    fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.junit, &self.html, &self.write_expect_failures].into_iter().flatten().map(PathBuf::as_path)
    }
}

fn parse_tolerance(text: &str) -> Result<Duration, String> {
    let bounded = parse_duration(text).ok().filter(|tolerance| *tolerance <= Duration::from_secs(60));
    bounded.ok_or_else(|| "expected a time like 250ms, up to a minute".into())
}

pub(super) fn run(arguments: &CheckArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    // Finds wrong arguments and paths out first, since a check takes a minute or more.
    let recordings = arguments.against.as_deref().map(Recordings::read).transpose()?;
    let (ids, by) = match &recordings {
        Some(recordings) => (recording_case_ids(&recordings.contracts), Measured::Recordings),
        None => (case_ids(), Measured::Fixtures),
    };
    let known = arguments.expect_failures.as_deref().map(|path| known_failures(path, &ids, by)).transpose()?;
    let recorded = recordings.iter().flat_map(|recordings| &recordings.paths).map(PathBuf::as_path);
    let read: Vec<&Path> =
        recorded.chain(arguments.expect_failures.as_deref()).chain(arguments.cacert.as_deref()).collect();
    files::check_writable(arguments.files(), &read)?;
    let (clock, began) = (TokioClock::start(), epoch_today());
    let (mut report, accepted) = match &recordings {
        Some(recordings) => against::check(arguments, recordings)?,
        None => (report(arguments)?, Vec::new()),
    };
    let made = Made { began, took: clock.now() - Instant::EPOCH };
    let known = match (known, &arguments.write_expect_failures) {
        // Takes the failures of this check for known, as the list about to be written does.
        (None, Some(_)) if report.trouble.is_none() => Expectations::of(&report),
        (known, _) => known.unwrap_or_default(),
    };
    // Applies the list before all output, so that text, files and exit code agree.
    known.apply(&mut report);
    // Prints before writing files: a file that can't be written loses no results.
    match arguments.format {
        Format::Text => out.styled(&text::render(&report)),
        Format::Jsonl => out.styled(&jsonl::render(&report)),
    }
    let printed = out.flush();
    explain(arguments, &report);
    write_files(arguments, &report, &known, made)?;
    // Fails only now because of stdout: the files have been written anyway.
    printed?;
    if let (true, Some(recordings)) = (arguments.accept, &recordings) {
        return against::accept(recordings, &report, &accepted, out);
    }
    Ok(if report.conforms() { Exit::Holds } else { Exit::Differs })
}

fn known_failures(path: &Path, ids: &[String], by: Measured) -> Result<Expectations, String> {
    let text = input::read(path)?;
    Expectations::read(&text, ids, by).map_err(|error| format!("failed to read {}: {error}", input::name(path)))
}

/// Tells on stderr why the check fails, besides the report.
fn explain(arguments: &CheckArguments, report: &Report) {
    if let (Format::Jsonl, Some(hint)) = (arguments.format, &report.hint) {
        tell(&hint.text);
    }
    if let Some(trouble) = &report.trouble {
        tell(format_args!("{}: {trouble}", report.target));
    }
    if arguments.expect_failures.is_none() {
        return;
    }
    for Verdict { id, outcome, .. } in &report.verdicts {
        match outcome {
            Outcome::Fail => tell(format_args!("{id} fails, and is not listed")),
            Outcome::Stale => {
                tell(format_args!("{id} is listed, but does not fail any more: delete it from the list"));
            }
            _ => {}
        }
    }
}

/// Writes all requested files, also when some can't be written.
fn write_files(arguments: &CheckArguments, report: &Report, known: &Expectations, made: Made) -> Result<(), String> {
    let CheckArguments { junit, html, write_expect_failures, .. } = arguments;
    let mut written = Vec::new();
    if let Some(path) = junit {
        let text = junit::render(report, made).map_err(|error| format!("failed to write {}: {error}", path.display()));
        written.push(text.and_then(|text| files::write(path, &text)));
    }
    if let Some(path) = html {
        written.push(files::write(path, &html::render(report)));
    }
    // Writes no list without a verdict on the server: the list would be wrong.
    if let (Some(path), None) = (write_expect_failures, &report.trouble) {
        let count = report.count(Outcome::KnownFailure);
        written.push(files::write(path, &known.to_text(report)).inspect(|()| {
            tell(format_args!("{count} known failures are listed in {}", path.display()));
        }));
    }
    let failed: Vec<String> = written.into_iter().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn report(arguments: &CheckArguments) -> Result<Report, Box<dyn Error>> {
    let CheckArguments { only, skip, quick, behind_proxy, tolerance, scale, .. } = arguments.clone();
    let scope = Scope { cases: Selection { only, skip }, quick, behind_proxy };
    let Some(url) = &arguments.url else {
        return Ok(check_embedded(&WorldServer::embedded(), &scope)?);
    };
    let headers = ExtraHeaders::read(&arguments.headers)?;
    open_files::raise_for_check()?;
    let remote = Remote { url: url.clone(), headers, tolerance, scale };
    let bar = Bar::new();
    // Runs on a single thread, so that a busy machine holds up the watch for stalls together with the clients.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        // Lets a check that is told to end report the verdicts so far.
        let stop = told_to_end().map_err(Box::<dyn Error>::from)?;
        check_live(&remote, &scope, &bar, stop).await.map_err(Box::<dyn Error>::from)
    });
    bar.0.finish_and_clear();
    // Leaves the rest, such as the lookup of a name, which is not worth a wait.
    runtime.shutdown_background();
    report
}

/// A progress bar on stderr, if stderr is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:40} {msg}").expect("a valid template");
        Self(ProgressBar::no_length().with_style(style))
    }
}

impl Progress for Bar {
    fn planned(&self, length: Duration) {
        self.0.set_length(whole_ms(length));
    }

    fn passed(&self, time: Duration, done: usize, of: usize) {
        let length = Duration::from_millis(self.0.length().unwrap_or_default());
        let left = length.saturating_sub(time).as_secs();
        // Stops at the end of the bar: a server with slow answers takes longer than planned.
        self.0.set_position(whole_ms(time.min(length)));
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
