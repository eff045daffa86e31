//! Random worlds around applications that know nothing of Onbeat: correct ones hold, and each planted bug is found.

#![allow(clippy::disallowed_methods, reason = "the applications under test wait as applications do")]

mod buggy;
mod correct;
mod found;
mod guide;
mod runs;

#[path = "../lab/applications.rs"]
mod applications;
#[path = "../snapshot/mod.rs"]
mod snapshot;
