//! The cases: the clauses of a contract that a server can break, one by one.

use serde::{Deserialize, Serialize};

/// A clause of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Stays the same in all versions: a list of expected failures names cases by id.
    pub(crate) id: String,
    pub(crate) tier: Tier,
    /// The aspects of a line that the case looks at.
    pub(crate) checks: Vec<Aspect>,
    /// The name of the header, if the case looks at a single header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    /// Whether the case looks at a single connection, which a proxy in between may manage differently: how bytes are put
    /// into chunks, when and how the connection ends, and which requests, limits and versions of HTTP are accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hop_by_hop: bool,
    /// The clause of the contract.
    pub(crate) clause: String,
}

impl Case {
    /// Returns whether the case looks at one of the aspects.
    pub(crate) fn looks_at(&self, aspects: &[Aspect]) -> bool {
        self.checks.iter().any(|aspect| aspects.contains(aspect))
    }
}

/// The meaning of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The server does not conform.
    Required,
    /// Worth knowing; servers may differ.
    Observe,
}

/// A property of a line that can be wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The status code.
    Status,
    /// A header.
    Header,
    /// When the head comes: at once.
    HeadTime,
    /// The bytes of a write.
    Bytes,
    /// The write comes, and no further write.
    Presence,
    /// The write comes in its place.
    Order,
    /// The lines end in LF.
    LineEnd,
    /// No line sets an id.
    Id,
    /// A varying timestamp.
    Timestamp,
    /// How a number is spelled.
    Number,
    /// How JSON is spelled: the order of keys, spaces, escapes.
    Spelling,
    /// A number of clients.
    Count,
    /// When the write comes.
    Time,
    /// The usual time since the write before.
    Period,
    /// The write is one chunk.
    Framing,
    /// How the response ends.
    End,
    /// The connection can be used again.
    Reuse,
    /// The events that an application's parser dispatches.
    Events,
}
