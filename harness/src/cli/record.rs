//! `onbeat record`.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::{Clock, TokioClock};
use onbeat_server::listener::Sockets;

use super::addr::{self, Addr};
use super::{Exit, Output, files, open_files, parse_watched, tell, told_to_end};
use crate::against::proposals;
use crate::check::check_free;
use crate::record::{Connector, News, OneRequest, Proxy, RecordedLine, RecordingFile, Secrets, Summary, record_once};
use crate::server_url::ServerUrl;

/// How long the printing may go on after the end of a proxy.
const PRINTING_TIME_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct RecordArguments {
    /// The URL to request, with http or https
    #[arg(required_unless_present = "listen")]
    url: Option<String>,
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
    #[arg(long = "for", value_parser = parse_watched, value_name = "DURATION", allow_hyphen_values = true)]
    watched: Option<Duration>,
    /// Write the recording to this file instead of stdout
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Record twice, and propose which values of the recording may vary
    #[arg(long)]
    twice: bool,
    /// Instead of one exchange, record all that pass a proxy that listens here; port 0 takes any free one
    #[arg(long, value_parser = addr::parse, value_name = "HOST:PORT", requires_all = ["to", "dir"],
        conflicts_with_all = ["url", "method", "headers", "body", "watched", "output", "twice"])]
    listen: Option<Addr>,
    /// The URL of the server behind the proxy; a path in it comes before the path of each request
    #[arg(long, value_name = "URL", requires = "listen")]
    to: Option<String>,
    /// The folder of the proxy's recordings, one file for each exchange
    #[arg(long, value_name = "DIR", requires = "listen")]
    dir: Option<PathBuf>,
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

pub(super) fn run(arguments: &RecordArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let secrets = Arc::new(Secrets::new(&arguments.redact).map_err(|error| format!("--redact: {error}"))?);
    // Serves as a proxy; clap demands all three options or none.
    if let RecordArguments { listen: Some(listen), to: Some(to), dir: Some(dir), .. } = arguments {
        let connector = connector(ServerUrl::read(to).map_err(wrong_url)?, arguments)?;
        open_files::raise();
        let (proxy, news) = Proxy::new(connector, secrets, dir)?;
        return tokio::runtime::Runtime::new()?.block_on(serve(listen, &proxy, news, out));
    }
    // Refuses the same headers as a check: a recording with a wrong framing could not be played again.
    arguments.headers.iter().try_for_each(|(name, _)| check_free(name))?;
    let body = arguments.body.as_deref().and_then(|body| body.strip_prefix('@')).map(Path::new);
    let read: Vec<&Path> = arguments.cacert.as_deref().into_iter().chain(body).collect();
    files::check_writable(arguments.output.as_deref(), &read)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorded = runtime.block_on(record(arguments, &secrets, out));
    runtime.shutdown_background();
    recorded
}

/// Returns the message about a wrong URL. The URL itself may hold a secret, and is left out.
#[expect(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn wrong_url(why: String) -> String {
    format!("expected a URL like http://localhost:8000/chat: {why}")
}

fn connector(upstream: ServerUrl, arguments: &RecordArguments) -> Result<Connector, Box<dyn Error>> {
    Ok(Connector::new(upstream, arguments.cacert.as_deref(), Arc::new(TokioClock::start()))?)
}

/// Serves clients through the proxy until the command is told to end, and prints a line for each exchange.
async fn serve(
    listen: &Addr,
    proxy: &Arc<Proxy>,
    mut news: tokio::sync::mpsc::Receiver<News>,
    out: &mut Output,
) -> Result<Exit, Box<dyn Error>> {
    // Registers the signals before printing the URL: a script may end the proxy at once.
    let stop = told_to_end()?;
    let sockets = Sockets::bind(&listen.sockets)?;
    out.line(format_args!("listening on {}", listen.url(&sockets.addrs()?)));
    out.flush()?;
    // Serves the clients in other tasks: a stdout without a reader holds up the printing alone.
    let serving = tokio::spawn(Arc::clone(proxy).serve(sockets, stop));
    let at_end = tokio::spawn(end_in_time(serving, Arc::clone(proxy)));
    let mut printed = Ok(());
    while let Some(news) = news.recv().await {
        match news {
            News::Recorded(file, summary) => {
                out.line(format_args!("{file}: {}", described(&summary)));
                // Keeps the first failure of stdout for the end: the recordings may be on another disk.
                printed = printed.and(out.flush());
            }
            News::Trouble(why) => tell(why),
            News::Over => break,
        }
    }
    at_end.abort();
    printed?;
    Ok(if proxy.has_failed() { Exit::Failed } else { Exit::Holds })
}

