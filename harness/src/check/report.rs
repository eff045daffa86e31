//! The report, in the forms in which it is read: by people, by programs, by CI, and in a browser.

pub mod html;
pub mod jsonl;
pub mod junit;
pub mod text;

/// What is said of a case that the list of known failures names in vain.
const STALE: &str = "it is listed as a known failure, but holds: delete it from the list";
