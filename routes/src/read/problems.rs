//! The problems of a form, in the order of their places.

use std::fmt;

use serde::Serialize;

use super::node::Place;

/// The most problems shown.
const SHOWN_MAX: usize = 100;

/// The problems of a form, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// The name of the file, if the form is a file.
    file: Option<String>,
    list: Vec<(Place, String)>,
}

/// A problem of a form, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Problem<'a> {
    /// The line of the file, from 1; nothing for a file as a whole, and for a form outside of a file.
    pub line: Option<usize>,
    /// The path to the field, such as `route[0].steps[2].data`; empty for the form as a whole.
    pub field: &'a str,
    /// The expected value, and the value that came.
    pub problem: &'a str,
}

impl Problems {
    /// Returns no problems yet, of a file with this name.
    pub(super) fn of_file(name: &str) -> Self {
        Self { file: Some(name.to_owned()), list: Vec::new() }
    }

    /// Notes a problem at a place: the expected value, and the value that came.
    pub(super) fn add(&mut self, place: &Place, what: impl Into<String>) {
        self.list.push((place.clone(), what.into()));
    }

    /// Returns whether there is no problem.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns how many problems there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Returns the problems, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = Problem<'_>> {
        self.list.iter().map(|(Place { line, path }, what)| Problem { line: *line, field: path, problem: what })
    }

    /// Returns the path to the first wrong field; empty for the form as a whole.
    #[must_use]
    pub fn first_field(&self) -> &str {
        self.list.first().map_or("", |(place, _)| place.path.as_str())
    }

    /// Returns a line for each problem, with the place. Of very many problems the first are shown.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let left_out = self.list.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0);
        let file = self.file.as_deref();
        let shown = self.list.iter().take(SHOWN_MAX).map(move |(Place { line, path }, what)| {
            let file = file.map(|file| format!("{file}{}: ", line.map_or_else(String::new, |line| format!(":{line}"))));
            let colon = if path.is_empty() { "" } else { ": " };
            format!("{}{path}{colon}{what}", file.unwrap_or_default())
        });
        shown.chain(left_out.map(|more| format!("and {more} more")))
    }

    /// Sorts the problems by their places.
    pub(super) fn sorted(mut self) -> Self {
        // Sorts by line alone, and stably: problems of one line stay in the order of reading.
        self.list.sort_by_key(|(place, _)| place.line);
        self
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Problems {}
