//! A deterministic simulation and conformance test harness for Server-Sent Events.
//!
//! Onbeat replays a server of event streams in virtual time, over real HTTP/1.1, and checks each byte and millisecond.
//! Data flows one way, and a module uses only those before it:
//!
//! ```text
//!  server_url    the address of a server
//!      │
//!  transport     connections in memory and over TCP, and the tap, which stamps arriving bytes
//!      │
//!  player        clients that act on a connection, and the log of each
//!      │
//!  world_lab     a world in paused time, with the built-in server ── idle, sleepers
//!      │
//!  replay        one endpoint from head to end
//!      │
//!  log_replay    the log of a served world, played again
//!      │
//!  record        any server's responses, recorded over real sockets
//!      │
//!  judge         what was seen, held against what should have been, whatever the contract
//!      │
//!  fixtures      the contract as data
//!      │
//!  check         any server, judged by the fixtures
//!      │
//!  against       any server, judged by recordings of its own
//!      │
//!  simulate      random worlds under faults, judged by invariants
//!      │
//!  server        a server in the process of a test, for those who test a client
//!      │
//!  cli           the command line
//! ```
//!
//! The server is the crate `onbeat-server`, watched and driven by `onbeat-control`. Neither depends on the harness. The
//! data that all speak of, such as times, event streams and transcripts, are in `onbeat-wire`.
//!
//! # Examples
//!
//! One stream, from head to end:
//!
//! ```
//! use std::time::Duration;
//!
//! use onbeat::world_lab::Setup;
//! use onbeat::replay::replay;
//! use onbeat_server::random::Seed;
//!
//! let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse()?);
//! let transcript = replay("stream-text".parse()?, &setup, Duration::ZERO)?;
//! let (at, bytes) = transcript.writes().last().expect("it says that it is done");
//! assert_eq!((at.as_millis(), &bytes[..]), (4800, &b"data: {\"done\": true}\n\n"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two clients of a world. In the end the channel has no subscriber:
//!
//! ```
//! use std::time::Duration;
//!
//! use onbeat::world_lab::{self, Setup};
//! use onbeat_server::random::Seed;
//!
//! let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse()?);
//! world_lab::run(&setup, async |lab| {
//!     let mut alice = lab.connect();
//!     alice.get("/sse").await;
//!     lab.until(Duration::from_secs(30)).await;
//!     let mut bob = lab.connect();
//!     bob.get("/broadcast-text?msg=hi").await;
//!     lab.settle().await;
//!     // A greeting, a heartbeat, and the two writes of a broadcast.
//!     assert_eq!(alice.transcript().writes().count(), 4);
//!     alice.close().await;
//!     lab.settle().await;
//!     assert_eq!(lab.world().broadcasts().subscribers(), 0);
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod against;
pub mod check;
pub mod cli;
pub mod fixtures;
mod idle;
pub mod judge;
pub mod log_replay;
pub mod player;
pub mod record;
pub mod replay;
pub mod server;
pub mod server_url;
pub mod simulate;
mod sleepers;
pub mod transport;
pub mod world_lab;

pub use self::server::Server;
