//! `onbeat check` from outside: verdicts, reports, lists of known failures, and targets over real sockets.

mod against;
mod clocks;
mod from_lab;
mod headers;
mod known_failures;
mod lateness;
mod other_clients;
mod proxies;
mod reports;
#[path = "../lab/scripted.rs"]
#[allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "the application waits as applications do, and the tests of the lab plant more bugs"
)]
mod scripted;
#[path = "../served/mod.rs"]
mod served;
mod support;
mod targets;
mod verdicts;
