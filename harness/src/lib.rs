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
//!  worlds        random worlds around any application
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

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "a feature alone does not use every part; `cli` does")
)]

mod idle;
mod lab;
#[doc(hidden)]
pub mod player;
#[doc(hidden)]
pub mod transport;

#[cfg(feature = "server")]
pub mod log_replay;
#[cfg(feature = "server")]
pub mod replay;
#[cfg(feature = "server")]
mod sleepers;
#[cfg(feature = "server")]
pub mod world_lab;

#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "check")]
pub mod fixtures;
#[cfg(feature = "check")]
pub mod judge;

#[cfg(feature = "simulate")]
pub mod simulate;
#[cfg(feature = "simulate")]
mod worlds;

#[cfg(feature = "live")]
pub mod against;
#[cfg(feature = "live")]
pub mod record;
#[cfg(feature = "live")]
#[doc(hidden)]
pub mod server_url;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use onbeat_wire::{Entry, Head, How, Transcript, What};

pub use self::lab::{
    Application, Client, Comment, Connector, Event, Lab, LabOptions, Network, OpenRequest, Peer, RequestBuilder,
    Response, Socket, lab, lab_with, ms, secs,
};
pub use self::player::ClientLog;
#[cfg(feature = "simulate")]
pub use self::simulate::Draws;
#[cfg(feature = "simulate")]
pub use self::worlds::{ClientRequest, EndedWorld, Explored, Verdict, WorldClient, WorldExchange, Worlds};
