//! For programs: one object a case, one a line.

use crate::check::Report;

/// The verdicts, each with its findings.
///
/// # Panics
///
/// Never: a verdict is plain data.
#[must_use]
pub fn render(report: &Report) -> String {
    let line = |verdict| serde_json::to_string(verdict).expect("a verdict is plain data") + "\n";
    report.verdicts.iter().map(line).collect()
}
