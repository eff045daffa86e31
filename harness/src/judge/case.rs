//! The cases: what can be held against a server, one by one.

use serde::{Deserialize, Serialize};

/// What a case holds against a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Stable: a consumer may name it in a list of expected failures.
    pub(crate) id: String,
    pub(crate) tier: Tier,
    /// The aspects of a line that the case looks at.
    pub(crate) checks: Vec<Aspect>,
    /// The name of the header, if the case looks at one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    /// Whether the case looks at one connection alone, which a proxy in between may manage as it likes: how bytes are put into
    /// chunks, when and how the connection ends, and which requests, limits and versions of HTTP are taken on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hop_by_hop: bool,
    /// The clause of the contract.
    pub(crate) clause: String,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The server does not conform.
    Required,
    /// Worth knowing; servers may differ.
    Observe,
}

/// Something about a line that can be wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The status code.
    Status,
    /// A header.
    Header,
    /// The head comes at once.
    HeadTime,
    /// The bytes of a write.
    Bytes,
    /// The write is there, and no other.
    Presence,
    /// It comes in its place.
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
    /// When it comes.
    Time,
    /// How long after the one before it comes, as a rule.
    Period,
    /// The write is one chunk.
    Framing,
    /// How the response ends.
    End,
    /// The connection can be used again.
    Reuse,
    /// What an application's parser dispatches.
    Events,
}
