//! `onbeat check` from outside: verdicts, reports, lists of known failures, and targets over real sockets.

mod against;
mod clocks;
mod headers;
mod known_failures;
mod lateness;
mod reports;
#[path = "../served/mod.rs"]
mod served;
mod support;
mod targets;
mod verdicts;
