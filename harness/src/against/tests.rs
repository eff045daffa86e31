//! Recordings and what came, compared without any socket.

mod accepting;
mod bodies;
#[cfg(feature = "live")]
mod doubts;
mod hints;
mod ids;
mod lengths;
mod mutations;
mod reasons;
#[cfg(feature = "live")]
mod right_servers;
mod scaled;
mod timers;
mod wrong_recordings;

use std::num::NonZeroU32;
use std::time::Duration;

use onbeat_wire::Instant;
use onbeat_wire::recording::Fact;
use serde_json::{Value, json};

use super::body::Measure;
use super::cases::cases;
use super::compare::{CompareRules, Comparison, compare};
use super::contract::RecordingContract;
use super::facts::{ResponseFacts, SeenResponse};
use super::times::TimeRules;
use crate::judge::{Case, Stalls};
use crate::record::RecordedLine;

/// A response: a head, writes with times, and an end. Line 1 begins the recording, line 2 is the request, line 3 the head.
#[derive(Clone, Debug)]
struct MadeUpResponse {
    content_type: &'static str,
    framing: &'static str,
    /// Texts with times, and the notes of the lines.
    writes: Vec<(u64, String, Value)>,
    end: (u64, &'static str),
    /// Notes of the first line.
    wide: Value,
}

/// The line of the first write.
const FIRST_WRITE: usize = 4;

impl MadeUpResponse {
    fn new(content_type: &'static str, writes: &[(u64, &str)]) -> Self {
        let end_ms = writes.last().map_or(10, |write| write.0 + 10);
        Self {
            content_type,
            framing: "chunked",
            writes: writes.iter().map(|(ms, text)| (*ms, (*text).to_owned(), json!({}))).collect(),
            end: (end_ms, "complete"),
            wide: json!({}),
        }
    }

    fn events(writes: &[(u64, &str)]) -> Self {
        Self::new("text/event-stream", writes)
    }

    /// Returns the response with notes on a write, from 0.
    fn with(mut self, write: usize, notes: Value) -> Self {
        self.writes[write].2 = notes;
        self
    }

    fn text(&self) -> String {
        let with = |mut line: Value, notes: &Value| {
            let (Some(keys), Some(notes)) = (line.as_object_mut(), notes.as_object()) else { return line };
            keys.extend(notes.clone());
            line
        };
        let start =
            json!({"kind": "recording", "format": 1, "onbeat": "0.2.0", "from": "http://a/", "framing": self.framing});
        let head = json!({"t_ms": 5, "kind": "head", "status": 200, "headers": [["content-type", self.content_type]]});
        let mut lines = vec![
            with(start, &self.wide),
            json!({"t_ms": 0, "kind": "request", "text": "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}),
            head,
        ];
        let write = |(t_ms, text, notes): &(u64, String, Value)| {
            with(json!({"t_ms": t_ms, "kind": "write", "text": text}), notes)
        };
        lines.extend(self.writes.iter().map(write));
        lines.push(json!({"t_ms": self.end.0, "kind": "end", "how": self.end.1}));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn contract(&self) -> RecordingContract {
        RecordingContract::read("a.jsonl", &self.text()).unwrap_or_else(|why| panic!("{why}"))
    }

    fn lines(&self) -> Vec<RecordedLine> {
        let lines = self.text().lines().map(|line| RecordedLine::read(line).expect(line)).collect::<Vec<_>>();
        assert!(matches!(lines[0].fact, Fact::Recording(_)));
        lines
    }

    fn seen(&self) -> SeenResponse {
        SeenResponse { facts: ResponseFacts::of(&self.lines()), began: Instant::EPOCH, trouble: None }
    }
}

const fn rules(measure: Measure) -> CompareRules {
    let times = TimeRules { tolerance: Duration::from_millis(250), scale: NonZeroU32::MIN.get() };
    CompareRules { measure, behind_proxy: false, times, in_lab: false }
}

fn compared<'c>(
    cases: &'c [Case],
    contract: &RecordingContract,
    came: &MadeUpResponse,
    rules: &CompareRules,
) -> Comparison<'c> {
    let watched_ms = contract.exchanges[0].response.length_ms() + 500;
    compare(cases, (contract, &contract.exchanges[0]), (&came.seen(), watched_ms), rules, &Stalls::default())
}

/// Returns the lines that fail, with the first finding of each.
fn failing(recorded: &MadeUpResponse, came: &MadeUpResponse, measure: Measure) -> Vec<(usize, String)> {
    failing_by(recorded, came, &rules(measure))
}

fn failing_by(recorded: &MadeUpResponse, came: &MadeUpResponse, rules: &CompareRules) -> Vec<(usize, String)> {
    let contract = recorded.contract();
    let cases = cases(std::slice::from_ref(&contract));
    let evidence = compared(&cases, &contract, came, rules).evidence;
    let ids = cases.iter().map(|case| &case.id);
    let failing = ids.filter_map(|id| {
        let (_, line) = id.rsplit_once(':')?;
        let finding = evidence.record(id).findings.first()?.clone();
        Some((line.parse().expect("a number"), finding.why))
    });
    failing.collect()
}

fn lines(failing: &[(usize, String)]) -> Vec<usize> {
    failing.iter().map(|(line, _)| *line).collect()
}
