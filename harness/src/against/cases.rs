//! The cases: each line of the response in a recording is one.

use onbeat_wire::Head;
use onbeat_wire::printable::visible;

use super::contract::RecordingContract;
use super::facts::WriteFact;
use crate::judge::{Aspect, Case, Selection, Tier, first_difference};

/// The number of characters shown of a write.
const TEXT_CHARS_MAX: usize = 60;
/// The number of characters shown of what a write has in common with the write before.
const COMMON_CHARS_SHOWN: usize = 14;
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

/// Returns the cases of each recording, out of the cases of all.
pub(super) fn by_recording<'c>(mut cases: &'c [Case], contracts: &[RecordingContract]) -> Vec<&'c [Case]> {
    let of_contract = |contract: &RecordingContract| {
        let responses = contract.exchanges.iter().map(|exchange| &exchange.response);
        let lines = responses.map(|response| {
            usize::from(response.head.is_some()) + response.writes.len() + usize::from(response.end.is_some())
        });
        let (of_contract, rest) = cases.split_at(lines.sum());
        cases = rest;
        of_contract
    };
    contracts.iter().map(of_contract).collect()
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
        let before = [None].into_iter().chain(response.writes.iter().map(Some));
        let writes = (1..).zip(&response.writes).zip(before);
        clauses.extend(writes.map(|((number, write), before)| (write.line, write_clause(number, write, before))));
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

fn write_clause(number: usize, write: &WriteFact, before: Option<&WriteFact>) -> String {
    // Begins shortly before the first byte in which a long write differs from the write before: many events begin alike.
    let same = before.and_then(|before| first_difference(&before.bytes, &write.bytes)).unwrap_or_default();
    let differs_late = same + COMMON_CHARS_SHOWN > TEXT_CHARS_MAX && write.bytes.len() > TEXT_CHARS_MAX;
    let start = if differs_late { same - same.min(COMMON_CHARS_SHOWN) } else { 0 };
    // Begins with a whole character: a byte within a character begins with the bits 10.
    let start = start + write.bytes[start..].iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
    // Cuts the bytes before printing: a character of UTF-8 has 4 bytes at most.
    let bytes = &write.bytes[start..];
    let text = visible(&bytes[..bytes.len().min(4 * TEXT_CHARS_MAX)]);
    let shown: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let less = if start > 0 { "…" } else { "" };
    let more = if shown.len() < text.len() || bytes.len() > 4 * TEXT_CHARS_MAX { "…" } else { "" };
    let may = if write.may { ", which may come" } else { "" };
    format!("write {number}{may}: {less}{shown}{more}")
}

#[cfg(test)]
mod tests {
    use super::super::facts::ByteTimes;
    use super::*;

    fn write(text: &str) -> WriteFact {
        let bytes = text.as_bytes().to_vec().into();
        WriteFact { line: 1, times: ByteTimes::default(), bytes, vary: Vec::new(), may: false }
    }

    #[test]
    fn a_write_is_told_by_what_the_write_before_has_not() {
        let token = |text: &str| write(&format!("data: {{\"id\":\"{}\",\"text\":\"{text}\"}}\n\n", "é".repeat(40)));
        let clause = write_clause(2, &token("two"), Some(&token("one")));
        assert_eq!(clause, "write 2: …éé\",\"text\":\"two\"}⏎⏎");
        assert_eq!(write_clause(1, &write("data: 1\n\n"), None), "write 1: data: 1⏎⏎");
        assert_eq!(write_clause(2, &write("data: 2\n\n"), Some(&write("data: 1\n\n"))), "write 2: data: 2⏎⏎");
        let clause = write_clause(3, &write(&"x".repeat(99)), Some(&write("")));
        assert_eq!(clause, format!("write 3: {}…", "x".repeat(TEXT_CHARS_MAX)));
        let clause = write_clause(4, &write(&"😀".repeat(TEXT_CHARS_MAX + 1)), None);
        assert_eq!(clause, format!("write 4: {}…", "😀".repeat(TEXT_CHARS_MAX)));
    }

    #[test]
    fn the_cases_of_all_recordings_are_divided_by_recording() {
        let recording = |name: &str, writes: usize| {
            let mut lines = vec![
                r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/","framing":"chunked"}"#,
                r#"{"t_ms":0,"kind":"request","text":"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}"#,
                r#"{"t_ms":5,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]]}"#,
            ];
            lines.extend(vec![r#"{"t_ms":9,"kind":"write","text":"data: 1\n\n"}"#; writes]);
            lines.push(r#"{"t_ms":9,"kind":"end","how":"complete"}"#);
            RecordingContract::read(name, &(lines.join("\n") + "\n")).expect("a recording")
        };
        let contracts = [recording("a.jsonl", 2), recording("b.jsonl", 0), recording("c.jsonl", 1)];
        let cases = cases(&contracts);
        let divided = by_recording(&cases, &contracts);
        for (contract, (cases, count)) in contracts.iter().zip(divided.into_iter().zip([4, 2, 3])) {
            assert_eq!(cases.len(), count, "{}", contract.name);
            assert!(cases.iter().all(|case| case.id.starts_with(&contract.name)));
        }
    }
}
