//! In a browser: one page that needs nothing else, with a drawing of every stream.
//!
//! What the page says is decided here, in plain structs; `templates/report.html` is only how it looks. There is no
//! script in it, so that it can be opened from anywhere, mailed, and printed.

use askama::Template;

use super::super::align::{Step, UNIT, align};
use crate::check::{Finding, Jitter, Mark, Outcome, Report, Tier, Timeline, Verdict};

/// How many findings of a case are shown at once; the others are a click away.
const FINDINGS_SHOWN: usize = 3;
/// How many characters before the first differing one are shown, and after it.
const BEFORE_CHARS: usize = 120;
const AFTER_CHARS: usize = 240;
/// Texts with as much in common at their beginning are worth a mark where they part, even if they are no bytes.
const SAME_CHARS_MIN: usize = 16;
/// No drawing is shorter: the milliseconds of a lone greeting would fill it.
const LENGTH_MS_MIN: f64 = 1000.0;
/// A write that is further from its time is coloured.
const FAR_MS: f64 = 250.0;
/// How high a stroke is, in pixels.
const STROKE_HEIGHT: f64 = 26.0;
/// Writes of one moment share a stroke, with a gap between them as long as there is room for it.
const GAP: f64 = 2.0;
/// Two writes that are closer than one of so many parts of the drawing's width would hide each other.
const MOMENTS: f64 = 500.0;
/// More steps than this on an axis would touch each other on a telephone.
const STEPS_MAX: u32 = 8;
/// Between the ticks of an axis, in milliseconds.
const STEPS_MS: [u32; 12] = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000, 120_000, 300_000, 600_000];

/// The page.
///
/// # Panics
///
/// Never: a page is written to memory, which takes it.
#[must_use]
pub fn render(report: &Report) -> String {
    Page::new(report).render().expect("memory takes a page")
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    headline: &'static str,
    headline_class: &'static str,
    target: &'a str,
    trouble: Option<&'a str>,
    cases: usize,
    held: usize,
    /// Cases that hold without being required.
    held_freely: usize,
    failed: usize,
    observed: usize,
    skipped: usize,
    failures: Vec<Case<'a>>,
    far_ms: f64,
    drawings: Vec<Drawing<'a>>,
    parts: Vec<Part<'a>>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report) -> Self {
        let (held, skipped) = (report.count(Outcome::Pass), report.count(Outcome::Skipped));
        let required = |verdict: &&Verdict| verdict.outcome == Outcome::Pass && verdict.tier == Tier::Required;
        let required = report.verdicts.iter().filter(required).count();
        let (headline, headline_class) = match () {
            () if report.trouble.is_some() => ("Could not be judged", "bad"),
            () if skipped == report.verdicts.len() => ("Nothing was judged", "notable"),
            () if report.conforms() => ("Conforms", "good"),
            () => ("Does not conform", "bad"),
        };
        Self {
            headline,
            headline_class,
            target: &report.target,
            trouble: report.trouble.as_deref(),
            cases: report.verdicts.len(),
            held: required,
            held_freely: held - required,
            failed: report.count(Outcome::Fail),
            observed: report.count(Outcome::Observed),
            skipped,
            failures: report.verdicts.iter().filter(|of| of.outcome == Outcome::Fail).map(Case::new).collect(),
            far_ms: FAR_MS,
            drawings: report.timelines.iter().map(Drawing::new).collect(),
            parts: parts(&report.verdicts),
        }
    }
}

/// What comes before the dot of an id.
fn part(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// The cases of one part of the contract.
struct Part<'a> {
    name: &'a str,
    /// Nothing is to be seen here if only what does not hold is to be seen.
    holds: bool,
    cases: Vec<Case<'a>>,
}

