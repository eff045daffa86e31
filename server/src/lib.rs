//! A Server-Sent Events server whose every byte is a function of seed, epoch, requests and time.
//!
//! Seven endpoints: five streams, and two that fan out to the clients of `/sse`. Data flows one way: script, faults,
//! driver, HTTP. A module uses only those before it:
//!
//! ```text
//!  clock ── random                           what a script is made of, with the crate `onbeat-wire`
//!                    │
//!                 script                      what a response does, and when: head, writes, end; pure
//!                    │
//!    arrivals ── connection ── channel ── query   one client; what all clients of a stream hear; what a request asks
//!                    │
//!                endpoints                    one file each
//!                    │
//!     faults ── log ── backstage              what goes wrong behind a world, and what has happened
//!                    │
//!      world ──── driver                      plays a script, or another body, through the hook of its response
//!                    │
//!     context ── entrance                     counts every request; in a world with a backstage, adds the hook
//!                    │
//!                 router ── cors ── guard     which request gets which endpoint
//!                    │
//!        service ── watched                   how far an answer has come, which client has left
//!                    │
//!                  http                       one connection, over anything that reads and writes
//!                    │
//!                 accept                      many connections, from anywhere
//!                    │
//!      ready ── socket ── listener            from TCP, and whether that can begin
//!                    │
//!         page ── control                     one world after another, driven over HTTP, and by hand
//! ```
//!
//! A test makes a [`world::World`] with a paused clock and hands [`accept::accept`] its ends of pipes; `onbeat serve`
//! makes one with a real clock and hands [`listener::serve`] a socket. The code in between is the same. With
//! [`control::router`] a frontend's test drives the clock, brings faults about and resets the world.

pub mod accept;
pub mod arrivals;
pub mod backstage;
pub mod channel;
pub mod clock;
pub mod connection;
mod context;
pub mod control;
mod cors;
pub mod driver;
pub mod endpoints;
mod entrance;
pub mod faults;
mod guard;
pub mod http;
pub mod listener;
pub mod log;
pub mod page;
pub mod query;
pub mod random;
pub mod ready;
pub mod router;
pub mod script;
mod service;
mod socket;
mod watched;
pub mod world;
