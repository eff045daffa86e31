//! The exchanges of a recording: each request, with the lines of its response.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Deserialize;

use super::recorded_exchange::RecordedExchange;
use super::{Exchange, FORMAT, Fact, Line, Notes, RecordingStart, closing_line};
use crate::jsonl::{self, Problem, WrongLine};

/// Which lines may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesOf {
    /// The lines of a recording: the first is of kind `recording`, and each exchange begins with a request.
    Recording,
    /// The lines of a recording, or of a replay, or of a fixture. The latter two have no first line, and may have no requests:
    /// a head behind the end of an exchange begins the next one.
    RecordingOrReplay,
}

/// The lines of a recording, and its exchanges.
#[derive(Clone, Debug)]
pub struct Exchanges<N> {
    /// The first line; nothing for the lines of a replay, or of a fixture.
    pub start: Option<RecordingStart>,
    /// All lines, each with its number, from 1.
    pub lines: Vec<(usize, Line<N>)>,
    /// The exchanges, in the order in which they begin.
    pub list: Vec<RecordedExchange>,
}

/// The kind of a line, whatever else is in the line.
#[derive(Deserialize)]
struct AnyLine {
    #[serde(default)]
    kind: Option<String>,
}

impl<N: Notes> Exchanges<N> {
    /// Reads the lines, and the exchanges in the lines. An empty text has neither.
    ///
    /// # Errors
    ///
    /// If a line is wrong, or in a wrong place: the first one. The error names the line and the field.
    pub fn read(text: &str, of: LinesOf) -> Result<Self, WrongLine> {
        let mut lines = Vec::new();
        let last = jsonl::lines(text).map(|(number, _)| number).last();
        for (number, line) in jsonl::lines(text) {
            // Looks at the kind of the first line before its keys: another kind of file has other keys.
            if lines.is_empty() {
                check_first(line, of).map_err(|problem| problem.at(number))?;
            }
            let read = Line::read(line).map_err(|problem| {
                // Recognises a broken line by the missing line end, which a recorder always writes.
                let is_broken_off = last == Some(number) && !text.ends_with('\n');
                if is_broken_off { problem.with_hint_if_no_json(&broken_off(lines.last())) } else { problem }.at(number)
            })?;
            lines.push((number, read));
        }
        Self::of(lines)
    }

    /// Returns the exchanges in numbered lines.
    ///
    /// # Errors
    ///
    /// If a line is in a wrong place: the first one. The error names the line and the field.
    pub fn of(lines: Vec<(usize, Line<N>)>) -> Result<Self, WrongLine> {
        let mut division = Division::default();
        for (at, (number, line)) in lines.iter().enumerate() {
            division.take_in(at, line).map_err(|problem| problem.at(*number))?;
        }
        let Division { start, list, .. } = division;
        // Looks for missing ends last: a file cut off between two lines has only good lines.
        for exchange in &list {
            let (number, last) = &lines[exchange.last()];
            exchange.check_end(last.exchange).map_err(|problem| problem.at(*number))?;
        }
        // Compares the framing for a single exchange: the first line may tell the framing of another exchange.
        if let (Some(framing), [only]) = (start.as_ref().and_then(|start| start.framing), list.as_slice()) {
            for (number, line) in only.response.iter().map(|at| &lines[*at]) {
                if let Fact::Head(head) = &line.fact {
                    only.check_framing(head, framing).map_err(|problem| problem.at(*number))?;
                }
            }
        }
        Ok(Self { start, lines, list })
    }
}

/// Returns what to do about a last line that breaks off, behind this line.
fn broken_off<N>(before: Option<&(usize, Line<N>)>) -> String {
    // Proposes no end behind an end, or behind the first line, where no exchange is known to be under way.
    let under_way = before.filter(|(_, line)| !matches!(line.fact, Fact::Recording(_) | Fact::End(_)));
    let advice = under_way.map_or_else(
        || "delete it".to_owned(),
        |(_, line)| {
            format!("put the end of the exchange in its place, such as {}", closing_line(line.t_ms, line.exchange))
        },
    );
    format!("; the last line is incomplete, as when the recorder was killed: {advice}, or record again")
}

