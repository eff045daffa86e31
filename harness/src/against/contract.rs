//! The contract: a recording, read as what a server has to do.

use std::collections::BTreeMap;
use std::fmt::Display;

use onbeat_wire::TIME_MS_MAX;
use onbeat_wire::jsonl::{self, Problem};
use onbeat_wire::recording::{FORMAT, Fact, Times, Vary, missing_end};
use serde::Deserialize;

use super::facts::ResponseFacts;
use super::own_rules::{WrongRule, wrong_rules};
use super::request::ReplayRequest;
use crate::judge::Loosening;
use crate::record::{RecordedLine, framing_of};

/// A recording that a server is held against.
#[derive(Clone, Debug)]
pub struct RecordingContract {
    /// The name of the file, without folders.
    pub(super) name: String,
    pub(super) lines: Vec<(usize, RecordedLine)>,
    /// When the first request began, on the timeline of the proxy that recorded.
    pub(super) at_ms: Option<u64>,
    /// Whether the recording was made in virtual time.
    pub(super) has_exact_times: bool,
    pub(super) exchanges: Vec<ContractExchange>,
}

/// One exchange of a recording.
#[derive(Clone, Debug)]
pub(super) struct ContractExchange {
    /// When the request begins, in milliseconds since the beginning of the recording.
    pub(super) start_ms: u64,
    /// The number of the line of the request.
    pub(super) line: usize,
    /// The connection; nothing in a recording of one exchange.
    pub(super) connection: Option<u64>,
    pub(super) request: ReplayRequest,
    pub(super) response: ResponseFacts,
}

/// The kind of a line, whatever else is in the line.
#[derive(Deserialize)]
struct AnyLine {
    #[serde(default)]
    kind: Option<String>,
}

impl RecordingContract {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// If the text is no recording, or no server can be held against the recording. The error names the line and the field.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let contract = read_lines(text).and_then(|lines| Self::new(name, lines)).and_then(|contract| {
            // Tells the first wrong rule alone, as for all mistakes.
            let wrong = contract.wrong_rules().into_iter().next();
            wrong.map_or(Ok(contract), |rule| Err(rule.problem.at(rule.line).to_string()))
        });
        contract.map_err(|why| format!("failed to read {name}: {why}"))
    }

    /// Returns the rules that the recorded values break already.
    pub(super) fn wrong_rules(&self) -> Vec<WrongRule> {
        let responses: Vec<&ResponseFacts> = self.exchanges.iter().map(|exchange| &exchange.response).collect();
        wrong_rules(&self.lines, &responses)
    }

    /// Returns the contract of numbered lines, whose rules may be wrong.
    ///
    /// # Errors
    ///
    /// If no server can be held against the recording. The error names the line and the field.
    pub(super) fn new(name: &str, lines: Vec<(usize, RecordedLine)>) -> Result<Self, String> {
        let Some((_, Fact::Recording(start))) = lines.first().map(|(number, line)| (number, &line.fact)) else {
            return Err("expected a recording, got an empty file".into());
        };
        let (framing, at_ms, has_exact_times) = (start.framing, start.at_ms, start.times == Some(Times::Exact));
        let mut wide = Vec::new();
        let mut exchanges: Vec<ContractExchange> = Vec::new();
        let mut at_by_key = BTreeMap::new();
        let mut last_ms = 0;
        for (number, line) in &lines {
            let at = |problem: Problem| problem.at(*number).to_string();
            let own = compiled(&line.notes.vary).map_err(at)?;
            if let Fact::Recording(_) = line.fact {
                // Keeps `vary` of the first line for all lines of the recording.
                wide = own;
                continue;
            }
            let above_ms = std::mem::replace(&mut last_ms, line.t_ms);
            let key = (line.exchange.connection, line.exchange.request);
            if let Fact::RawRequest(request) = &line.fact {
                check_times(line, above_ms).map_err(at)?;
                let request = ReplayRequest::read(&request.text, line.notes.body.as_ref()).map_err(at)?;
                let response = ResponseFacts { framing, ..ResponseFacts::default() };
                if at_by_key.insert(key, exchanges.len()).is_some() {
                    return Err(at(Problem::line("one request for each exchange, got a second one")));
                }
                exchanges.push(ContractExchange {
                    start_ms: line.t_ms,
                    line: *number,
                    connection: key.0,
                    request,
                    response,
                });
                continue;
            }
            let Some(exchange) = at_by_key.get(&key).and_then(|at| exchanges.get_mut(*at)) else {
                let kind = line.fact.kind();
                return Err(at(Problem::line(format_args!(
                    "the line of the request before, got a line of kind {kind}"
                ))));
            };
            // Checks the order first: the time of a line in the wrong place is wrong as well.
            check_order(&exchange.response, line).map_err(at)?;
            check_times(line, above_ms).map_err(at)?;
            // Puts the rules of the line first: of two rules for a header or a field the first counts.
            let vary = own.into_iter().chain(wide.clone()).collect();
            exchange.response.add(*number, line, exchange.start_ms, vary);
        }
        let broken_off = exchanges.iter().find_map(|one| Some((one.start_ms, one.response.breaks_off_at()?)));
        if let Some((start_ms, (line, at_ms))) = broken_off {
            return Err(missing_end(start_ms + at_ms).at(line).to_string());
        }
        if exchanges.is_empty() {
            return Err("expected a line of kind request, got none: there is no request to send".into());
        }
        // Accepts requests without an answer beside requests with an answer: other clients may see the effect.
        if exchanges.iter().all(|exchange| exchange.response.head.is_none()) {
            return Err("expected a line of kind head, got none: there is no response to hold a server against".into());
        }
        // Takes the framing from each head where a recording has several connections, and so several framings.
        for exchange in exchanges.iter_mut().filter(|exchange| exchange.connection.is_some()) {
            let (method, response) = (&exchange.request.method, &mut exchange.response);
            let of_head = response.head.as_ref().map(|head| framing_of(method, &head.head));
            response.framing = response.framing.or(of_head);
        }
        Ok(Self { name: name.to_owned(), lines, at_ms, has_exact_times, exchanges })
    }

    /// Returns the id of the case of a line.
    pub(super) fn case_id(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }
}

