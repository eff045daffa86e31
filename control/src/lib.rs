//! Watches and drives an Onbeat server: faults, request log, connection table, control interface and page.
//!
//! The server knows none of this. The monitor sees the exchanges of a world through the
//! [`Interceptor`](onbeat_server::interceptor::Interceptor), the only seam. Data flows one way, and a module uses only
//! those before it:
//!
//! ```text
//!  faults ── log ── connections    what is to go wrong, what has happened, who is connected
//!               │
//!            monitor               all three of one world
//!               │
//!           intercept              the monitor at the seam: notes each exchange, applies the faults
//!               │
//!     page ── interface            one world after another, driven by hand and over HTTP
//! ```

mod connections;
pub mod faults;
mod intercept;
mod interface;
mod log;
mod monitor;
mod page;

pub use self::interface::{
    Access, AccessError, Fields, OPENAPI, PREFIX, ROUTES, Refusal, Route, Settings, parse_fault, router,
};
pub use self::log::{Redaction, RedactionError, TooLong, restore};
pub use self::monitor::{END_TIME_MAX, Monitor};
pub use self::page::{FILES, File};
