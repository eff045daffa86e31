//! The errors of a server: the expected value, the given value, and the next step.

use std::fmt;

use onbeat_control::{NoSuchScenario, OperationError, PushError};
use onbeat_faults::form::WrongField;
use onbeat_routes::Problems;

/// A refused call. Nothing has changed.
///
/// The debug form is the text itself: a test prints the debug form of an error, returned or unwrapped.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerError {
    kind: ServerErrorKind,
    text: String,
}

/// The kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// The server can't start.
    CannotStart,
    /// A value is wrong: a route, a fault, an event, or an option.
    WrongValue,
    /// A connection, a channel, a fault or a route is not there.
    NotThere,
    /// The call is not possible as things are.
    NotPossible,
    /// Too few clients came in time.
    TooLate,
    /// The server has ended.
    Stopped,
}

impl ServerError {
    pub(super) fn new(kind: ServerErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Returns the error of a server after the end.
    pub(super) fn stopped() -> Self {
        Self::new(ServerErrorKind::Stopped, "expected a server that runs: it was stopped or dropped, or has failed")
    }

    /// Returns the error about a wrong value.
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self::new(ServerErrorKind::WrongValue, text)
    }

    /// Returns the error with the name of the wrong value before the text.
    pub(super) fn of(self, name: &str) -> Self {
        Self { text: format!("{name}: {}", self.text), ..self }
    }

    /// Returns the error with more text at the end.
    pub(super) fn and(self, text: &str) -> Self {
        Self { text: self.text + text, ..self }
    }

    /// Returns the kind of the refusal.
    #[must_use]
    pub fn kind(&self) -> ServerErrorKind {
        self.kind
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServerError {}

impl From<OperationError> for ServerError {
    fn from(error: OperationError) -> Self {
        use OperationError as E;
        use ServerErrorKind::{NotPossible, NotThere, TooLate, WrongValue};
        // Lists the kind, the subject of the text, and the advice in the words of a program.
        let (kind, about, advice) = match &error {
            E::Wrong(_) | E::WrongTime(_) | E::Routes(_) => (WrongValue, "", ""),
            E::NoScenario(_) => (WrongValue, "scenario: ", ""),
            E::EndOfTime { .. } => (WrongValue, "", ": reset the server with Server::reset"),
            E::NoRoute(_) => (NotThere, "", ": Server::routes lists those that there are"),
            E::NoFault(_) => (NotThere, "", ": Server::faults lists those that there are"),
            E::NoConnection(_) | E::Push(PushError::NotOpen(_)) => {
                (NotThere, "", ": Server::connections lists those that are")
            }
            E::NoChannel(_) => (NotThere, "", ""),
            E::TooManyRoutes(_) => (NotPossible, "", ": delete some with Server::delete_routes"),
            E::TooManyFaults(_) => (NotPossible, "", ": delete some with Server::delete_faults"),
            E::NotManual => (NotPossible, "the clock ", ": leave ServerBuilder::clock out for a manual clock"),
            E::ResetInWait(_) => (NotPossible, "", ": await the reply before the reset"),
            E::ResetInAdvance => (NotPossible, "the clock ", ""),
            E::NotConnected { .. } | E::NotSubscribed { .. } => (TooLate, "", ""),
            _ => (NotPossible, "", ""),
        };
        Self::new(kind, format!("{about}{error}{advice}"))
    }
}

impl From<Problems> for ServerError {
    fn from(problems: Problems) -> Self {
        OperationError::from(problems).into()
    }
}

impl From<NoSuchScenario> for ServerError {
    fn from(error: NoSuchScenario) -> Self {
        OperationError::from(error).into()
    }
}

impl From<WrongField> for ServerError {
    fn from(wrong: WrongField) -> Self {
        OperationError::from(wrong).into()
    }
}
