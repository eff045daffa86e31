//! `onbeat check --against`: recordings as the contract.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::TokioClock;
use onbeat_wire::printable::to_json;

use super::{Bar, CheckArguments, Exit, Output, files, open_files, told_to_end};
use crate::against::{CompareRules, Measure, NextRecording, RecordingCheck, Recordings, TimeRules, check_against};
use crate::check::ExtraHeaders;
use crate::judge::{Report, Selection};
use crate::record::Connector;
use crate::server_url::{ServerUrl, without_userinfo};

/// How long a quick check watches a response.
const QUICK: Duration = Duration::from_millis(9_500);

/// The next recording in place of each recording; nothing for an incomplete exchange.
type NextRecordings = Vec<Option<NextRecording>>;

/// Holds the server against the recordings; returns the report, and the lines to accept.
pub(super) fn check(
    arguments: &CheckArguments,
    recordings: &Recordings,
) -> Result<(Report, NextRecordings), Box<dyn Error>> {
    let CheckArguments { only, skip, quick, behind_proxy, tolerance, scale, events, watched, .. } = arguments.clone();
    let url = arguments.url.as_deref().unwrap_or_default();
    let server =
        ServerUrl::read(url).map_err(|why| format!("failed to read the URL {:?}: {why}", without_userinfo(url)))?;
    let headers = ExtraHeaders::read_for_recordings(&arguments.headers)?;
    // Finds recordings out before the check that may not be written; a read-only folder shows at the end.
    if arguments.accept {
        files::check_writable(recordings.paths.iter().map(PathBuf::as_path), &[])?;
    }
    open_files::raise_for_check()?;
    let measure = match (events, behind_proxy) {
        (true, _) => Measure::Events,
        (false, true) => Measure::Bytes,
        (false, false) => Measure::Chunks,
    };
    let times = TimeRules { tolerance, scale: scale.get() };
    let check = RecordingCheck {
        connector: Connector::new(server, arguments.cacert.as_deref(), Arc::new(TokioClock::start()))?,
        headers,
        cases: Selection { only, skip },
        rules: CompareRules { measure, behind_proxy, times, in_lab: false },
        watched: if quick { Some(watched.map_or(QUICK, |watched| watched.min(QUICK))) } else { watched },
        one_by_one: arguments.one_by_one,
    };
    let bar = Bar::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checked = runtime.block_on(async {
        let stop = told_to_end().map_err(Box::<dyn Error>::from)?;
        check_against(&check, &recordings.contracts, &bar, stop).await.map_err(Box::<dyn Error>::from)
    });
    bar.0.finish_and_clear();
    runtime.shutdown_background();
    checked.map(|checked| (checked.report, checked.accepted))
}

/// Replaces the recordings that differ by the received lines, and prints the outcome of each file.
pub(super) fn accept(
    recordings: &Recordings,
    report: &Report,
    accepted: &[Option<NextRecording>],
    out: &mut Output,
) -> Result<Exit, Box<dyn Error>> {
    // Accepts nothing of a check that broke off: a recording would lose its end.
    if report.trouble.is_some() {
        return Err("nothing is accepted: the check did not come to its end".into());
    }
    // Goes on with the other files behind a failure, and tells all failures at the end.
    let mut failed = Vec::new();
    out.line("");
    let failing = recordings.failing_lines(report);
    for ((path, count), next) in recordings.paths.iter().zip(failing).zip(accepted) {
        let shown = path.display();
        match next {
            // Leaves equal recordings untouched, to the byte.
            _ if count == 0 => out.line(format_args!("{shown}: unchanged")),
            Some(NextRecording { lines, left_out }) => {
                let text: String = lines.iter().map(|line| to_json(line) + "\n").collect();
                if let Err(error) = files::replace(path, &text) {
                    failed.push(error);
                    continue;
                }
                let plural = if count == 1 { "line differed" } else { "lines differed" };
                out.line(format_args!("{shown}: accepted what came; {count} {plural}"));
                for rule in left_out {
                    out.line(format_args!("{shown}: left out a rule that what came breaks: {rule}"));
                }
            }
            None => failed.push(format!(
                "{shown} stays as it was: expected each response to come to its end, got one that did not: see the report"
            )),
        }
    }
    if failed.is_empty() { Ok(Exit::Holds) } else { Err(failed.join("\n").into()) }
}