/// Checks that the first line begins a recording, or another file of such lines.
fn check_first(line: &str, of: LinesOf) -> Result<(), Problem> {
    let expected = |got: &dyn Display| {
        Problem::line(format_args!(
            "a recording, which begins with {{\"kind\":\"recording\",…}}, got {got}; onbeat record makes one"
        ))
    };
    match (jsonl::read::<AnyLine>(line)?.kind.as_deref(), of) {
        (Some("log"), _) => Err(expected(&"the log of a served world, which onbeat replay --log plays")),
        (Some("recording"), _) | (Some(_), LinesOf::RecordingOrReplay) => Ok(()),
        (Some(kind), LinesOf::Recording) => Err(expected(&format_args!("a line of kind {kind:?}"))),
        (None, _) => Err(expected(&"another object")),
    }
}

/// Divides lines into exchanges.
#[derive(Default)]
struct Division {
    start: Option<RecordingStart>,
    list: Vec<RecordedExchange>,
    /// The last exchange of each connection and request.
    last: BTreeMap<(Option<u64>, Option<u32>), usize>,
    /// The time of the line before.
    above_ms: u64,
}

impl Division {
    /// Takes in the next line, which has this place among all lines.
    fn take_in<N>(&mut self, at: usize, line: &Line<N>) -> Result<(), Problem> {
        if let Fact::Recording(start) = &line.fact {
            return self.begin(at, start);
        }
        self.check_kind(&line.fact)?;
        // Takes lines with the same ordinals, or all lines without ordinals, for lines of one exchange.
        let Exchange { connection, request } = line.exchange;
        let known = self.last.get(&(connection, request)).copied();
        let goes_on = |known: &usize| self.start.is_some() || !self.list[*known].is_followed_by(&line.fact);
        let number = if let Some(known) = known.filter(goes_on) {
            // Checks the order before the time: the time of a line in a wrong place is wrong as well.
            self.list[known].check_order(&line.fact)?;
            known
        } else {
            self.check_beginning(&line.fact)?;
            self.list.push(RecordedExchange::begun_at(at));
            self.last.insert((connection, request), self.list.len() - 1);
            self.list.len() - 1
        };
        let exchange = &mut self.list[number];
        // Compares the times of a replay, or of a fixture, within an exchange alone: each exchange begins anew.
        let above_ms = if self.start.is_some() { self.above_ms } else { exchange.last_ms() };
        exchange.take_in(at, line.t_ms, &line.fact, above_ms)?;
        self.above_ms = line.t_ms;
        Ok(())
    }

    /// Checks that an exchange may begin with such a line.
    fn check_beginning(&self, fact: &Fact) -> Result<(), Problem> {
        match fact {
            Fact::Request(_) | Fact::RawRequest(_) => Ok(()),
            Fact::Head(_) if self.start.is_none() => Ok(()),
            Fact::Write(_) if self.start.is_none() => Err(Problem::line("the head before the first write")),
            other => {
                let expected = format_args!("the line of the request before, got a line of kind {}", other.kind());
                Err(Problem::line(expected))
            }
        }
    }

    /// Begins the recording.
    fn begin(&mut self, at: usize, start: &RecordingStart) -> Result<(), Problem> {
        if at > 0 {
            return Err(Problem::line("a recording alone, got the beginning of another one"));
        }
        let expected = format_args!("{FORMAT}, got {}: another version of onbeat wrote the file", start.format);
        jsonl::ensure(start.format == FORMAT, "format", expected)?;
        self.start = Some(start.clone());
        Ok(())
    }

    /// Checks that a line of this kind may come at all.
    fn check_kind(&self, fact: &Fact) -> Result<(), Problem> {
        match fact {
            Fact::RawRequest(_) | Fact::Head(_) | Fact::Write(_) | Fact::End(_) => Ok(()),
            // Takes in what a replay and a fixture tell beside: writes make the events, and the end follows a leaving client.
            Fact::Request(_) | Fact::Event(_) | Fact::Leave(_) if self.start.is_none() => Ok(()),
            other => {
                let expected = "request (with a text), head, write or end";
                Err(Problem::field("kind", format_args!("{expected}, got {}", other.kind())))
            }
        }
    }
}

#[cfg(test)]
mod tests;
