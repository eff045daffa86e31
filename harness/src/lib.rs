//! A deterministic simulation and conformance test harness for Server-Sent Events.
//!
//! Onbeat tests event streams, and any other response sent in pieces, without waiting: over real HTTP/1.1, with the
//! time of each byte exact to the millisecond.
//!
//! | to test | use | feature |
//! |---|---|---|
//! | an application of axum or tower | [`lab()`] | |
//! | the same, held against recordings | `Lab::check_against`, `Response::recording` | `check` |
//! | the same, in random worlds | `Worlds` | `simulate` |
//! | a client, against a server in the process of the test | `Server` | `server` |
//! | the built-in streams, or streams of a file | `replay`, `world_lab` | `server` |
//! | a server of the built-in contract | `check`, `fixtures`, `Lab::check_contract` | `check` |
//! | the built-in server, in random worlds | `simulate` | `simulate` |
//! | a server over real sockets, by recordings of its own | `record`, `against` | `live` |
//! | a server in any language, from a shell | the program `onbeat` | `cli` |
//!
//! # The map
//!
//! Data flows one way, and a module uses only earlier modules:
//!
//! ```text
//!  server_url    the address of a server
//!      │
//!  excerpt       long texts, shortened for people
//!      │
//!  transport     connections in memory and over TCP, and the tap, which stamps arriving bytes
//!      │
//!  player        clients that act on a connection, and the log of each
//!      │
//!  lab           an application in paused time, with clients over HTTP/1.1 in memory ── idle
//!      │
//!  world_lab     a world in paused time, with the built-in server ── sleepers
//!      │
//!  replay        one endpoint from head to end
//!      │
//!  log_replay    the log of a served world, played again
//!      │
//!  server        a server in the process of a test, over real sockets, for tests of clients
//!      │
//!  record        any server's responses, recorded over real sockets, or in a lab
//!      │
//!  judge         observations, held against expectations, whatever the contract
//!      │
//!  fixtures      the contract as data
//!      │
//!  input         files of text
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
//! An application in virtual time:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use axum::Router;
//! use axum::response::sse::{Event, Sse};
//! use axum::routing::get;
//! use futures_util::{Stream, stream};
//! use onbeat::secs;
//! use tokio::time::interval;
//!
//! async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
//!     let ticks = stream::unfold(interval(secs(30)), async |mut interval| {
//!         interval.tick().await;
//!         Some((Ok(Event::default().data("tick")), interval))
//!     });
//!     Sse::new(ticks)
//! }
//!
//! onbeat::lab(Router::new().route("/ticks", get(ticks)), async |lab| {
//!     let ticks = lab.get("/ticks").await;
//!     lab.advance(secs(95)).await;
//!     assert_eq!(ticks.times_ms(), [0, 30_000, 60_000, 90_000]);
//! });
//! ```

#![cfg_attr(
    all(feature = "check", not(feature = "cli")),
    allow(dead_code, unused_imports, reason = "`check` alone does not use all that it shares with `live`")
)]

mod excerpt;
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
pub mod server;
#[cfg(feature = "server")]
mod sleepers;
#[cfg(feature = "server")]
pub mod world_lab;

#[cfg(feature = "check")]
pub mod against;
#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "check")]
pub mod fixtures;
#[cfg(feature = "check")]
mod input;
#[cfg(feature = "check")]
pub mod judge;
#[cfg(feature = "check")]
pub mod record;

#[cfg(feature = "simulate")]
pub mod simulate;
#[cfg(feature = "simulate")]
mod worlds;

#[cfg(feature = "live")]
#[doc(hidden)]
pub mod server_url;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

#[cfg(feature = "server")]
pub use onbeat_server::random::Seed;
#[cfg(feature = "server")]
pub use onbeat_wire::Epoch;
pub use onbeat_wire::{Entry, Head, How, Transcript, What};

pub use self::lab::{
    Application, Client, Comment, Event, Lab, LabOptions, Network, OpenRequest, Peer, RequestBuilder, Response, Retry,
    Socket, Write, lab, lab_with, ms, secs,
};
#[cfg(feature = "hyper-client")]
pub use self::lab::{HostConnector, HostSocket};
pub use self::player::ClientLog;
#[cfg(feature = "server")]
pub use self::server::Server;
#[cfg(feature = "simulate")]
pub use self::simulate::Draws;
#[cfg(feature = "simulate")]
pub use self::worlds::{ClientRequest, EndedWorld, Explored, InvariantOutcome, WorldClient, WorldExchange, Worlds};

#[cfg(feature = "check")]
pub use self::{
    against::CheckAgainst,
    check::{CheckContract, CheckError},
    judge::{Finding, Outcome, Report, Verdict},
    record::Recording,
};
