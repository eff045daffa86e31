//! `onbeat replay`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use onbeat_routes::read_file;
use onbeat_server::random::Seed;
use onbeat_wire::Epoch;

use super::{Exit, Format, Output, input, parse_duration, parse_seed};
use crate::log_replay::{LoggedRoutes, LoggedWorld, Replayed};
use crate::replay::{Stream, replay_each};
use crate::world_lab::Setup;

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArguments {
    /// The streams to play; all of them without a name
    #[arg(value_name = "ENDPOINT", value_parser = streams())]
    streams: Vec<Stream>,
    /// Play the log of a served world again (GET /__onbeat/log), and tell whether the bytes are the same; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["streams", "seed", "epoch", "watched", "format"])]
    log: Option<PathBuf>,
    /// The routes file of the served world, for --log
    #[arg(long, value_name = "FILE", requires = "log")]
    routes: Option<PathBuf>,
    /// The seed of the random values
    #[arg(long, default_value = "0", value_parser = parse_seed, value_name = "N", allow_negative_numbers = true)]
    seed: Seed,
    /// The wall-clock time at which each stream starts
    #[arg(long, default_value = "2025-12-01T00:00:00Z", value_name = "RFC3339")]
    epoch: Epoch,
    /// How long to watch `sse`, which never ends
    #[arg(long = "for", default_value = "95s", value_parser = parse_duration, value_name = "DURATION", allow_hyphen_values = true)]
    watched: Duration,
    /// How to print
    #[arg(long, default_value = "text")]
    format: Format,
}

/// Reads the name of a stream.
fn streams() -> impl TypedValueParser<Value = Stream> {
    PossibleValuesParser::new(Stream::all().map(Stream::name)).try_map(|name| name.parse::<Stream>())
}

pub(super) fn run(arguments: &ReplayArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    match &arguments.log {
        Some(log) => replay_log(log, arguments.routes.as_deref(), out),
        None => replay_streams(arguments, out),
    }
}

fn replay_log(path: &Path, routes: Option<&Path>, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    // Reads the routes file first, so that problems there are told before a long log is read.
    let routes = routes.map(logged_routes).transpose()?;
    let wrong = |error| format!("failed to read {}: {error}", input::name(path));
    let logged = LoggedWorld::parse(&input::read(path)?).map_err(wrong)?;
    let Replayed { requests, connections, writes, time, difference } = logged.replay(routes.as_ref()).map_err(wrong)?;
    match difference {
        None => {
            let ms = time.as_millis();
            out.line(format_args!(
                "{requests} requests on {connections} connections, {writes} writes, {ms} ms: the same to the byte"
            ));
            Ok(Exit::Holds)
        }
        Some(difference) => {
            out.text(difference);
            Ok(Exit::Differs)
        }
    }
}

fn logged_routes(file: &Path) -> Result<LoggedRoutes, Box<dyn Error>> {
    let model = Arc::new(read_file(file)?);
    // Takes the current folder for a path without a folder, which has an empty parent.
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Ok(LoggedRoutes { model, folder: Some(folder.to_owned()) })
}

fn replay_streams(arguments: &ReplayArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let ReplayArguments { seed, epoch, watched, format, .. } = arguments;
    let all: Vec<Stream> = Stream::all().collect();
    let streams = if arguments.streams.is_empty() { &all } else { &arguments.streams };
    let setup = Setup::new(*seed, *epoch);
    for (number, stream) in streams.iter().enumerate() {
        if let Format::Text = format {
            let gap = if number == 0 { "" } else { "\n" };
            out.line(format_args!("{gap}GET {}, seed {seed}, epoch {epoch}", stream.path()));
        }
        // Ends the replay when the reader has left.
        replay_each(*stream, &setup, *watched, |entry| {
            match format {
                Format::Text => out.line(entry),
                Format::Jsonl => out.json(&entry),
            }
            out.is_wanted()
        })?;
    }
    Ok(Exit::Holds)
}
