//! The report, in the forms in which it is read: by people, by programs, by CI, and in a browser.

pub mod html;
pub mod jsonl;
pub mod junit;
pub mod text;
