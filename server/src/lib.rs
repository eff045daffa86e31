//! A Server-Sent Events server whose every byte is a function of seed, epoch, requests and time.
//!
//! The built-in endpoints are five streams, and two publishers for the clients of the first stream. Data flows one way:
//! script, driver, HTTP. A module uses only earlier modules of this map:
//!
//! ```text
//!  random                                       the random values of a seed
//!                    │
//!    arrivals ── connection ── channel ── query   one client; broadcasts; query strings
//!                    │
//!      heartbeats ── script                   what a response does, and when: head, writes, end; pure
//!                    │
//!                endpoints                    one file each
//!                    │
//!  limits ── world ── driver                  plays a script, or a foreign body, through the hook
//!                    │
//!     context ── interceptor                  where a crate can watch or change exchanges
//!                    │
//!      application                            where a crate can answer requests
//!                    │
//!       body ── entrance ── respond          reads and counts every request, and calls the interceptor; plays a script
//!                    │
//!       cors ── malformed ── router           what is refused before, and the endpoint for a request
//!                    │
//!     service ── watched_socket               the progress of an answer, the end of a client
//!                    │
//!                serving                      one connection, over any reader and writer
//!                    │
//!          shutdown ── accept                 many connections, from any source, and their end
//!                    │
//!      ready ── socket ── listener            connections from TCP, and the readiness probe
//! ```
//!
//! A test makes a [`world::World`] with a paused clock, and gives pipes to [`accept::accept`]; `onbeat serve` makes a
//! world with a real clock, and gives a socket to [`listener::serve`]. The code in between is the same. The crate
//! `onbeat-control` implements an [`interceptor::Interceptor`], which notes requests and applies faults.

pub mod accept;
pub mod application;
pub mod arrivals;
mod body;
pub mod channel;
pub mod connection;
pub mod context;
mod cors;
pub mod driver;
pub mod endpoints;
mod entrance;
pub mod heartbeats;
pub mod interceptor;
pub mod limits;
pub mod listener;
mod malformed;
pub mod query;
pub mod random;
pub mod ready;
pub mod respond;
pub mod router;
pub mod script;
mod service;
pub mod serving;
mod shutdown;
pub mod socket;
mod watched_socket;
pub mod world;