/// The parts in the order of their first cases; a part's cases may be apart in the contract.
fn parts(verdicts: &[Verdict]) -> Vec<Part<'_>> {
    let mut parts: Vec<Part> = Vec::new();
    for verdict in verdicts {
        let name = part(&verdict.id);
        let at = parts.iter().position(|part| part.name == name).unwrap_or_else(|| {
            parts.push(Part { name, holds: true, cases: Vec::new() });
            parts.len() - 1
        });
        parts[at].holds &= matches!(verdict.outcome, Outcome::Pass | Outcome::Skipped);
        parts[at].cases.push(Case::new(verdict));
    }
    parts
}

struct Case<'a> {
    id: &'a str,
    clause: &'a str,
    word: &'static str,
    class: &'static str,
    color: &'static str,
    fails: bool,
    /// It differs as it may, so its findings are in its row and not in front.
    differs: bool,
    reason: Option<&'a str>,
    late: Option<Jitter>,
    shown: Vec<Found<'a>>,
    folded: Vec<Found<'a>>,
    /// How many findings were only counted.
    untold: usize,
}

impl<'a> Case<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        let (word, class, color) = match verdict.outcome {
            Outcome::Pass => ("holds", "pass", "good"),
            Outcome::Fail => ("fails", "fail", "bad"),
            Outcome::Observed => ("differs", "observed", "notable"),
            Outcome::Skipped => ("skipped", "skipped", "quiet"),
        };
        let mut shown: Vec<Found> = verdict.findings.iter().map(Found::new).collect();
        let folded = shown.split_off(shown.len().min(FINDINGS_SHOWN));
        Self {
            id: &verdict.id,
            clause: &verdict.clause,
            word,
            class,
            color,
            fails: verdict.outcome == Outcome::Fail,
            differs: verdict.outcome == Outcome::Observed,
            reason: verdict.reason.as_deref(),
            late: verdict.late_ms,
            shown,
            folded,
            untold: verdict.found.saturating_sub(verdict.findings.len()),
        }
    }
}

/// A finding, cut to what can be read.
struct Found<'a> {
    place: &'a str,
    when: Option<String>,
    why: &'a str,
    expected: Cut,
    actual: Cut,
    /// Whether the first difference is marked.
    marked: bool,
    differs_at: Option<usize>,
}

/// A text, cut around the first character in which it differs from another.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    before: String,
    /// Nothing if the text ends where the other goes on.
    differing: String,
    after: String,
}

impl<'a> Found<'a> {
    fn new(finding: &'a Finding) -> Self {
        let same = finding.expected.chars().zip(finding.actual.chars()).take_while(|(a, b)| a == b).count();
        Self {
            place: &finding.place,
            when: finding.t_ms.map(seconds),
            why: &finding.why,
            expected: Cut::new(&finding.expected, same),
            actual: Cut::new(&finding.actual, same),
            marked: finding.expected != finding.actual
                && (finding.first_differing_byte.is_some() || same >= SAME_CHARS_MIN),
            differs_at: finding.first_differing_byte,
        }
    }
}

impl Cut {
    fn new(text: &str, same: usize) -> Self {
        let start = same.saturating_sub(BEFORE_CHARS);
        let mut chars = text.chars();
        let cut = if start > 0 { "…" } else { "" };
        let before = cut.chars().chain(chars.by_ref().take(same).skip(start)).collect();
        let differing = chars.next().map(String::from).unwrap_or_default();
        let mut after: String = chars.by_ref().take(AFTER_CHARS).collect();
        if chars.next().is_some() {
            after.push('…');
        }
        Self { before, differing, after }
    }
}

/// A time, as the axes have it.
fn seconds(ms: f64) -> String {
    format!("{:.3} s", ms / 1000.0)
}

/// A stream: its drawing, and the same as a list.
struct Drawing<'a> {
    name: &'a str,
    summary: String,
    summary_class: &'static str,
    ticks: Vec<Tick>,
    expected: Vec<Stroke>,
    actual: Vec<Stroke>,
    rows: Vec<Row<'a>>,
}