/// Ends the process some time after the proxy has ended, if the printing is held up even then. All files are complete.
async fn end_in_time(serving: tokio::task::JoinHandle<()>, proxy: Arc<Proxy>) {
    // Ignores a panic of the proxy, which has been reported by the panic itself.
    let _ = serving.await;
    let clock = TokioClock::start();
    clock.sleep_until(clock.now() + PRINTING_TIME_MAX).await;
    std::process::exit(if proxy.has_failed() { Exit::Failed } else { Exit::Holds } as i32);
}

/// Two requests with so much time between them begin in different seconds.
const SECONDS_DIFFER: Duration = Duration::from_millis(1100);

/// Records one exchange, or the same exchange twice.
async fn record(arguments: &RecordArguments, secrets: &Arc<Secrets>, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let (upstream, target) =
        ServerUrl::read_with_target(arguments.url.as_deref().unwrap_or_default()).map_err(wrong_url)?;
    let body = arguments.body.as_deref().map(body).transpose()?.unwrap_or_default();
    // Chooses the method as curl does.
    let default = if arguments.body.is_some() { "POST" } else { "GET" };
    let method = arguments.method.clone().unwrap_or_else(|| default.to_owned());
    let request = OneRequest { method, target, headers: arguments.headers.clone(), body, watched: arguments.watched };
    let request = request.with_usual_fields();
    let connector = connector(upstream, arguments)?;

    let mut file = arguments.output.as_deref().map(RecordingFile::replacing);
    let mut first = Vec::new();
    let write = |line: &RecordedLine| {
        first.extend(arguments.twice.then(|| line.clone()));
        if let Some(file) = &mut file {
            return file.write(line).map(|()| true);
        }
        out.json(line);
        // Hands over each line at once, so that a killed recorder loses no line.
        out.flush().map_err(|error| error.to_string())?;
        Ok(out.is_wanted())
    };
    let (summary, malformed) = record_once(&connector, &request, secrets, told_to_end()?, write).await?;
    // Tells a command ended before the connection from a reader of stdout that has left.
    if summary.end.is_none() && out.is_wanted() {
        return Err("nothing is recorded: the command was told to end before there was a connection".into());
    }
    if let Some(malformed) = malformed {
        tell(format_args!("the response is cut off where the bytes are no HTTP any more: {malformed}"));
    }
    if let Some(coding) = &summary.coding {
        tell(format_args!(
            "the body is encoded as {coding}, and recorded like that; to record text, send -H 'Accept-Encoding: identity'"
        ));
    }
    // Prints the summary only if the recording itself is not on stdout.
    if let Some(path) = &arguments.output {
        out.line(format_args!("{}: {}", path.display(), described(&summary)));
    }
    // Records no second time for a reader of stdout that has left.
    if arguments.twice && out.is_wanted() {
        // Registers the signals before the pause, so that a signal in the pause ends the second recording.
        let stop = told_to_end()?;
        // Waits for another second, so that a time in whole seconds differs as well.
        let clock = connector.clock();
        clock.sleep_until(summary.began + SECONDS_DIFFER).await;
        let mut second = Vec::new();
        let collect = |line: &RecordedLine| {
            second.push(line.clone());
            Ok(true)
        };
        let (again, _) = record_once(&connector, &request, secrets, stop, collect).await?;
        if again.end.is_none() {
            return Err("nothing is proposed: the command was told to end before the second recording".into());
        }
        propose(&first, &second, arguments.output.as_deref(), out);
    }
    Ok(Exit::Holds)
}

/// Prints the differences between two recordings: on stdout, unless the recording is there.
fn propose(first: &[RecordedLine], second: &[RecordedLine], output: Option<&Path>, out: &mut Output) {
    for proposal in proposals(first, second) {
        match output {
            Some(_) => out.json(&proposal),
            None => tell(onbeat_wire::printable::to_json(&proposal)),
        }
    }
}

/// Returns a summary in words.
fn described(summary: &Summary) -> String {
    let status = summary.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let end = summary.end.map_or_else(|| "no end".to_owned(), |(how, ms)| format!("{how} after {ms} ms"));
    let writes = if summary.writes == 1 { "1 write".to_owned() } else { format!("{} writes", summary.writes) };
    format!("{status}, {writes}, {end}")
}

/// Returns the bytes of a body: the text itself, or the content of the file behind an `@`.
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
