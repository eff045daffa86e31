//! For programs: one object a case, one a line.

use super::printable_report;
use crate::check::Report;
use crate::printable::to_json;

/// The verdicts, each with its findings.
///
/// # Panics
///
/// Never: a verdict is plain data.
#[must_use]
pub fn render(report: &Report) -> String {
    printable_report(report).verdicts.iter().map(|verdict| to_json(verdict) + "\n").collect()
}
