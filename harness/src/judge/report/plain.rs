//! The report without colours, for the message of a failed test.

use std::fmt;

use super::text;
use crate::judge::Report;

/// Prints the report as `onbeat check` does, without colours.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_styles(&text::render(self)))
    }
}

impl Report {
    /// Passes if the server conforms.
    ///
    /// # Panics
    ///
    /// If the server does not conform, or no case was judged. The message is the report.
    #[track_caller]
    pub fn assert_conforms(&self) {
        assert!(self.conforms(), "the server {}\n\n{self}", self.headline());
    }
}

/// Returns a text without the escape sequences of colours, which end with `m`. The texts of a server have none: they are
/// printable.
fn without_styles(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Outcome, made_up};

    #[test]
    fn a_report_is_printed_without_escape_sequences() {
        let report = made_up::report(&[("ticks.time", Outcome::Pass), ("ticks.\u{1b}[31mend", Outcome::Fail)]);
        let (styled, plain) = (text::render(&report), report.to_string());
        assert!(styled.contains('\u{1b}') && !plain.contains('\u{1b}'), "{plain}");
        assert!(plain.contains("\ndoes not conform: 1 required cases hold, 1 fail;"), "{plain}");
    }
}