impl<'a> Drawing<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        let pairs = pairs(&timeline.expected, &timeline.actual);
        let length_ms = timeline.length_ms.max(LENGTH_MS_MIN);
        let expected: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.expected?, pair))).collect();
        let actual: Vec<_> = pairs.iter().filter_map(|pair| Some((pair.actual?, pair))).collect();
        let all_well = pairs.iter().all(|pair| pair.fate == Fate::Same);
        Self {
            name: &timeline.name,
            summary: summary(timeline, &pairs),
            summary_class: if all_well { "quiet" } else { "bad" },
            ticks: ticks(length_ms),
            expected: strokes("expected", &expected, length_ms),
            actual: strokes("came", &actual, length_ms),
            rows: pairs.iter().map(Row::new).collect(),
        }
    }
}

/// A write that was expected, the one that came for it, or both.
struct Pair<'a> {
    expected: Option<&'a Mark>,
    actual: Option<&'a Mark>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Same,
    Early,
    Late,
    OtherText,
    Missing,
    Extra,
}

impl Fate {
    const ALL: [Self; 6] = [Self::Same, Self::Early, Self::Late, Self::OtherText, Self::Missing, Self::Extra];

    fn words(self) -> &'static str {
        match self {
            Self::Same => "as expected",
            Self::Early => "early",
            Self::Late => "late",
            Self::OtherText => "another text",
            Self::Missing => "missing",
            Self::Extra => "one too many",
        }
    }

    /// For the stylesheet: the stroke's class, and that of words.
    fn classes(self) -> (&'static str, &'static str) {
        match self {
            Self::Same => ("same", "quiet"),
            Self::Early | Self::Late => ("off", "notable"),
            Self::OtherText => ("other", "bad"),
            Self::Missing => ("missing", "bad"),
            Self::Extra => ("extra", "bad"),
        }
    }
}

impl Pair<'_> {
    /// By how much it was late, in milliseconds, if there is a telling.
    fn late_ms(&self) -> Option<f64> {
        Some(self.actual?.t_ms - self.expected?.t_ms)
    }

    fn late_by(&self) -> Option<String> {
        let rounded = self.late_ms()?.round();
        Some(if rounded == 0.0 { "0 ms".into() } else { format!("{rounded:+} ms") })
    }
}

/// Finds for each write its partner by its text. Where several would do, the first number in them decides, which counts
/// them, and then, as in a row of heartbeats, time: both weigh too little to part writes that are all off.
fn pairs<'a>(expected: &'a [Mark], actual: &'a [Mark]) -> Vec<Pair<'a>> {
    let blanks = |marks: &[Mark]| marks.iter().map(|mark| blanked(&mark.text)).collect::<Vec<_>>();
    let (wanted, got) = (blanks(expected), blanks(actual));
    let late = |e: usize, g: usize| actual[g].t_ms - expected[e].t_ms;
    let cost = |e: usize, g: usize| {
        let text = if wanted[e] == got[g] { 0 } else { UNIT + UNIT / 2 };
        let count = if number(&expected[e].text) == number(&actual[g].text) { 0 } else { 2 };
        text + count + u32::from(late(e, g).abs() > FAR_MS)
    };
    let steps = align(expected.len(), actual.len(), cost, |_| UNIT);
    let pair = |step| match step {
        Step::Came(e, g) => {
            let fate = match late(e, g) {
                _ if wanted[e] != got[g] => Fate::OtherText,
                late if late > FAR_MS => Fate::Late,
                late if late < -FAR_MS => Fate::Early,
                _ => Fate::Same,
            };
            Pair { expected: Some(&expected[e]), actual: Some(&actual[g]), fate }
        }
        Step::Missing(e) => Pair { expected: Some(&expected[e]), actual: None, fate: Fate::Missing },
        Step::Extra(g) => Pair { expected: None, actual: Some(&actual[g]), fate: Fate::Extra },
    };
    steps.into_iter().map(pair).collect()
}

