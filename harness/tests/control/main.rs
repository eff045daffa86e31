//! The control interface of a served process, over real sockets: time that is driven, faults, resets, and attacks.
//!
//! No test sleeps. What an advance has answered for is read without waiting.

mod arrivals;
mod clock;
mod closing;
mod driving;
mod faults;
mod log;
mod log_of_real_time;
mod openapi;
mod page;
mod ready;
mod reset;
mod routes;
mod security;
#[path = "../served/mod.rs"]
mod served;
mod support;
