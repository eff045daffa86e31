//! The operations of a history, with times.

use std::fmt;

use onbeat_wire::LeftHow;
use onbeat_wire::printable::visible;
use serde::{Deserialize, Serialize};

use super::resource::{Manner, Resource, ResourceRequest};
use crate::player::Action;

/// An operation of a client, or on the world. `R` is the type of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation<R = ResourceRequest> {
    /// When the operation begins, in milliseconds after the epoch.
    pub at_ms: u64,
    /// The number of the client; without a meaning for an operation on the world.
    pub client: usize,
    /// The kind of the operation.
    #[serde(rename = "what")]
    pub kind: OperationKind<R>,
    /// Whether the next operation waits for all consequences of this operation.
    pub settles: bool,
    /// Whether the operation begins before everything else that is due at the same instant.
    pub races: bool,
}

/// A kind of operation: the acts of clients, and what happens to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind<R = ResourceRequest> {
    /// A client sends a request.
    #[serde(rename = "Ask", alias = "Request")]
    Request(R),
    /// A client sends bytes that are no HTTP.
    Garbage(String),
    /// A client stops reading for a while.
    Pause,
    /// A client reads on.
    Resume,
    /// A client closes the connection (FIN).
    Close,
    /// A client sends no more (half-close).
    HalfClose,
    /// A client resets the connection (RST).
    Reset,
    /// The time of the world jumps, as for a suspended machine.
    Jump {
        /// The length of the jump in milliseconds.
        ms: u64,
    },
    /// The server is told to end.
    ShutDown,
}

impl<R> Operation<R> {
    /// Returns when the operation is over, in milliseconds.
    pub(crate) fn over_ms(&self) -> u64 {
        self.at_ms + self.kind.lasts_ms()
    }
}

impl<R> OperationKind<R> {
    /// Returns whether the operation is done to the world, and not by a client.
    pub(crate) fn is_of_the_world(&self) -> bool {
        matches!(self, Self::Jump { .. } | Self::ShutDown)
    }

    /// Returns how long the operation lasts, in milliseconds.
    pub(crate) fn lasts_ms(&self) -> u64 {
        if let Self::Jump { ms } = self { *ms } else { 0 }
    }

    /// Returns the action of the client; none for a request, and for an operation on the world.
    pub(crate) fn action(&self) -> Option<Action> {
        Some(match self {
            Self::Garbage(bytes) => Action::Send(bytes.clone().into()),
            Self::Pause => Action::Pause,
            Self::Resume => Action::Resume,
            Self::Close => Action::Leave(LeftHow::Closed),
            Self::HalfClose => Action::Leave(LeftHow::HalfClosed),
            Self::Reset => Action::Leave(LeftHow::Reset),
            Self::Request(_) | Self::Jump { .. } | Self::ShutDown => return None,
        })
    }
}

impl OperationKind {
    /// Returns the resource and the manner of a request.
    pub(super) fn request(&self) -> Option<(Resource, Manner)> {
        if let Self::Request(request) = self { Some((request.resource, request.manner)) } else { None }
    }

    /// Returns whether a client leaves.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::Close | Self::HalfClose | Self::Reset)
    }

    /// Returns whether a client requests a stream with a body.
    pub(super) fn joins_a_stream(&self) -> bool {
        self.request().is_some_and(|(resource, manner)| resource.is_stream() && manner != Manner::Head)
    }

    /// Returns whether a client that is not yet connected connects for the operation.
    pub(super) fn connects(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Garbage(_) | Self::HalfClose)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, client, kind, settles, races } = self;
        let subject = if kind.is_of_the_world() { "the server".into() } else { format!("client {client}") };
        let first = if *races { ", before what is due then" } else { "" };
        let then = if *settles { "" } else { ", and at once:" };
        write!(f, "{at_ms:>9} ms  {subject} {kind}{first}{then}")
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => write!(f, "sends {request}"),
            Self::Garbage(bytes) => write!(f, "sends what is no HTTP: {}", visible(bytes.as_bytes())),
            Self::Pause => f.write_str("reads no more"),
            Self::Resume => f.write_str("reads on"),
            Self::Close => f.write_str("closes (FIN)"),
            Self::HalfClose => f.write_str("sends no more (half-close)"),
            Self::Reset => f.write_str("resets (RST)"),
            Self::Jump { ms } => write!(f, "is suspended: its time jumps by {ms} ms"),
            Self::ShutDown => f.write_str("is told to end"),
        }
    }
}
