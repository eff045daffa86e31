//! The contract: a recording, read as what a server has to do.

use std::collections::BTreeMap;

use onbeat_wire::jsonl::Problem;
use onbeat_wire::recording::{ArrivalNotes, Exchanges, Fact, LinesOf, RecordedExchange, RecordingStart, Times, Vary};

use super::facts::ResponseFacts;
use super::own_rules::{WrongRule, wrong_rules};
use super::request::ReplayRequest;
use crate::judge::Loosening;
use crate::record::RecordedLine;

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

/// Returns the requests of recordings.
pub(super) fn requests(contracts: &[RecordingContract]) -> impl Iterator<Item = &ReplayRequest> {
    contracts.iter().flat_map(|contract| &contract.exchanges).map(|exchange| &exchange.request)
}

impl RecordingContract {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// If the text is no recording, or no server can be held against the recording. The error names the line and the field.
    pub fn read(name: &str, text: &str) -> Result<Self, String> {
        let recorded = Exchanges::read(text, LinesOf::Recording).map_err(|wrong| wrong.to_string());
        let contract = recorded.and_then(|recorded| Self::of(name, recorded)).and_then(|contract| {
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
        Self::of(name, Exchanges::of(lines).map_err(|wrong| wrong.to_string())?)
    }

    fn of(name: &str, recorded: Exchanges<ArrivalNotes>) -> Result<Self, String> {
        let Exchanges { start, lines, list } = recorded;
        let Some(start) = start else { return Err("expected a recording, got an empty file".into()) };
        let rules = Rules::of(&lines)?;
        let exchange = |recorded: RecordedExchange| ContractExchange::of(recorded, &start, &lines, &rules);
        let mut exchanges = list.into_iter().map(exchange).collect::<Result<Vec<_>, _>>()?;
        if exchanges.is_empty() {
            return Err("expected a line of kind request, got none: there is no request to send".into());
        }
        // Takes the framing from each head where a recording has several connections, and so several framings.
        for exchange in exchanges.iter_mut().filter(|exchange| exchange.connection.is_some()) {
            let (method, response) = (&exchange.request.method, &mut exchange.response);
            let of_head = response.head.as_ref().map(|head| head.head.framing(method));
            response.framing = response.framing.or(of_head);
        }
        let (at_ms, has_exact_times) = (start.at_ms, start.times == Some(Times::Exact));
        Ok(Self { name: name.to_owned(), lines, at_ms, has_exact_times, exchanges })
    }

    /// Returns whether there is a response, or at least an end by the server, to hold a server against. Requests without an
    /// answer may still belong to a folder of recordings: other clients may see the effect.
    pub(super) fn has_response(&self) -> bool {
        let is_told = |response: &ResponseFacts| response.head.is_some() || response.is_broken_off();
        self.exchanges.iter().any(|exchange| is_told(&exchange.response))
    }

    /// Returns the id of the case of a line.
    pub(super) fn case_id(&self, line: usize) -> String {
        format!("{}:{line}", self.name)
    }
}

impl ContractExchange {
    /// Returns an exchange of a recording that begins with `start`, with the rules of each line.
    fn of(
        recorded: RecordedExchange,
        start: &RecordingStart,
        lines: &[(usize, RecordedLine)],
        rules: &Rules,
    ) -> Result<Self, String> {
        let RecordedExchange { start_ms, request, first, response, .. } = recorded;
        let (line, begun) = (lines[first].0, &lines[first].1);
        // Begins with a request, as each exchange of a recording.
        let request = request.map(|request| ReplayRequest::of(request, begun.notes.body.as_ref()));
        let request = request.unwrap_or_else(|| Err(Problem::field("text", "the head of a request")));
        let request = request.map_err(|problem| problem.at(line).to_string())?;
        let mut facts = ResponseFacts { framing: start.framing, ..ResponseFacts::default() };
        for (number, line) in response.into_iter().map(|at| &lines[at]) {
            facts.add(*number, line, start_ms, rules.for_line(*number));
        }
        Ok(Self { start_ms, line, connection: begun.exchange.connection, request, response: facts })
    }
}

/// The rules of a recording, ready for use.
#[derive(Default)]
struct Rules {
    /// The rules of the first line, for all lines.
    wide: Vec<Loosening>,
    by_line: BTreeMap<usize, Vec<Loosening>>,
}

impl Rules {
    /// Returns the rules in these lines.
    fn of(lines: &[(usize, RecordedLine)]) -> Result<Self, String> {
        let mut rules = Self::default();
        for (number, line) in lines.iter().filter(|(_, line)| !line.notes.vary.is_empty()) {
            let own = compiled(&line.notes.vary).map_err(|problem| problem.at(*number).to_string())?;
            match line.fact {
                Fact::Recording(_) => rules.wide = own,
                _ => drop(rules.by_line.insert(*number, own)),
            }
        }
        Ok(rules)
    }

    /// Returns the rules for a line. The rules in the line come first: of two rules for a header or a field the first counts.
    fn for_line(&self, number: usize) -> Vec<Loosening> {
        self.by_line.get(&number).into_iter().flatten().chain(&self.wide).cloned().collect()
    }
}

fn compiled(vary: &[Vary]) -> Result<Vec<Loosening>, Problem> {
    let compiled = vary.iter().enumerate().map(|(index, vary)| {
        Loosening::compile(vary).map_err(|expected| Problem::field(format!("vary[{index}].pattern"), expected))
    });
    compiled.collect()
}
