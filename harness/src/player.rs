//! The player: clients act on connections of any kind, and each keeps a log.
//!
//! ```text
//!   action ──► client ──► client log ──► exchanges
//!              sends, and   entries,     requests, with their responses
//!              reads        with times
//! ```
//!
//! A scheduler decides the time of each action: the fixtures, the check, the simulation, the replay of a log, or a test in a lab.

mod action;
mod client;
mod client_log;
mod exchange;

pub use self::action::Action;
pub use self::client::{Bounds, LogReader, Player};
pub use self::client_log::{ClientLog, LogEntry};
pub use self::exchange::{ExchangeFold, HttpExchange};
