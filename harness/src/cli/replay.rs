//! `onbeat replay`.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use onbeat_server::random::Seed;
use onbeat_server::timestamp::Epoch;

use super::{Exit, parse_seed};
use crate::lab::Setup;
use crate::replay::{Stream, replay};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The streams to play; all of them without a name
    #[arg(value_name = "ENDPOINT")]
    streams: Vec<Stream>,
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

/// Virtual time ends here: a century.
const WATCHED_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration =
        text.parse::<jiff::SignedDuration>().map_err(|error| format!("expected a time like 95s or 10m: {error}"))?;
    let whole_ms = duration.subsec_nanos() % 1_000_000 == 0;
    match Duration::try_from(duration) {
        Ok(duration) if whole_ms && duration <= WATCHED_MAX => Ok(duration),
        _ => Err("expected whole milliseconds, from 0 to a century".into()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_whole_milliseconds_of_the_future() {
        assert_eq!(parse_duration("95s"), Ok(Duration::from_secs(95)));
        assert_eq!(parse_duration("1m 35s"), Ok(Duration::from_secs(95)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "95", "-1s", "1us", "soon", "1000000000h"] {
            let error = parse_duration(wrong).expect_err(wrong);
            assert!(error.starts_with("expected "), "{error}");
        }
    }
}
