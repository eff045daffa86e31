//! A deterministic simulation and conformance test harness for Server-Sent Events.
//!
//! It replays an event stream server in virtual time, over real HTTP/1.1, and holds it to the byte and the millisecond.
//! Data flows one way, and a module uses only those before it:
//!
//! ```text
//!  transport     a connection in memory, and the tap that stamps what comes out of it
//!      │
//!  response      HTTP: heads, chunks and ends out of raw bytes
//!      │
//!  transcript    what one client saw, and when ── account: and what it did
//!      │
//!  client        sends anything, notes everything
//!      │
//!  lab           one world in paused time, with the server in it ── idle: when all has happened
//!      │
//!  replay        one endpoint from head to end
//!      │
//!  cli           the command line
//! ```
//!
//! The server is the crate `onbeat-server`, which knows nothing of this one.

pub mod account;
pub mod cli;
pub mod client;
pub mod event_stream;
mod idle;
pub mod lab;
pub mod replay;
pub mod response;
pub mod transcript;
pub mod transport;
