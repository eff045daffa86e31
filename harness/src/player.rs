//! The player: clients that act on a connection of any kind, and a log of what each of them did and saw.
//!
//! ```text
//!   action ──► client ──► client log ──► exchanges
//!              sends, and   entries,     each request, with the response that came
//!              reads        with times
//! ```
//!
//! Schedulers decide which client acts when: the scenes of the fixtures, the check, the simulation, and the replay of a log.

mod action;
mod client;
mod client_log;
mod exchange;

pub use self::action::{Action, Leaving};
pub use self::client::{Bounds, Client};
pub use self::client_log::{ClientLog, LogEntry};
pub use self::exchange::HttpExchange;
