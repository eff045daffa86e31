//! The refusals of operations: the expected value, and the given value. The control interface and the server of a test add
//! advice, each in the words of their callers.

use std::time::Duration;

use onbeat_clock::EndOfTime;
use onbeat_faults::TooMany;
use onbeat_faults::form::WrongField;
use onbeat_routes::{NoSuchChannel, Problems, TooManyRoutes};

use super::{ADVANCE_MS_MAX, NoSuchScenario};
use crate::connections::{NotOpen, OtherRequest};
use crate::monitor::PushError;

/// A refused operation. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// A value is wrong.
    #[error(transparent)]
    Wrong(#[from] WrongField),
    /// Routes have problems.
    #[error(transparent)]
    Routes(#[from] Problems),
    /// There are too many routes.
    #[error(transparent)]
    TooManyRoutes(#[from] TooManyRoutes),
    /// No route has this id.
    #[error("there is no route {0}")]
    NoRoute(u64),
    /// No scenario has this name.
    #[error(transparent)]
    NoScenario(#[from] NoSuchScenario),
    /// There are too many faults.
    #[error(transparent)]
    TooManyFaults(#[from] TooMany),
    /// No fault has this id.
    #[error("there is no fault {0}")]
    NoFault(u64),
    /// No connection with this ordinal is open.
    #[error(transparent)]
    NoConnection(#[from] NotOpen),
    /// The response under way answers another request.
    #[error(transparent)]
    OtherRequest(#[from] OtherRequest),
    /// The response takes no write.
    #[error(transparent)]
    Push(#[from] PushError),
    /// No channel has this name.
    #[error(transparent)]
    NoChannel(#[from] NoSuchChannel),
    /// The clock is not manual.
    #[error("passes by itself and can't be advanced")]
    NotManual,
    /// The time to advance by is too long, or has a fraction of a millisecond.
    #[error("expected whole milliseconds, at most a week ({ADVANCE_MS_MAX} ms), got {0:?}")]
    WrongTime(Duration),
    /// Time would pass the end of time.
    #[error("{error}; it is {now_ms} ms")]
    EndOfTime {
        /// The end.
        error: EndOfTime,
        /// The time now, in milliseconds.
        now_ms: u64,
    },
    /// A new world was opened while the clock was advanced.
    #[error("was reset while it was advanced")]
    ResetInAdvance,
    /// A new world was opened while clients were waited for.
    #[error("the server was reset during the wait for {0}")]
    ResetInWait(String),
    /// Too few responses are under way.
    #[error("expected {awaited} within {timeout_ms} ms, got {got}; {others}")]
    NotConnected {
        /// How many were waited for, and the request, in words.
        awaited: String,
        /// How long was waited, in milliseconds of the machine's time.
        timeout_ms: u128,
        /// How many there are.
        got: usize,
        /// All responses under way, and the last such request that was answered, in words.
        others: String,
    },
    /// Too few clients are subscribed.
    #[error("expected {awaited} within {timeout_ms} ms, got {got}{others}")]
    NotSubscribed {
        /// How many were waited for, and the channel, in words.
        awaited: String,
        /// How long was waited, in milliseconds of the machine's time.
        timeout_ms: u128,
        /// How many there are.
        got: usize,
        /// The subscribers of other channels, in words.
        others: String,
    },
}