/// Reads the lines, of which the first has to begin a recording.
fn read_lines(text: &str) -> Result<Vec<(usize, RecordedLine)>, String> {
    let mut lines = Vec::new();
    let last = jsonl::lines(text).map(|(number, _)| number).last();
    for (number, line) in jsonl::lines(text) {
        let at = |problem: Problem| problem.at(number).to_string();
        if lines.is_empty() {
            check_first(line).map_err(at)?;
        }
        let read = RecordedLine::read(line).map_err(|problem| {
            // Recognises a broken line by the missing line end, which a recorder always writes.
            let is_broken_off = last == Some(number) && !text.ends_with('\n');
            let hint = if is_broken_off {
                "; the last line is incomplete, as when the recorder was killed: put the end of the exchange in its place, such as \
                 {\"t_ms\":9000,\"kind\":\"end\",\"how\":\"closed\"}, or record again"
            } else {
                ""
            };
            format!("{}{hint}", at(problem))
        })?;
        check_fact(&read, lines.is_empty()).map_err(at)?;
        lines.push((number, read));
    }
    Ok(lines)
}

/// Checks that the first line begins a recording, and no other file of lines.
fn check_first(line: &str) -> Result<(), Problem> {
    let expected = |got: &dyn Display| {
        Problem::line(format_args!(
            "a recording, which begins with {{\"kind\":\"recording\",…}}, got {got}; \
                                    onbeat record makes one"
        ))
    };
    match jsonl::read::<AnyLine>(line)?.kind.as_deref() {
        Some("recording") => Ok(()),
        Some("log") => Err(expected(&"the log of a served world")),
        Some(kind) => Err(expected(&format_args!("a line of kind {kind:?}"))),
        None => Err(expected(&"another object")),
    }
}

/// Checks whether a recording that a server is held against has such a line.
fn check_fact(line: &RecordedLine, is_first: bool) -> Result<(), Problem> {
    match &line.fact {
        Fact::Recording(_) if !is_first => Err(Problem::line("a recording alone, got the beginning of another one")),
        Fact::Recording(start) => jsonl::ensure(
            start.format == FORMAT,
            "format",
            format_args!("{FORMAT}, got {}: another version of onbeat wrote the file", start.format),
        ),
        Fact::Head(head) => jsonl::within("status", head.status.into(), 100..=999),
        Fact::RawRequest(_) | Fact::Write(_) | Fact::End(_) => Ok(()),
        fact => {
            Err(Problem::field("kind", format_args!("request (with a text), head, write or end, got {}", fact.kind())))
        }
    }
}

/// Checks whether a line may follow the lines before.
fn check_order(response: &ResponseFacts, line: &RecordedLine) -> Result<(), Problem> {
    let kind = line.fact.kind();
    if response.end.is_some() {
        return Err(Problem::line(format_args!(
            "nothing behind the end, got a line of kind {kind}: delete the line, or move it before the end"
        )));
    }
    match (&line.fact, &response.head) {
        (Fact::Head(_), Some(_)) => Err(Problem::line("one head, got a second one")),
        (Fact::Write(_), None) => Err(Problem::line("the head before the first write")),
        _ => Ok(()),
    }
}

/// Checks that a line does not come before the line above, and that the last byte does not come before the first.
fn check_times(line: &RecordedLine, above_ms: u64) -> Result<(), Problem> {
    jsonl::within("t_ms", line.t_ms, above_ms..=TIME_MS_MAX)?;
    let (first_ms, last_ms) = (line.notes.first_ms.unwrap_or(line.t_ms), line.t_ms);
    let expected = format_args!("at most {last_ms}, the t_ms of the last byte, got {first_ms}");
    jsonl::ensure(first_ms <= last_ms, "first_ms", expected)
}

fn compiled(vary: &[Vary]) -> Result<Vec<Loosening>, Problem> {
    let compiled = vary.iter().enumerate().map(|(index, vary)| {
        Loosening::compile(vary).map_err(|expected| Problem::field(format!("vary[{index}].pattern"), expected))
    });
    compiled.collect()
}
