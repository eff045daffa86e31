//! Pairs of an expected write and the write that came.

use crate::judge::{
    Mark,
    align::{Step, UNIT, align},
};

/// A write further from its time is coloured.
pub(super) const FAR_MS: f64 = 250.0;

/// An expected write, the write that came, or both.
pub(super) struct Pair<'a> {
    pub(super) expected: Option<&'a Mark>,
    pub(super) actual: Option<&'a Mark>,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Same,
    Early,
    Late,
    OtherText,
    Missing,
    Extra,
}

impl Fate {
    pub(super) const ALL: [Self; 6] =
        [Self::Same, Self::Early, Self::Late, Self::OtherText, Self::Missing, Self::Extra];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Same => "as expected",
            Self::Early => "early",
            Self::Late => "late",
            Self::OtherText => "another text",
            Self::Missing => "missing",
            Self::Extra => "one too many",
        }
    }

    /// Returns the classes of the stroke and of the words, for the stylesheet.
    pub(super) fn classes(self) -> (&'static str, &'static str) {
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
    /// Returns the lateness in milliseconds, if both writes are there.
    fn late_ms(&self) -> Option<f64> {
        Some(self.actual?.t_ms - self.expected?.t_ms)
    }

    pub(super) fn late_by(&self) -> Option<String> {
        let rounded = self.late_ms()?.round();
        Some(if rounded == 0.0 { "0 ms".into() } else { format!("{rounded:+} ms") })
    }
}

/// Finds a partner for each write by the text. Among equal texts the first number decides, and then time. Both weigh too
/// little to part writes that are all late.
pub(super) fn pairs<'a>(expected: &'a [Mark], actual: &'a [Mark]) -> Vec<Pair<'a>> {
    let blanks = |marks: &[Mark]| marks.iter().map(|mark| blanked(&mark.text)).collect::<Vec<_>>();
    let (wanted, got) = (blanks(expected), blanks(actual));
    let late = |e: usize, g: usize| actual[g].t_ms - expected[e].t_ms;
    // Gives another text a lower cost than a missing and an extra write, so that both stay a pair.
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

/// Returns a text with every number as 0, since numbers and timestamps differ each time.
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

/// Returns the first number in a text.
fn number(text: &str) -> Option<&str> {
    text.split(|char: char| !char.is_ascii_digit()).find(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(marks: &[(f64, &str)]) -> Vec<Mark> {
        marks.iter().map(|(t_ms, text)| Mark { t_ms: *t_ms, text: (*text).into() }).collect()
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
}
