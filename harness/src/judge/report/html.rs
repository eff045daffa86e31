//! The report for a browser: a page without further files, with a drawing of every stream.
//!
//! Plain structs have the text of the page; `templates/report.html` has the looks. The page has no script, and can be opened
//! from anywhere, mailed, and printed.

mod drawing;
mod found;
mod pairs;

use askama::Template;

use self::drawing::Drawing;
use self::found::Found;
use self::pairs::FAR_MS;
use super::{STALE, printable_report};
use crate::judge::{Measured, Outcome, Report, Verdict};

/// How many findings of a case are shown at once; further findings are a click away.
const FINDINGS_SHOWN: usize = 3;

/// Returns the page.
///
/// # Panics
///
/// Never: a page is written to memory, which takes it.
#[must_use]
pub fn render(report: &Report) -> String {
    Page::new(&printable_report(report)).render().expect("memory takes a page")
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    headline: String,
    headline_class: &'static str,
    /// How many required cases hold.
    held: usize,
    failures: Vec<CaseRow<'a>>,
    drawings: Vec<Drawing<'a>>,
    parts: Vec<Part<'a>>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report) -> Self {
        let failed = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail);
        // Marks a server that conforms with exceptions as notable, and not as good.
        let headline_class = match report.conforms() {
            true if report.count(Outcome::KnownFailure) > 0 => "notable",
            true => "good",
            false if report.trouble.is_none() && report.is_empty() => "notable",
            false => "bad",
        };
        Self {
            report,
            headline: capitalized(&report.headline()),
            headline_class,
            held: report.held(),
            failures: failed.map(CaseRow::new).collect(),
            drawings: report.timelines.iter().map(Drawing::new).collect(),
            parts: report.parts().into_iter().map(Part::new).collect(),
        }
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// Returns a time in seconds with three decimals.
fn seconds(ms: f64) -> String {
    format!("{:.3} s", ms / 1000.0)
}

/// The cases of a part of the contract.
struct Part<'a> {
    name: &'a str,
    /// Whether the part is hidden where only failures are shown.
    holds: bool,
    cases: Vec<CaseRow<'a>>,
}

impl<'a> Part<'a> {
    fn new((name, verdicts): (&'a str, Vec<&'a Verdict>)) -> Self {
        let holds = verdicts.iter().all(|verdict| matches!(verdict.outcome, Outcome::Pass | Outcome::Skipped));
        Self { name, holds, cases: verdicts.into_iter().map(CaseRow::new).collect() }
    }
}

struct CaseRow<'a> {
    verdict: &'a Verdict,
    word: &'static str,
    class: &'static str,
    color: &'static str,
    /// A remark below the clause.
    remark: Option<String>,
    shown: Vec<Found<'a>>,
    folded: Vec<Found<'a>>,
}

