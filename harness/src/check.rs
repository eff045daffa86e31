//! The check: any server, held against the golden fixtures.
//!
//! ```text
//!   fixtures ── scope            the contract, and how much of the contract is judged
//!        │
//!   target                       a server in a lab, or a server over TCP
//!        │
//!   play, requests               clients act as the fixtures say ──► client logs
//!   application                  an application watches as well  ──► dispatched events
//!        │
//!   tag, other_clients           what other clients of the server may have caused
//!        │
//!      judge                     knows neither the contract nor the check
//!        │
//!   hint                         the likeliest cause of many failures
//!        │
//!   exact ── embedded, in_lab    a whole check in virtual time: of the embedded server, and of an application in a lab
//!        │
//!   live                         a whole check in real time
//! ```
//!
//! On the embedded server every time is exact. On a server over TCP a write is never early, late only beyond a tolerance,
//! and a period is judged by the median of the gaps. The judge knows no difference.

mod application;
mod case_patterns;
mod embedded;
mod error;
mod exact;
mod headers;
#[cfg(feature = "live")]
mod hint;
#[cfg(test)]
mod hostile;
mod in_lab;
mod lines_seen;
#[cfg(feature = "live")]
mod live;
mod other_clients;
mod play;
mod requests;
mod scope;
mod tag;
mod target;
#[cfg(test)]
mod tests;

pub use self::embedded::check_embedded;
pub use self::error::CheckError;
#[cfg(feature = "cli")]
pub(crate) use self::headers::check_free;
pub use self::headers::{ExtraHeaders, WrongHeader};
pub use self::in_lab::CheckContract;
#[cfg(feature = "live")]
pub use self::live::{Progress, Remote, Unreachable, check_live};
pub use self::scope::Scope;

pub(crate) use self::case_patterns::CasePatterns;
pub(crate) use self::in_lab::IN_LAB;

#[cfg(feature = "live")]
pub(crate) use self::live::{look_for_stalls, too_fast};

use self::lines_seen::LinesSeen;
#[cfg(any(test, feature = "live"))]
use self::other_clients::Noise;
use self::other_clients::{HEARTBEAT, OtherClients};
use self::tag::Tag;
use self::target::{InLab, Target};
use crate::fixtures::read_back::Golden;

/// Returns the ids of all cases, in their order.
#[must_use]
pub fn case_ids() -> Vec<String> {
    Golden::read().cases.into_iter().map(|case| case.id).collect()
}
