//! Recordings: the exchanges of a file, each as the cues of a response.

mod exchange;
mod head;

use std::collections::BTreeMap;

use onbeat_server::script::Cue;
use onbeat_wire::jsonl::{Problem, lines};
use onbeat_wire::recording::{ArrivalNotes, FORMAT, Fact, Line, Notes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::exchange::RecordedExchange;
use super::PlayError;
use crate::utf_8::text_of;

/// The notes of recorders, people and fixtures about a line: no part of a response, but read, so that a mistake is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct PlayedNotes {
    #[serde(flatten)]
    arrival: ArrivalNotes,
    #[serde(default, rename = "cases")]
    _cases: Vec<String>,
}

impl Notes for PlayedNotes {
    const KEYS: &'static [&'static str] = &["body", "first_ms", "vary", "may", "cases"];

    fn check(&self, fact: &Fact) -> Result<(), Problem> {
        self.arrival.check(fact)
    }
}

/// Returns the cues of the exchange with this number, from 0, in the order in which the exchanges begin.
pub(super) fn cues(bytes: &[u8], number: usize) -> Result<Vec<Cue>, PlayError> {
    let mut exchanges = Exchanges::default();
    let text = text_of(bytes).map_err(|(line, what)| Problem::told(what).at(line))?;
    for (line_number, text) in lines(text) {
        // Reads and checks line by line, so that the first wrong line is the line of the error.
        let taken = Line::read(text).and_then(|line| exchanges.take_in(line_number, line));
        taken.map_err(|problem| {
            let wrong = problem.at(line_number);
            if line_number == 1 && is_plain_json(text) { PlayError::NoRecording(wrong) } else { wrong.into() }
        })?;
    }
    // Checks each exchange for an end: a file cut off between two lines has only good lines.
    for exchange in &exchanges.list {
        exchange.check_end().map_err(|problem| problem.at(exchange.last_line()))?;
    }
    match (exchanges.list.len(), exchanges.list.into_iter().nth(number)) {
        (_, Some(exchange)) => Ok(exchange.into_cues()),
        (0, None) => Err(PlayError::File("expected a recording, got a file without an exchange".into())),
        (count, None) => {
            let expected = format!("an exchange from 0 to {}", count - 1);
            Err(PlayError::File(format!("expected {expected}, as the recording has {count}, got {number}")))
        }
    }
}

/// Returns whether a line is JSON, and says nothing of its kind.
fn is_plain_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.get("kind").is_none())
}

/// The exchanges of a file, in the order in which they begin.
#[derive(Default)]
struct Exchanges {
    list: Vec<RecordedExchange>,
    /// The last exchange of each connection and request.
    last: BTreeMap<(Option<u64>, Option<u32>), usize>,
}

impl Exchanges {
    fn take_in(&mut self, line_number: usize, line: Line<PlayedNotes>) -> Result<(), Problem> {
        let Line { t_ms, exchange, fact, .. } = line;
        match &fact {
            Fact::Log(_) => {
                let expected = "a recording, got the log of a served world: play it with onbeat replay --log";
                return Err(Problem::field("kind", expected));
            }
            Fact::Recording(start) if start.format != FORMAT => {
                return Err(Problem::field("format", format_args!("{FORMAT}, got {}", start.format)));
            }
            // Forgets the exchanges before: a joined file begins anew here, perhaps with the same ordinals.
            Fact::Recording(_) => {
                self.last.clear();
                return Ok(());
            }
            _ => {}
        }
        let key = (exchange.connection, exchange.request);
        // Begins another exchange where the fact can't go on with the last one, as in recordings without ordinals.
        let known = self.last.get(&key).copied().filter(|known| !self.list[*known].is_followed_by(&fact));
        let number = known.unwrap_or_else(|| {
            self.list.push(RecordedExchange::default());
            self.last.insert(key, self.list.len() - 1);
            self.list.len() - 1
        });
        self.list[number].take_in(line_number, t_ms, fact)
    }
}

#[cfg(test)]
mod tests;