impl<'a> CaseRow<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        let (word, class, color) = match verdict.outcome {
            Outcome::Pass => ("holds", "pass", "good"),
            Outcome::Fail => ("fails", "fail", "bad"),
            Outcome::KnownFailure => ("known failure", "known", "notable"),
            Outcome::Stale => ("stale", "stale", "bad"),
            Outcome::Observed => ("differs", "observed", "notable"),
            Outcome::Skipped => ("skipped", "skipped", "quiet"),
        };
        // Shows the first findings, which tell most; the rest is a click away.
        let mut shown: Vec<Found> = verdict.findings.iter().map(Found::new).collect();
        let folded = shown.split_off(shown.len().min(FINDINGS_SHOWN));
        let remark = match verdict.outcome {
            Outcome::Stale => Some(capitalized(STALE)),
            _ => verdict.reason.as_ref().map(|reason| format!("Skipped: {reason}")),
        };
        Self { verdict, word, class, color, remark, shown, folded }
    }

    /// Returns whether the findings are in the row: the case may differ, or is known to differ.
    fn differs(&self) -> bool {
        matches!(self.verdict.outcome, Outcome::Observed | Outcome::KnownFailure)
    }

    /// Returns how many findings were only counted.
    fn untold(&self) -> usize {
        self.verdict.found.saturating_sub(self.verdict.findings.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::made_up::verdict;
    use crate::judge::{Finding, Jitter, Mark, Measured, Timeline};

    fn marks(marks: &[(f64, &str)]) -> Vec<Mark> {
        marks.iter().map(|(t_ms, text)| Mark { t_ms: *t_ms, text: (*text).into() }).collect()
    }

    /// One case fails, with a finding that would be a script if it were not escaped.
    fn report() -> Report {
        let finding = Finding {
            place: "streams/ticks.jsonl:2".into(),
            t_ms: Some(30_012.0),
            expected: "metronome:⏎⏎".into(),
            actual: "metro<script>alert(1)</script>".into(),
            first_differing_byte: Some(5),
            why: "not the <b>bytes</b>".into(),
            common_chars: [0, 0],
        };
        let failure = Verdict { found: 21, findings: vec![finding; 5], ..verdict("ticks.beat", Outcome::Fail) };
        let late_ms = Some(Jitter { p50: 0.5, p99: 12.25, max: 17.0 });
        let timed = Verdict { late_ms, ..verdict("letters.period", Outcome::Pass) };
        let timeline = Timeline {
            name: "ticks".into(),
            length_ms: 65_000.0,
            expected: marks(&[(0.0, "hello"), (30_000.0, "metronome:⏎⏎"), (60_000.0, "metronome:⏎⏎")]),
            actual: marks(&[(1.0, "hello"), (1.0, "<i>"), (30_400.0, "metronome:⏎⏎"), (60_000.0, "metronome:⏎⏎")]),
        };
        Report {
            target: "http://127.0.0.1:3000".into(),
            verdicts: vec![
                verdict("ticks.status", Outcome::Pass),
                failure,
                timed,
                verdict("json.number", Outcome::Skipped),
            ],
            timelines: vec![timeline],
            trouble: None,
            hint: None,
            by: Measured::Fixtures,
        }
    }

    #[test]
    fn the_page_names_what_was_judged_and_every_case() {
        let (report, page) = (report(), render(&report()));
        assert!(page.contains("Does not conform") && page.contains(&report.target));
        for verdict in &report.verdicts {
            assert!(page.contains(&format!("<code>{}</code>", verdict.id)), "{}", verdict.id);
        }
        for part in ["ticks", "letters", "json"] {
            assert!(page.contains(&format!("scope=\"rowgroup\">{part}<")), "{part}");
        }
        assert!(page.contains("Skipped: left out.") && page.contains(">12.2<"));
    }

    #[test]
    fn what_a_server_says_is_escaped() {
        let page = render(&report());
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>bytes"));
        assert!(page.contains("metro<mark>&#60;</mark>script&#62;alert(1)"));
        assert!(page.contains("metro<mark>n</mark>ome:⏎⏎"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = render(&report());
        assert!(["src=", "@import", "url(", "<link"].iter().all(|from_elsewhere| !page.contains(from_elsewhere)));
    }

    #[test]
    fn texts_that_have_nothing_in_common_are_not_marked() {
        let mut report = report();
        for finding in report.verdicts.iter_mut().flat_map(|verdict| &mut verdict.findings) {
            finding.first_differing_byte = None;
            finding.actual = "the response ended".into();
        }
        let page = render(&report);
        assert!(page.contains("<code>metronome:⏎⏎</code>") && page.contains("<code>the response ended</code>"));
    }

    #[test]
    fn findings_that_are_folded_or_only_counted_are_told() {
        let page = render(&report());
        assert!(page.contains("<summary>2 more</summary>") && page.contains("And 16 more that"));
    }

    #[test]
    fn trouble_is_told_and_nothing_else() {
        let report = Report { trouble: Some("no answer within 5 s".into()), ..report() };
        let page = render(&report);
        assert!(page.contains("no answer within 5 s") && page.contains("Could not be judged"));
        assert!(!page.contains("ticks.status") && !page.contains("class=\"counts\""));
    }

    #[test]
    fn known_failures_and_stale_ones_are_told_apart_from_failures() {
        let outcomes = [("a.x", Outcome::KnownFailure), ("a.y", Outcome::Pass), ("a.z", Outcome::Stale)];
        let verdicts = outcomes.map(|(id, outcome)| verdict(id, outcome)).to_vec();
        let page = render(&Report { verdicts: verdicts.clone(), ..report() });
        assert!(page.contains("<h1 class=\"bad\">Does not fit the list of known failures</h1>"));
        assert!(page.contains("It is listed as a known failure, but does not fail") && !page.contains("What fails"));
        let page = render(&Report { verdicts: verdicts[..2].to_vec(), ..report() });
        assert!(page.contains("<h1 class=\"notable\">Conforms but for 1 known failure</h1>"));
    }

    #[test]
    fn a_report_without_judgements_does_not_claim_any() {
        let report = Report { verdicts: vec![verdict("ticks.status", Outcome::Skipped)], ..report() };
        assert!(render(&report).contains("<h1 class=\"notable\">Nothing was judged</h1>"));
    }

    #[test]
    fn every_write_has_a_stroke_and_what_is_wrong_is_coloured() {
        let page = render(&report());
        assert_eq!(page.matches("<title>expected at").count(), 3);
        assert_eq!(page.matches("<title>came at").count(), 4);
        assert!(page.contains("3 writes expected, 4 came: 2 as expected, 1 late, 1 too many"));
        assert!(page.contains("came at 30.400 s: metronome:⏎⏎\nlate, +400 ms"));
    }
}
