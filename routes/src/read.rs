//! Reads routes from TOML files, and from the JSON of the control interface. All problems are told at once, each with its
//! place.
//!
//! ```text
//!  node ── problems        a tree of values with places, out of TOML or JSON; what is wrong there
//!    │
//!  table                   the values of a table by their keys, each checked
//!    │
//!  chunk ── step           one part of a body; one step of a response
//!    │
//!  response ── route ── file
//!    │
//!  schema                 the same form as a JSON Schema, for editors
//! ```

mod chunk;
mod file;
mod node;
mod problems;
mod response;
mod route;
mod schema;
mod step;
mod table;

pub use self::file::{read_file, read_route, read_routes, read_text};
pub use self::problems::{Problem, Problems};
pub use self::schema::SCHEMA;
