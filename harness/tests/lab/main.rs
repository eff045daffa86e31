//! The lab around applications that know nothing of Onbeat.

#![allow(clippy::disallowed_methods, reason = "the applications under test wait as applications do")]

mod applications;
mod failures;
mod guide;
mod hosts;
mod leaving;
mod reading;
mod times;

#[path = "../snapshot/mod.rs"]
mod snapshot;
