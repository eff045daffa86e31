//! A Server-Sent Events server whose every byte is a function of seed, epoch, requests and time.
//!
//! Seven endpoints: five streams, and two publishers that every client of the first stream hears. Data flows one way:
//! script, driver, HTTP. A module uses only those before it:
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
//!      world ──── driver                      plays a script, or another body, through the hook of its response
//!                    │
//!     context ── interceptor                  the seam for those who watch or change exchanges
//!                    │
//!                entrance                     counts every request, and calls the interceptor
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
//! ```
//!
//! A test makes a [`world::World`] with a paused clock and hands [`accept::accept`] its ends of pipes; `onbeat serve`
//! makes one with a real clock and hands [`listener::serve`] a socket. The code in between is the same. The crate
//! `onbeat-control` is an [`interceptor::Interceptor`], by which a frontend's test brings faults about.

pub mod accept;
pub mod arrivals;
pub mod channel;
pub mod clock;
pub mod connection;
pub mod context;
mod cors;
pub mod driver;
pub mod endpoints;
mod entrance;
mod guard;
pub mod http;
pub mod interceptor;
pub mod listener;
pub mod query;
pub mod random;
pub mod ready;
pub mod router;
pub mod script;
mod service;
mod socket;
mod watched;
pub mod world;
