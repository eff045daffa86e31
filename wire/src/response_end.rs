//! How responses end, and how clients leave.

use std::fmt;

#[cfg(feature = "json")]
use serde::{Deserialize, Serialize};

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
pub enum How {
    /// With the last chunk, at the length, or without either by closing.
    Complete,
    /// The client closed the connection.
    Closed,
    /// The client, or the server, reset the connection.
    Reset,
    /// The server closed the connection in the middle.
    Cut,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "complete",
            Self::Closed => "closed by the client",
            Self::Reset => "reset",
            Self::Cut => "cut off by the server",
        })
    }
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum LeftHow {
    /// By closing the connection (FIN).
    Closed,
    /// By sending no more. The client reads on.
    HalfClosed,
    /// By resetting the connection (RST).
    Reset,
}