/// A text with every number as 0: numbers and timestamps are another each time.
fn blanked(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    for char in text.chars() {
        let in_number = char == '.' || char.is_ascii_digit();
        if !(in_number && blanked.ends_with('0')) {
            blanked.push(if char.is_ascii_digit() { '0' } else { char });
        }
    }
    blanked
}

/// The first number in a text.
fn number(text: &str) -> Option<&str> {
    text.split(|char: char| !char.is_ascii_digit()).find(|digits| !digits.is_empty())
}

fn summary(timeline: &Timeline, pairs: &[Pair]) -> String {
    let told = Fate::ALL.into_iter().filter_map(|fate| {
        let count = pairs.iter().filter(|pair| pair.fate == fate).count();
        match (fate, count) {
            (_, 0) => None,
            (Fate::Same, _) if count == pairs.len() => Some("all as expected".to_owned()),
            (Fate::Extra, _) => Some(format!("{count} too many")),
            (Fate::OtherText, _) => Some(format!("{count} with another text")),
            _ => Some(format!("{count} {}", fate.words())),
        }
    });
    let told: Vec<_> = told.collect();
    let (expected, actual) = (timeline.expected.len(), timeline.actual.len());
    let writes = if expected == 1 { "write" } else { "writes" };
    format!("{expected} {writes} expected, {actual} came: {}", told.join(", "))
}

struct Tick {
    x: String,
    label: String,
}

/// Ticks at round times, from 0 to the end.
fn ticks(length_ms: f64) -> Vec<Tick> {
    let fits = |step: &u32| length_ms / f64::from(*step) <= f64::from(STEPS_MAX);
    let Some(step) = STEPS_MS.into_iter().find(fits) else { return Vec::new() };
    let times = (0..=STEPS_MAX).map(|n| f64::from(n * step)).take_while(|ms| *ms <= length_ms);
    times.map(|ms| Tick { x: percent(ms, length_ms), label: format!("{} s", ms / 1000.0) }).collect()
}

fn percent(ms: f64, length_ms: f64) -> String {
    format!("{:.3}", ms / length_ms * 100.0)
}

/// A write in a drawing.
struct Stroke {
    class: &'static str,
    x: String,
    top: f64,
    bottom: f64,
    title: String,
}

/// The strokes of a lane, a part of one for each write of a moment.
fn strokes(verb: &str, lane: &[(&Mark, &Pair)], length_ms: f64) -> Vec<Stroke> {
    let moments = lane.chunk_by(|(a, _), (b, _)| b.t_ms - a.t_ms < length_ms / MOMENTS);
    let stroke = |(n, (mark, pair)): (usize, &(&Mark, &Pair)), of: usize| {
        #[expect(clippy::cast_precision_loss, reason = "no stream has so many writes")]
        let (n, height) = (n as f64, STROKE_HEIGHT / of as f64);
        let top = n * height;
        let gap = if of > 1 && height > 2.0 * GAP { GAP } else { 0.0 };
        let late = pair.late_by().filter(|_| pair.fate != Fate::Same).map(|by| format!(", {by}")).unwrap_or_default();
        let fate = pair.fate.words();
        let title = format!("{verb} at {}: {}\n{fate}{late}", seconds(mark.t_ms), mark.text);
        Stroke {
            class: pair.fate.classes().0,
            x: percent(mark.t_ms, length_ms),
            top,
            bottom: top + height - gap,
            title,
        }
    };
    moments.flat_map(|moment| moment.iter().enumerate().map(move |one| stroke(one, moment.len()))).collect()
}

