//! The report in each form: for people, for programs, for CI, and for a browser.

mod cut;
#[cfg(feature = "cli")]
pub mod html;
pub mod jsonl;
#[cfg(feature = "cli")]
pub mod junit;
mod plain;
pub mod text;

use onbeat_wire::printable::{LINE_CHARS_MAX, TEXT_CHARS_MAX, printable};

use super::Report;

/// The remark on a case that does not fail although the list of known failures names the case.
const STALE: &str = "it is listed as a known failure, but does not fail: delete it from the list";

/// Returns the report with all foreign text made printable, so that every form can be read safely: the text of the server, and
/// the names of the recordings.
fn printable_report(report: &Report) -> Report {
    let mut report = report.clone();
    let line = |text: &mut String| *text = printable(text, LINE_CHARS_MAX);
    line(&mut report.target);
    if let Some(trouble) = &mut report.trouble {
        *trouble = printable(trouble, TEXT_CHARS_MAX);
    }
    if let Some(hint) = &mut report.hint {
        hint.text = printable(&hint.text, TEXT_CHARS_MAX);
    }
    for verdict in &mut report.verdicts {
        line(&mut verdict.id);
        verdict.clause = printable(&verdict.clause, TEXT_CHARS_MAX);
        verdict.reason.iter_mut().for_each(line);
        for finding in &mut verdict.findings {
            [&mut finding.place, &mut finding.why].into_iter().for_each(line);
            for text in [&mut finding.expected, &mut finding.actual] {
                *text = printable(text, TEXT_CHARS_MAX);
            }
        }
    }
    report.timelines.iter_mut().for_each(|timeline| line(&mut timeline.name));
    // Includes the drawings, which repeat the writes of the server.
    let marks =
        report.timelines.iter_mut().flat_map(|timeline| timeline.expected.iter_mut().chain(&mut timeline.actual));
    marks.for_each(|mark| line(&mut mark.text));
    report
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::time::Duration;

    use super::junit::Made;
    use super::*;
    use crate::judge::{Finding, Hint, Mark, Measured, Outcome, Timeline, Verdict, made_up};

    /// What steers a terminal, turns a line around, or makes XML ill-formed.
    const HOSTILE: &str = "\x1b]52;c;aGk=\x07\u{9b}31m\u{202e}\u{200b}\u{fffe}\u{ffff}\0\u{feff}";

    fn report() -> Report {
        let hostile = || HOSTILE.to_owned();
        let finding = Finding {
            place: hostile(),
            t_ms: Some(1.0),
            expected: hostile(),
            actual: hostile() + &"x".repeat(60_000),
            first_differing_byte: Some(5),
            why: hostile() + &"x".repeat(60_000),
            common_chars: [0, 0],
        };
        let (clause, findings) = ("a clause, 你好 😀".to_owned() + HOSTILE, vec![finding]);
        let verdict = |outcome, reason| Verdict {
            clause: clause.clone(),
            reason,
            found: 1,
            findings: findings.clone(),
            ..made_up::verdict(&format!("a{HOSTILE}.b{HOSTILE}"), outcome)
        };
        let mark = || vec![Mark { t_ms: 1.0, text: hostile() }];
        let timeline = Timeline { name: hostile(), length_ms: 10.0, expected: mark(), actual: mark() };
        Report {
            target: hostile(),
            verdicts: vec![
                verdict(Outcome::Fail, None),
                verdict(Outcome::Observed, None),
                verdict(Outcome::Skipped, Some(hostile())),
            ],
            timelines: vec![timeline],
            trouble: None,
            hint: Some(Hint { text: hostile(), explains_all: false }),
            by: Measured::Fixtures,
        }
    }

    #[test]
    fn what_a_server_says_is_printable_in_every_form_and_bounded() {
        let made = Made { began: "2025-12-01T00:00:00Z".parse().expect("a valid epoch"), took: Duration::ZERO };
        for report in [report(), Report { trouble: Some(HOSTILE.repeat(5000)), ..report() }] {
            let text = text::render(&report);
            let text = anstream::adapter::strip_str(&text).to_string();
            let junit = junit::render(&report, made).expect("XML");
            for form in [text, jsonl::render(&report), junit, html::render(&report)] {
                // With their line ends all four are XML 1.0's Char, and no more than that.
                let wrong =
                    form.chars().find(|char| !matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}'| '\u{10000}'..));
                assert_eq!(wrong, None);
                assert!(form.chars().all(|char| !HOSTILE.contains(char) || char.is_ascii_graphic()));
                assert!(form.contains("52;c;aGk=") && form.chars().count() < 80_000, "{form}");
            }
        }
    }

    #[test]
    fn the_lines_of_jsonl_stay_json() {
        let jsonl = jsonl::render(&report());
        assert_eq!(jsonl.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()).count(), 3);
    }
}
