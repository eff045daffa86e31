//! The cases: each line of the response in a recording is one.

use onbeat_wire::Head;
use onbeat_wire::printable::visible;

use super::contract::RecordingContract;
use super::facts::WriteFact;
use crate::judge::{Aspect, Case, Selection, Tier};

/// The number of characters shown of a write.
const TEXT_CHARS_MAX: usize = 60;
/// A line of a recording can be wrong in each of these.
const ASPECTS: [Aspect; 9] = [
    Aspect::Status,
    Aspect::Header,
    Aspect::Bytes,
    Aspect::Presence,
    Aspect::Order,
    Aspect::Time,
    Aspect::Period,
    Aspect::Framing,
    Aspect::End,
];

/// Returns the cases of recordings, in order.
pub(super) fn cases(contracts: &[RecordingContract]) -> Vec<Case> {
    contracts.iter().flat_map(cases_of).collect()
}

/// Returns the ids of the cases of recordings, in order.
#[must_use]
pub fn recording_case_ids(contracts: &[RecordingContract]) -> Vec<String> {
    cases(contracts).into_iter().map(|case| case.id).collect()
}

impl RecordingContract {
    /// Returns whether a line of the recording is selected.
    pub(super) fn is_selected(&self, selection: &Selection) -> bool {
        selection.has_any(&recording_case_ids(std::slice::from_ref(self)))
    }
}

fn cases_of(contract: &RecordingContract) -> Vec<Case> {
    let mut clauses: Vec<(usize, String)> = Vec::new();
    for exchange in &contract.exchanges {
        let response = &exchange.response;
        clauses.extend(response.head.as_ref().map(|head| (head.line, head_clause(&head.head))));
        let writes = (1..).zip(&response.writes);
        clauses.extend(writes.map(|(number, write)| (write.line, write_clause(number, write))));
        clauses.extend(response.end.map(|end| (end.line, format!("end: {} after {} ms", end.how, end.at_ms))));
    }
    // Sorts by line, since the lines of several connections alternate in a recording.
    clauses.sort_by_key(|(line, _)| *line);
    let case = |(line, clause)| Case {
        id: contract.case_id(line),
        tier: Tier::Required,
        checks: ASPECTS.to_vec(),
        header: None,
        hop_by_hop: false,
        clause,
    };
    clauses.into_iter().map(case).collect()
}

fn head_clause(head: &Head) -> String {
    let kind = head.header("content-type").map(|kind| format!(" {kind}")).unwrap_or_default();
    format!("head: {}{kind}", head.status)
}

fn write_clause(number: usize, write: &WriteFact) -> String {
    // Cuts the bytes before printing: a character of UTF-8 has 4 bytes at most.
    let text = visible(&write.bytes[..write.bytes.len().min(4 * TEXT_CHARS_MAX)]);
    let shown: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    let may = if write.may { ", which may come" } else { "" };
    format!("write {number}{may}: {shown}{more}")
}
