//! Recordings: the exchanges of a file, each as the cues of a response.

mod head;

use std::time::Duration;

use onbeat_server::script::{Action, Cue};
use onbeat_wire::jsonl::{Problem, WrongLine, lines};
use onbeat_wire::recording::{ArrivalNotes, Exchanges, Fact, Line, LinesOf, Notes, RecordedExchange, missing_end};
use onbeat_wire::{How, text_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PlayError;

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

    fn check(&self, t_ms: u64, fact: &Fact) -> Result<(), Problem> {
        self.arrival.check(t_ms, fact)
    }
}

/// Returns the cues of the exchange with this number, from 0, in the order in which the exchanges begin.
pub(super) fn cues(bytes: &[u8], number: usize) -> Result<Vec<Cue>, PlayError> {
    let text = text_of(bytes).map_err(|(line, what)| Problem::told(what).at(line))?;
    let recorded = Exchanges::<PlayedNotes>::read(text, LinesOf::RecordingOrReplay);
    let Exchanges { lines, list, .. } =
        recorded.map_err(|wrong| if is_plain_json(text) { PlayError::NoRecording(wrong) } else { wrong.into() })?;
    // Reads all exchanges, since a mistake in any of them is a mistake of the file.
    let played = list.iter().map(|exchange| exchange_cues(exchange, &lines)).collect::<Result<Vec<_>, _>>()?;
    match (played.len(), played.into_iter().nth(number)) {
        (_, Some(cues)) => Ok(cues),
        (0, None) => Err(PlayError::File("expected a recording, got a file without an exchange".into())),
        (count, None) => {
            let expected = format!("an exchange from 0 to {}", count - 1);
            Err(PlayError::File(format!("expected {expected}, as the recording has {count}, got {number}")))
        }
    }
}

/// Returns whether the first line is JSON, and says nothing of its kind.
fn is_plain_json(text: &str) -> bool {
    let first = lines(text).next().and_then(|(_, line)| serde_json::from_str::<Value>(line).ok());
    first.is_some_and(|value| value.get("kind").is_none())
}

/// Returns the cues of an exchange, each with its time since the request.
fn exchange_cues(exchange: &RecordedExchange, lines: &[(usize, Line<PlayedNotes>)]) -> Result<Vec<Cue>, WrongLine> {
    let (mut cues, mut has_head) = (Vec::new(), false);
    for (number, line) in exchange.response.iter().map(|at| &lines[*at]) {
        if let Some(action) = action(&line.fact, has_head).map_err(|problem| problem.at(*number))? {
            has_head |= matches!(action, Action::Head(_));
            cues.push(Cue { at: Duration::from_millis(line.t_ms - exchange.start_ms), action });
        }
    }
    let Some(Cue { action: Action::End(_), .. }) = cues.last() else {
        let (number, last) = exchange.response.last().map_or(&lines[exchange.first], |at| &lines[*at]);
        return Err(missing_end(last.t_ms, last.exchange).at(*number));
    };
    // Checks the length last, when all writes are known.
    head::check_length(&mut cues);
    Ok(cues)
}

/// Returns the action of a fact, if the fact is part of the response.
fn action(fact: &Fact, has_head: bool) -> Result<Option<Action>, Problem> {
    match fact {
        // Leaves out interim heads, such as 103 with early hints, but not 101, which ends HTTP.
        Fact::Head(head) if matches!(head.status, 100 | 102..200) => Ok(None),
        Fact::Head(head) => Ok(Some(Action::Head(Box::new(head::read(head)?)))),
        Fact::Write(write) => Ok(Some(Action::Write(write.bytes.clone()))),
        Fact::End(end) => match end.how {
            How::Closed if !has_head => {
                Err(Problem::line("a head before the end: the client left before the server answered"))
            }
            how => Ok(Some(Action::End(how))),
        },
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
