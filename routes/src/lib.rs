//! A team's own streams: routes as TOML or JSON, and the responses that each gives one after another.

mod model;
mod play;
mod template;

pub use self::model::*;
