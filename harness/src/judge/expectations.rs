//! Expected failures: a list of the cases that are known to fail, so that a server can be held to the other cases.
//!
//! Each line has an id. Blank lines are for people, and so is what follows a `#` at the beginning or behind a space.

use std::collections::BTreeSet;

use super::{Measured, Outcome, Report};

/// The cases that are known to fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    ids: BTreeSet<String>,
}

/// A line that names no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {id:?} is no case; the nearest is {nearest}, and {}", .by.list_of_ids())]
pub struct UnknownCase {
    line: usize,
    id: String,
    nearest: String,
    by: Measured,
}

impl Expectations {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If a line names an unknown case.
    pub fn read(text: &str, cases: &[String], by: Measured) -> Result<Self, UnknownCase> {
        let mut ids = BTreeSet::new();
        // Removes a byte order mark, which an editor may have put before the first line.
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            // Takes no other `#` for a comment, and none within an id, since the name of a recording may have one.
            let begins_comment = |(at, _): &(usize, &str)| *at == 0 || line[..*at].ends_with(char::is_whitespace);
            let end = line.match_indices('#').find(begins_comment).map_or(line.len(), |(at, _)| at);
            let is_id = cases.iter().any(|case| case == line.trim());
            let id = if is_id { line.trim() } else { line[..end].trim() };
            if id.is_empty() {
                continue;
            }
            if !cases.iter().any(|case| case == id) {
                let nearest = cases.iter().min_by_key(|case| strsim::damerau_levenshtein(case, id));
                let nearest = nearest.cloned().unwrap_or_default();
                return Err(UnknownCase { line: number + 1, id: id.into(), nearest, by });
            }
            ids.insert(id.to_owned());
        }
        Ok(Self { ids })
    }

    /// Returns the list of the cases that fail in a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let failed = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail);
        Self { ids: failed.map(|verdict| verdict.id.clone()).collect() }
    }

    /// Returns the text of the list, with the clauses of the report.
    #[must_use]
    pub fn to_text(&self, report: &Report) -> String {
        let head = "# Cases that are known to fail, one a line. `onbeat check --expect-failures` holds a server to the rest.\n";
        let listed = report.verdicts.iter().filter(|verdict| self.ids.contains(&verdict.id));
        let lines = listed.map(|verdict| format!("\n# {}\n{}\n", verdict.clause, verdict.id));
        head.to_owned() + &lines.collect::<String>()
    }

    /// Marks the cases of the report that fail as listed, and the listed cases that hold. A skipped case does neither.
    pub fn apply(&self, report: &mut Report) {
        for verdict in report.verdicts.iter_mut().filter(|verdict| self.ids.contains(&verdict.id)) {
            verdict.outcome = match verdict.outcome {
                Outcome::Fail | Outcome::KnownFailure => Outcome::KnownFailure,
                Outcome::Pass | Outcome::Observed | Outcome::Stale => Outcome::Stale,
                Outcome::Skipped => Outcome::Skipped,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::made_up::report;

    fn outcomes(report: &Report) -> Vec<Outcome> {
        report.verdicts.iter().map(|verdict| verdict.outcome).collect()
    }

    #[test]
    fn a_list_that_was_written_fits_and_then_goes_stale() {
        use Outcome::{Fail, KnownFailure, Pass, Skipped, Stale};
        let ids = ["c #1#.jsonl:4", "a.y", "a.z"].map(String::from);
        let mut bad = report(&[("c #1#.jsonl:4", Fail), ("a.y", Pass), ("a.z", Fail)]);
        let written = Expectations::of(&bad).to_text(&bad);
        let list = Expectations::read(&written, &ids, Measured::Fixtures).expect("known ids");
        list.apply(&mut bad);
        assert_eq!(outcomes(&bad), [KnownFailure, Pass, KnownFailure], "{written}");
        let mut better = report(&[("c #1#.jsonl:4", Pass), ("a.y", Fail), ("a.z", Skipped)]);
        list.apply(&mut better);
        assert_eq!(outcomes(&better), [Stale, Fail, Skipped]);
    }

    #[test]
    fn a_misspelled_id_is_an_error_that_names_the_nearest() {
        let ids = ["a.x", "letters.done", "letters.status"].map(String::from);
        let error =
            Expectations::read("\u{feff}# why\r\n\r\na.x # because\r\nleters.staus\n", &ids, Measured::Fixtures);
        assert_eq!(
            error.expect_err("no case").to_string(),
            "line 4: \"leters.staus\" is no case; the nearest is letters.status, and fixtures/cases.json has all ids"
        );
    }
}
