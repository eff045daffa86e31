//! The lab around applications that know nothing of Onbeat.

#![allow(clippy::disallowed_methods, reason = "the applications under test wait as applications do")]

#[cfg(feature = "check")]
mod against;
mod applications;
#[cfg(feature = "check")]
mod checking;
#[cfg(feature = "check")]
mod contract;
mod failures;
#[cfg(feature = "check")]
mod guide;
mod hosts;
mod leaving;
mod reading;
#[cfg(feature = "check")]
mod recordings;
#[cfg(feature = "check")]
mod scripted;
mod times;

#[path = "../../examples/ticker.rs"]
mod example;
#[path = "../snapshot/mod.rs"]
mod snapshot;
