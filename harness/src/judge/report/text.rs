//! The report for people at a terminal: a table, with the findings below each case.

use anstyle::{AnsiColor, Style};

use super::cut::Cut;
use super::{STALE, printable_report};
use crate::judge::{Finding, Jitter, Measured, Outcome, Report, Verdict};

/// How many findings of a case are shown in full.
const FINDINGS_SHOWN: usize = 3;
/// How many characters are shown before the first character that differs, and after.
const BEFORE_CHARS: usize = 40;
const AFTER_CHARS: usize = 79;
/// So many lines of a recording that hold share a row.
const FOLDED_MIN: usize = 4;
/// The length of a line of a hint.
const WIDTH_MAX: usize = 98;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTABLE: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Returns the report as a table: a row for each case, or for several lines of a recording that hold; and, by reason, the cases
/// that were not judged.
#[must_use]
pub fn render(report: &Report) -> String {
    let report = &printable_report(report);
    let mut text = format!("onbeat check: {}\n", report.target);
    if let Some(trouble) = &report.trouble {
        text += &format!("\n{BAD}The server could not be judged to the end:{BAD:#}\n  {trouble}\n");
        if report.is_empty() {
            return text;
        }
    }
    // Leaves the hint out where all failures are known.
    let hint = report.hint.as_ref().filter(|_| report.count(Outcome::Fail) > 0);
    if let Some(hint) = hint {
        text += &format!("\n{BAD}What is most likely wrong:{BAD:#}\n{}", wrapped(&hint.text));
    }
    // Leaves out the findings where a hint explains all failures: findings would only bury the hint.
    let follows = hint.filter(|hint| hint.explains_all);
    let judged = report.verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Skipped);
    let width = judged.map(|verdict| verdict.id.len()).max().unwrap_or_default();
    for (_, verdicts) in report.parts() {
        let rows = verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Skipped);
        let rows: Vec<&Verdict> = rows.copied().collect();
        let rows: String = match report.by {
            Measured::Fixtures => rows.iter().map(|verdict| row(verdict, width, follows.is_none())).collect(),
            Measured::Recordings => folded_rows(&rows, width, follows.is_none()),
        };
        // Separates the parts of the contract by blank lines.
        text.extend(["\n", &rows].into_iter().filter(|_| !rows.is_empty()));
    }
    if follows.is_some() {
        text += "\nWhat stands against each case is left out here, since it may follow from the above: \
                 see --format jsonl, --junit or --html.\n";
    }
    text += &unreached(report);
    text + "\n" + &summary(report)
}

/// Returns a text in lines that fit a terminal, indented.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.chars().count() + word.chars().count() >= WIDTH_MAX {
            lines.push(word.to_owned());
        } else {
            line.extend([if line.is_empty() { "" } else { " " }, word]);
        }
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

/// Returns the rows of the lines of a recording, where lines that hold share a row.
fn folded_rows(verdicts: &[&Verdict], width: usize, in_full: bool) -> String {
    let holds = |verdict: &Verdict| verdict.outcome == Outcome::Pass;
    let runs = verdicts.chunk_by(|a, b| holds(a) && holds(b));
    let rows = runs.map(|run| match run {
        [first, .., last] if run.len() >= FOLDED_MIN => {
            let (_, line) = last.part_and_name();
            let ids = format!("{}…{line}", first.id);
            format!("{GOOD}{:>8}{GOOD:#}  {ids:width$}  {DIM}{} lines{DIM:#}\n", "pass", run.len())
        }
        _ => run.iter().map(|verdict| row(verdict, width, in_full)).collect(),
    });
    rows.collect()
}

fn row(verdict: &Verdict, width: usize, in_full: bool) -> String {
    let (style, word) = match verdict.outcome {
        Outcome::Pass => (GOOD, "pass"),
        Outcome::Fail => (BAD, "FAIL"),
        Outcome::KnownFailure => (NOTABLE, "known"),
        Outcome::Stale => (BAD, "STALE"),
        Outcome::Observed => (NOTABLE, "observed"),
        Outcome::Skipped => (DIM, "skipped"),
    };
    let id = &verdict.id;
    let late = verdict.late_ms.filter(|jitter| jitter.max > 0.0).map(jitter).unwrap_or_default();
    let mut text = format!("{style}{word:>8}{style:#}  {id:width$}  {DIM}{}{late}{DIM:#}\n", verdict.clause);
    if verdict.outcome == Outcome::Stale {
        text += &format!("{:10}{STALE}\n", "");
    }
    if !in_full {
        return text;
    }
    for finding in verdict.findings.iter().take(FINDINGS_SHOWN) {
        text += &finding_lines(finding);
    }
    let more = verdict.found.saturating_sub(FINDINGS_SHOWN);
    if more > 0 {
        text += &format!("{:10}and {more} more\n", "");
    }
    text
}

fn jitter(Jitter { p50, p99, max }: Jitter) -> String {
    format!("  (late: p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms)")
}

fn finding_lines(finding: &Finding) -> String {
    let Finding { place, t_ms, expected, actual, why, .. } = finding;
    let when = t_ms.map(|ms| format!(", at {ms:.0} ms")).unwrap_or_default();
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let [expected, actual] = [expected, actual].map(String::as_str);
    let [expected_from, actual_from] = finding.shown_from();
    let cut = |text, from| Cut::new(text, from, BEFORE_CHARS, AFTER_CHARS);
    let mut text = format!("{:10}{place}{when}{why}\n", "");
    text += &format!("{:12}expected  {}\n", "", cut(expected, expected_from));
    text += &format!("{:12}actual    {}\n", "", cut(actual, actual_from));
    if let Some(byte) = finding.first_differing_byte {
        text += &format!("{:12}they differ from byte {byte} on\n", "");
    }
    text
}

/// Returns the cases that could not be judged, with the reasons.
fn unreached(report: &Report) -> String {
    // Keeps the reasons in the order of the first case of each: the order of the contract.
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for verdict in &report.verdicts {
        let Some(reason) = verdict.reason.as_deref() else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, ids)) => ids.push(&verdict.id),
            None => reasons.push((reason, vec![&verdict.id])),
        }
    }
    let lines = reasons.iter().map(|(reason, ids)| match &ids[..] {
        few if few.len() <= 3 => format!("\n{DIM} skipped  {}: {reason}{DIM:#}\n", few.join(", ")),
        [first, .., last] => format!("\n{DIM} skipped  {} cases, {first} to {last}: {reason}{DIM:#}\n", ids.len()),
        _ => String::new(),
    });
    lines.collect()
}

fn summary(report: &Report) -> String {
    let count = |outcome| report.count(outcome);
    let style = if report.conforms() { GOOD } else { BAD };
    let listed = match (count(Outcome::KnownFailure), count(Outcome::Stale)) {
        (0, 0) => String::new(),
        (known, stale) => format!(", {known} fail as listed, {stale} hold though listed"),
    };
    format!(
        "{style}{}{style:#}: {} required cases hold, {} fail{listed}; {} differ as they may; {} were skipped\n",
        report.headline(),
        report.held(),
        count(Outcome::Fail),
        count(Outcome::Observed),
        count(Outcome::Skipped)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_fits_a_terminal() {
        let text = wrapped(&"word ".repeat(60));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.starts_with("  word") && line.len() <= 100));
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
