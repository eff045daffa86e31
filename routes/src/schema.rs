//! The JSON Schema of routes files, for editors.

/// The JSON Schema (draft 2020-12) of a routes file.
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests;
