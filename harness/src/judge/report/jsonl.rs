//! For programs: one object a case, one a line.

use onbeat_wire::printable::to_json;

use super::printable_report;
use crate::judge::Report;

/// The verdicts, each with its findings.
///
/// # Panics
///
/// Never: a verdict is plain data.
#[must_use]
pub fn render(report: &Report) -> String {
    printable_report(report).verdicts.iter().map(|verdict| to_json(verdict) + "\n").collect()
}
