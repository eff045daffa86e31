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
//!          controller              drives one world after another, by the operations of a test
//!               │
//!     page ── interface            the same by hand, and over HTTP
//! ```

mod connections;
mod controller;
mod intercept;
mod interface;
mod log;
mod monitor;
mod page;

pub use self::connections::{ExpectedRequest, NotOpen, OtherRequest};
pub use self::controller::{
    ADVANCE_MS_MAX, AdvanceReport, ClockReport, CloseReport, ConnectionReport, ConnectionState, Controller, DueReport,
    NoSuchScenario, OperationError, ResetReport, RouteSettings, SentChunk, Settings, TimerReport, TimersReport,
    WriteReport,
};
pub use self::interface::{Access, AccessError, OPENAPI, Refusal, router};
pub use self::log::{LogGone, LogReader, Redaction, RedactionError, TooLong, restore};
pub use self::monitor::{END_TIME_MAX, Monitor, PushError};
pub use self::page::{FILES, File};

pub use onbeat_server::ready::PREFIX;
