//! Protocol traces: what goes over the wire in the lab, to the byte and the millisecond.
//!
//! Each trace states laws first and is then held against a snapshot, which is what a reviewer reads.

mod abuse;
mod advances;
mod attention;
mod broadcasts;
mod determinism;
mod foreign;
mod leaving;
mod other_requests;
mod parsers;
mod pipelining;
mod player;
mod snapshots;
mod streams;
mod support;

#[path = "../snapshot/mod.rs"]
mod snapshot;
