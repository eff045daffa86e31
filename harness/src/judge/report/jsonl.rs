//! The report for programs: a line for each case, with a JSON object.

use onbeat_wire::printable::to_json;

use super::printable_report;
use crate::judge::Report;

/// Returns the verdicts, each with the findings.
///
/// # Panics
///
/// Never: a verdict is plain data.
#[must_use]
pub fn render(report: &Report) -> String {
    printable_report(report).verdicts.iter().map(|verdict| to_json(verdict) + "\n").collect()
}
