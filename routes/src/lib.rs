//! A team's own streams: routes as TOML or JSON, and the responses that each gives one after another.
//!
//! The server does not depend on this crate: [`Routes`] is an [`Application`](onbeat_server::application::Application). A
//! module uses only earlier modules of this map:
//!
//! ```text
//!  nearest_name                   the nearest name
//!     │
//!   glob ── request ── template    patterns; a request; text with placeholders
//!     │
//!  event_fields                    an event as a chunk
//!     │
//!   play ── resume                 recordings and raw bodies as scripts; the part behind an event
//!     │
//!   model ── matching ── no_match  routes as data; the requests that match; the words of a 404
//!     │
//!   read ── schema                 routes out of TOML and JSON, with all problems at once; the form, for editors
//!     │
//!  channels ── chunk               logs of events; the bytes of a chunk, made when due
//!     │
//!   heartbeats ── steps ── response    a response as a script
//!     │
//!   table ── fault_hook ── cors    the routes in order; their faults; access from other origins
//!     │
//!  application                     answers requests, and publishes
//! ```

mod application;
mod channels;
mod chunk;
mod cors;
mod event_fields;
mod fault_hook;
mod glob;
mod heartbeats;
mod matching;
mod model;
mod nearest_name;
mod no_match;
mod play;
mod read;
mod request;
mod response;
mod resume;
mod schema;
mod steps;
mod table;
mod template;
#[cfg(test)]
mod testing;

pub use self::application::{Published, Routes};
pub use self::channels::{ChannelReport, NoSuchChannel};
pub use self::event_fields::EventFields;
pub use self::model::*;
pub use self::play::{PLAYED_BYTES_MAX, PlayError, PlayOptions, Played};
pub use self::read::{
    Problem, Problems, read_file, read_inline, read_inline_routes, read_route, read_routes, read_text,
};
pub use self::request::{Request, RequestPart};
pub use self::schema::SCHEMA;
pub use self::table::{Origin, ROUTES_MAX, RouteReport, TooManyRoutes};
pub use self::template::{Moment, Template, TemplateError};
