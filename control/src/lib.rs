//! Watches and drives an Onbeat server: request log, connection table, control interface and page.
//!
//! The server does not depend on this crate. The monitor sees the exchanges of a world through a single seam, the
//! [`Interceptor`](onbeat_server::interceptor::Interceptor). A module uses only earlier modules of this map:
//!
//! ```text
//!  log ── connections              the request log, the connection table
//!               │
//!            monitor               both together with the faults, for one world
//!               │
//!           intercept              notes each exchange, and applies the faults
//!               │
//!     page ── interface            drives one world after another, by hand and over HTTP
//! ```

mod connections;
mod intercept;
mod interface;
mod log;
mod monitor;
mod page;

pub use self::connections::OtherRequest;
pub use self::interface::{Access, AccessError, OPENAPI, Refusal, RouteSettings, Settings, router};
pub use self::log::{Redaction, RedactionError, TooLong, restore};
pub use self::monitor::{END_TIME_MAX, Monitor, PushError};
pub use self::page::{FILES, File};

pub use onbeat_server::ready::PREFIX;
