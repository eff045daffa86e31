//! A team's own streams: routes as TOML or JSON, and the responses that each gives one after another.
//!
//! Data flows one way: a file or a form is read into a model, and a request is matched with the routes of the model. A module
//! uses only earlier modules of this map:
//!
//! ```text
//!  nearest ── glob             the nearest name, for hints; patterns with `*`
//!     │
//!  request ── template         a request, and text with placeholders that a request fills in
//!     │
//!  play                        recordings and raw bodies, as scripts
//!     │
//!  model ── matching           plain data; which route answers a request, and why another does not
//!     │
//!  problem ── tree ── field    what is wrong in a form, and where; TOML and JSON as one tree, read field by field
//!     │
//!  read                        a tree becomes a model, or all problems at once
//! ```

mod glob;
mod matching;
mod model;
mod nearest;
mod play;
mod request;
mod template;

pub use self::matching::{Mismatch, no_match};
pub use self::model::*;
pub use self::request::{Request, RequestPart};
pub use self::template::{Moment, Template, TemplateError};
