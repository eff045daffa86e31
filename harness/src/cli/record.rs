//! `onbeat record`.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onbeat_server::clock::TokioClock;
use onbeat_wire::printable;

use super::{Exit, Output, files, parse_duration, tell, told_to_end};
use crate::record::{Connector, OneRequest, RecordedLine, Secrets, Summary, Upstream, record_once};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The URL to request, with http or https
    url: String,
    /// The method; GET without a body, and else POST
    #[arg(long, short = 'X', value_name = "METHOD", value_parser = parse_method)]
    method: Option<String>,
    /// Send this header, as `Name: value`; may be repeated
    #[arg(long = "header", short = 'H', value_name = "HEADER", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// Send this body, or @FILE, or @- for stdin
    #[arg(long = "data", short = 'd', value_name = "BODY", allow_hyphen_values = true)]
    body: Option<String>,
    /// How long to record; without it until the response ends, or Ctrl-C
    #[arg(long = "for", value_parser = parse_duration, value_name = "DURATION", allow_hyphen_values = true)]
    watched: Option<Duration>,
    /// Write the recording to this file instead of stdout
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// A header, query parameter, field of a form or key of JSON whose values are left out, beside the usual ones; may be
    /// repeated
    #[arg(long, value_name = "NAME")]
    redact: Vec<String>,
    /// Trust the root certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

fn parse_method(text: &str) -> Result<String, String> {
    let is_token =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if is_token { Ok(text.to_owned()) } else { Err("expected a method like POST".into()) }
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let wrong = || "expected 'Name: value', like 'Accept: text/event-stream'".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (parse_method(name.trim_end()).map_err(|_| wrong())?, value.trim());
    if value.chars().any(|char| char.is_control() && char != '\t') {
        return Err(format!("{}, on one line and without control characters", wrong()));
    }
    Ok((name, value.to_owned()))
}

pub(super) fn run(arguments: &Arguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let secrets = Arc::new(Secrets::new(&arguments.redact).map_err(|error| format!("--redact: {error}"))?);
    files::check_writable(arguments.output.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorded = runtime.block_on(once(arguments, &secrets, out));
    runtime.shutdown_background();
    recorded
}

async fn once(arguments: &Arguments, secrets: &Arc<Secrets>, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let (upstream, target) = Upstream::read_with_target(&arguments.url)?;
    let body = arguments.body.as_deref().map(body).transpose()?.unwrap_or_default();
    let default = if arguments.body.is_some() { "POST" } else { "GET" };
    let method = arguments.method.clone().unwrap_or_else(|| default.to_owned());
    let request = OneRequest { method, target, headers: arguments.headers.clone(), body, watched: arguments.watched };
    let connector = Connector::new(upstream, arguments.cacert.as_deref(), Arc::new(TokioClock::start()))?;
    let stop = told_to_end()?;
    let mut file = arguments.output.as_deref().map(RecordingFile::new);
    let write = |line: &RecordedLine| match &mut file {
        Some(file) => file.write(line).map(|()| true),
        None => {
            out.json(line);
            // A line is written when it is known, so that no line is lost where the recorder is killed.
            out.flush().map_err(|error| error.to_string())?;
            Ok(out.is_wanted())
        }
    };
    let (summary, malformed) = record_once(&connector, &request, secrets, stop, write).await?;
    if let Some(malformed) = malformed {
        tell(format_args!("the response is cut off where the bytes are no HTTP any more: {malformed}"));
    }
    if let Some(coding) = &summary.coding {
        tell(format_args!(
            "the body is encoded as {coding}, and recorded like that; to record text, send -H 'Accept-Encoding: identity'"
        ));
    }
    if let Some(path) = &arguments.output {
        out.line(format_args!("{}: {}", path.display(), described(&summary)));
    }
    Ok(Exit::Holds)
}

/// Returns a summary in words.
fn described(summary: &Summary) -> String {
    let status = summary.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let end = summary.end.map_or_else(|| "no end".to_owned(), |(how, ms)| format!("{how} after {ms} ms"));
    format!("{status}, {} writes, {end}", summary.writes)
}

/// Returns the bytes of a body: the text itself, or what is in the file behind an @.
fn body(text: &str) -> Result<Vec<u8>, String> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.into()) };
    let failed = |error: io::Error| format!("failed to read {path}: {error}");
    if path != "-" {
        return std::fs::read(path).map_err(failed);
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A file to which a recording is written line by line. The file is made with the first line.
#[derive(Debug)]
struct RecordingFile<'p> {
    path: &'p Path,
    file: Option<File>,
}

impl<'p> RecordingFile<'p> {
    fn new(path: &'p Path) -> Self {
        Self { path, file: None }
    }

    fn write(&mut self, line: &RecordedLine) -> Result<(), String> {
        let failed = |error: io::Error| format!("failed to write {}: {error}", self.path.display());
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::create(self.path).map_err(failed)?),
        };
        file.write_all((printable::to_json(line) + "\n").as_bytes()).map_err(failed)
    }
}
