//! Watches and drives an Onbeat server: faults, request log, connection table, control interface and page.
//!
//! The server does not depend on this crate. The monitor sees the exchanges of a world through a single seam, the
//! [`Interceptor`](onbeat_server::interceptor::Interceptor). A module uses only earlier modules of this map:
//!
//! ```text
//!  form                            JSON, read field by field
//!    │
//!  faults ── log ── connections    faults to come, the request log, the connection table
//!               │
//!            monitor               the three together, for one world
//!               │
//!           intercept              notes each exchange, and applies the faults
//!               │
//!     page ── interface            drives one world after another, by hand and over HTTP
//! ```

mod connections;
pub mod faults;
mod form;
mod intercept;
mod interface;
mod log;
mod monitor;
mod page;

pub use self::form::WrongField;
pub use self::interface::{Access, AccessError, OPENAPI, Refusal, Settings, router};
pub use self::log::{Redaction, RedactionError, TooLong, restore};
pub use self::monitor::{END_TIME_MAX, Monitor};
pub use self::page::{FILES, File};

/// The beginning of the paths of the control interface and of the page.
pub const PREFIX: &str = "/__onbeat";
