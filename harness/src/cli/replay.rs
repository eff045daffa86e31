//! `onbeat replay`.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use onbeat_server::random::Seed;
use onbeat_server::timestamp::Epoch;

use super::{Exit, parse_duration, parse_seed};
use crate::lab::Setup;
use crate::recording::{Recording, Replayed};
use crate::replay::{Stream, replay};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The streams to play; all of them without a name
    #[arg(value_name = "ENDPOINT")]
    streams: Vec<Stream>,
    /// Play the log of a served world again (GET /__onbeat/log), and tell whether the bytes are the same
    #[arg(long, value_name = "FILE", conflicts_with_all = ["streams", "seed", "epoch", "watched", "format"])]
    log: Option<PathBuf>,
    /// The seed of the random values
    #[arg(long, default_value = "0", value_parser = parse_seed, value_name = "N", allow_negative_numbers = true)]
    seed: Seed,
    /// The wall-clock time at which each stream starts
    #[arg(long, default_value = "2025-12-01T00:00:00Z", value_name = "RFC3339")]
    epoch: Epoch,
    /// How long to watch `sse`, which never ends
    #[arg(long = "for", default_value = "95s", value_parser = parse_duration, value_name = "DURATION", allow_negative_numbers = true)]
    watched: Duration,
    /// How to print
    #[arg(long, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Aligned columns, for people
    Text,
    /// One object a line, for programs
    Jsonl,
}

impl ValueEnum for Stream {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    match &arguments.log {
        Some(log) => replay_log(log),
        None => replay_streams(arguments),
    }
}

fn replay_log(path: &Path) -> Result<Exit, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    let recording = Recording::parse(&text).map_err(|error| format!("failed to read {}: {error}", path.display()))?;
    let Replayed { requests, connections, writes, time, difference } = recording.replay()?;
    let mut out = io::stdout().lock();
    match difference {
        None => {
            let ms = time.as_millis();
            writeln!(
                out,
                "{requests} requests on {connections} connections, {writes} writes, {ms} ms: the same to the byte"
            )?;
            Ok(Exit::Holds)
        }
        Some(difference) => {
            write!(out, "{difference}")?;
            Ok(Exit::Differs)
        }
    }
}

fn replay_streams(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    let streams = if arguments.streams.is_empty() { &Stream::ALL[..] } else { &arguments.streams };
    let setup = Setup::new(arguments.seed, arguments.epoch);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (number, stream) in streams.iter().enumerate() {
        let transcript = replay(*stream, &setup, arguments.watched)?;
        match arguments.format {
            Format::Jsonl => write!(out, "{}", transcript.to_jsonl())?,
            Format::Text => {
                let gap = if number == 0 { "" } else { "\n" };
                write!(
                    out,
                    "{gap}GET {}, seed {}, epoch {}\n{transcript}",
                    stream.path(),
                    arguments.seed,
                    arguments.epoch
                )?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Holds)
}
