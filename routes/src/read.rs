//! Reads routes from TOML files, and from the JSON of the control interface. All problems are listed at once, each with the
//! place.
//!
//! ```text
//!  node ── problems        a tree of values with places, out of TOML or JSON; what is wrong there
//!    │
//!  table                   the values of a table by their keys, each checked
//!    │
//!  input                   the files that are read, within bounds
//!    │
//!  chunk ── step           one part of a body; one step of a response
//!    │
//!  response ── route ── file ── inline
//! ```

mod chunk;
mod file;
mod inline;
mod input;
mod node;
mod problems;
mod response;
mod route;
mod step;
mod table;

pub use self::file::{read_file, read_route, read_routes, read_text};
pub use self::inline::{read_inline, read_inline_routes};
pub use self::problems::{Problem, Problems};

/// The keys of each table of the form.
#[cfg(test)]
pub(crate) const KEYS: [(&str, &[&[&str]]); 8] = [
    ("", &[&file::FILE_KEYS]),
    ("route", &[&route::ROUTE_KEYS, &response::RESPONSE_KEYS]),
    ("response", &[&response::RESPONSE_KEYS]),
    ("step", &[&step::STEP_KEYS, &chunk::CHUNK_KEYS]),
    ("heartbeat", &[&step::HEARTBEAT_KEYS, &chunk::CHUNK_KEYS]),
    ("channel", &[&file::CHANNEL_KEYS]),
    ("publish", &[&file::PUBLISH_KEYS, &chunk::CHUNK_KEYS]),
    ("scenario", &[&file::SCENARIO_KEYS]),
];

#[cfg(test)]
mod tests;
