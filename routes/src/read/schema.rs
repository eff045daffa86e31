//! The form of a routes file as a JSON Schema (draft 2020-12), by which editors complete and check.
//!
//! The reader is the authority: the schema has the keys and the bounds, and the reader knows more, such as which files are
//! there. A test holds both together.

/// The JSON Schema of a routes file.
pub const SCHEMA: &str = include_str!("../schema.json");

#[cfg(test)]
mod tests;
