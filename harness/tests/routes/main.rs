//! A team's own routes, served in the lab: what goes over the wire, to the byte and the millisecond.

mod channels;
mod checking;
mod matching;
mod playing;
mod problems;
mod responses;
mod support;
mod tutorial;

#[path = "../snapshot/mod.rs"]
mod snapshot;
