//! Clients in Rust, tested against a server in the process of the test.
//!
//! No test sleeps. A client reads without waiting what an advance has answered for.

mod blocking;
mod channels;
mod connections;
mod ending;
mod faults;
mod guide;
mod problems;
mod reconnecting;
#[path = "../snapshot/mod.rs"]
mod snapshot;
mod support;
mod time;