/// A write in a list.
struct Row<'a> {
    expected_at: String,
    actual_at: String,
    late_by: String,
    /// What is wrong, or nothing.
    remark: &'static str,
    class: &'static str,
    text: &'a str,
    instead_of: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(pair: &Pair<'a>) -> Self {
        let at = |mark: Option<&Mark>| mark.map_or_else(|| "–".into(), |mark| seconds(mark.t_ms));
        Self {
            expected_at: at(pair.expected),
            actual_at: at(pair.actual),
            late_by: pair.late_by().unwrap_or_else(|| "–".into()),
            remark: if pair.fate == Fate::Same { "" } else { pair.fate.words() },
            class: pair.fate.classes().1,
            text: pair.actual.or(pair.expected).map_or("", |mark| &mark.text),
            instead_of: pair.expected.filter(|_| pair.fate == Fate::OtherText).map(|mark| mark.text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(marks: &[(f64, &str)]) -> Vec<Mark> {
        marks.iter().map(|(t_ms, text)| Mark { t_ms: *t_ms, text: (*text).into() }).collect()
    }

    fn verdict(id: &str, outcome: Outcome) -> Verdict {
        let reason = (outcome == Outcome::Skipped).then(|| "left out".into());
        let (tier, clause) = (Tier::Required, "a clause".into());
        Verdict { id: id.into(), tier, outcome, clause, reason, found: 0, findings: vec![], late_ms: None }
    }

    /// One case fails, with a finding that would be a script if it were not escaped.
    fn report() -> Report {
        let finding = Finding {
            place: "streams/sse.jsonl:2".into(),
            t_ms: Some(30_012.0),
            expected: "heartbeat:⏎⏎".into(),
            actual: "heart<script>alert(1)</script>".into(),
            first_differing_byte: Some(5),
            why: "not the <b>bytes</b>".into(),
        };
        let failure = Verdict { found: 21, findings: vec![finding; 5], ..verdict("sse.heartbeat", Outcome::Fail) };
        let late_ms = Some(Jitter { p50: 0.5, p99: 12.25, max: 17.0 });
        let timed = Verdict { late_ms, ..verdict("stream-text.period", Outcome::Pass) };
        let timeline = Timeline {
            name: "sse".into(),
            length_ms: 65_000.0,
            expected: marks(&[(0.0, "hello"), (30_000.0, "heartbeat:⏎⏎"), (60_000.0, "heartbeat:⏎⏎")]),
            actual: marks(&[(1.0, "hello"), (1.0, "<i>"), (30_400.0, "heartbeat:⏎⏎"), (60_000.0, "heartbeat:⏎⏎")]),
        };
        Report {
            target: "http://127.0.0.1:3000".into(),
            verdicts: vec![
                verdict("sse.status", Outcome::Pass),
                failure,
                timed,
                verdict("json.number", Outcome::Skipped),
            ],
            timelines: vec![timeline],
            trouble: None,
        }
    }

    #[test]
    fn the_page_names_what_was_judged_and_every_case() {
        let (report, page) = (report(), render(&report()));
        assert!(page.contains("Does not conform") && page.contains(&report.target));
        for verdict in &report.verdicts {
            assert!(page.contains(&format!("<code>{}</code>", verdict.id)), "{}", verdict.id);
        }
        for part in ["sse", "stream-text", "json"] {
            assert!(page.contains(&format!("scope=\"rowgroup\">{part}<")), "{part}");
        }
        assert!(page.contains("Skipped: left out.") && page.contains(">12.2<"));
    }

    #[test]
    fn a_part_is_told_once() {
        let verdicts = ["sse.a", "json.b", "sse.c"].map(|id| verdict(id, Outcome::Pass));
        let told: Vec<_> = parts(&verdicts).iter().map(|part| (part.name, part.cases.len())).collect();
        assert_eq!(told, [("sse", 2), ("json", 1)]);
    }

    #[test]
    fn what_a_server_says_is_escaped() {
        let page = render(&report());
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>bytes"));
        assert!(page.contains("heart<mark>&#60;</mark>script&#62;alert(1)"));
        assert!(page.contains("heart<mark>b</mark>eat:⏎⏎"));
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
        assert!(page.contains("<code>heartbeat:⏎⏎</code>") && page.contains("<code>the response ended</code>"));
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
        assert!(!page.contains("sse.status") && !page.contains("class=\"counts\""));
    }

    #[test]
    fn a_report_without_judgements_does_not_claim_any() {
        let report = Report { verdicts: vec![verdict("sse.status", Outcome::Skipped)], ..report() };
        assert!(render(&report).contains("<h1 class=\"notable\">Nothing was judged</h1>"));
    }

    #[test]
    fn every_write_has_a_stroke_and_what_is_wrong_is_coloured() {
        let page = render(&report());
        assert_eq!(page.matches("<title>expected at").count(), 3);
        assert_eq!(page.matches("<title>came at").count(), 4);
        assert!(page.contains("3 writes expected, 4 came: 2 as expected, 1 late, 1 too many"));
        assert!(page.contains("came at 30.400 s: heartbeat:⏎⏎\nlate, +400 ms"));
    }

    #[test]
    fn writes_are_paired_by_text_and_then_by_time() {
        let fates = |expected: &[(f64, &str)], actual: &[(f64, &str)]| {
            let (expected, actual) = (marks(expected), marks(actual));
            pairs(&expected, &actual).iter().map(|pair| pair.fate).collect::<Vec<_>>()
        };
        let ticking = [(1000.0, "n: 1"), (2000.0, "n: 2"), (3000.0, "n: 3")];
        assert_eq!(fates(&ticking, &[(1009.0, "n: 8.5"), (1991.0, "n: 9"), (3000.0, "n: 10")]), [Fate::Same; 3]);
        assert_eq!(fates(&ticking, &[(1000.0, "n: 1"), (3000.0, "n: 3")]), [Fate::Same, Fate::Missing, Fate::Same]);
        assert_eq!(fates(&ticking, &[(1000.0, "n: 1"), (2000.0, "n: 3")]), [Fate::Same, Fate::Missing, Fate::Early]);
        assert_eq!(fates(&ticking, &[(2000.0, "n: 1"), (3000.0, "n: 2"), (4000.0, "n: 3")]), [Fate::Late; 3]);
        assert_eq!(fates(&ticking[..1], &[(1000.0, "m: 1")]), [Fate::OtherText]);
        assert_eq!(fates(&ticking[..1], &[(1.0, "n: 1"), (2.0, "n: 2")]), [Fate::Early, Fate::Extra]);
        assert_eq!(fates(&[], &[]), []);
    }

    #[test]
    fn writes_of_one_moment_share_a_stroke() {
        let timeline = Timeline {
            name: "sse-data".into(),
            length_ms: 20_000.0,
            expected: marks(&[(1000.0, "event: status⏎"), (1000.0, "data: {}⏎⏎"), (2000.0, "data: {}⏎⏎")]),
            actual: vec![],
        };
        let spans: Vec<_> = Drawing::new(&timeline).expected.iter().map(|stroke| (stroke.top, stroke.bottom)).collect();
        assert_eq!(spans, [(0.0, 11.0), (13.0, 24.0), (0.0, 26.0)]);
    }

    #[test]
    fn ticks_are_at_round_times() {
        let labels = |ms| ticks(ms).into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(4800.0), "0 s 1 s 2 s 3 s 4 s");
        assert_eq!(labels(65_000.0), "0 s 10 s 20 s 30 s 40 s 50 s 60 s");
        assert_eq!(labels(75_000.0), "0 s 10 s 20 s 30 s 40 s 50 s 60 s 70 s");
        assert_eq!(labels(600.0), "0 s 0.1 s 0.2 s 0.3 s 0.4 s 0.5 s 0.6 s");
        assert_eq!(labels(1.0), "0 s");
    }

    #[test]
    fn long_texts_are_cut_to_where_they_differ() {
        let long = format!("{}ab{}", "=".repeat(500), "x".repeat(500));
        let before = format!("…{}", "=".repeat(BEFORE_CHARS));
        let after = format!("b{}…", "x".repeat(AFTER_CHARS - 1));
        assert_eq!(Cut::new(&long, 500), Cut { before, differing: "a".into(), after });
        assert_eq!(Cut::new("ab", 2), Cut { before: "ab".into(), differing: String::new(), after: String::new() });
    }
}
