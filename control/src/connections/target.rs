//! The target of a request: the path, and the query.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::http::Uri;
use onbeat_server::context::{clipped, plain_path};
use onbeat_server::query::decode;

use crate::log::Redaction;

/// The target of a request as the connection table keeps targets.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestTarget {
    /// The path, as the server compares paths.
    pub(crate) path: String,
    /// The query without secrets, as the log shows queries; nothing without a question mark.
    pub(crate) query: Option<String>,
    parameters: Parameters,
}

/// The parameters of a query, in a form to compare: a hash, so that no secret is kept, and a long query takes no memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters(u64);

impl RequestTarget {
    /// Returns the target, without the secrets in `redaction`.
    pub(crate) fn new(uri: &Uri, redaction: &Redaction) -> Self {
        let query = uri.query().map(|query| redaction.url(format!("?{query}").into())[1..].to_owned());
        Self {
            path: clipped(plain_path(uri.path())),
            query: query.map(clipped),
            parameters: Parameters::of(uri.query().unwrap_or_default()),
        }
    }

    pub(super) fn has(&self, parameters: Parameters) -> bool {
        self.parameters == parameters
    }
}

impl fmt::Display for RequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.query.as_ref().map_or(Ok(()), |query| write!(f, "?{query}"))
    }
}

impl Parameters {
    /// Returns the parameters of a query, decoded, without their order.
    pub(super) fn of(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<_> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        pairs.sort();
        let mut hasher = DefaultHasher::new();
        pairs.hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_the_same_in_any_order_and_encoding() {
        for (query, other, are_same) in [
            ("id=a", "id=a", true),
            ("id=a", "id=b", false),
            ("id=a", "ID=a", false),
            ("id=a", "id=a&x=1", false),
            ("id=a&x=1", "x=1&&id=a&", true),
            ("id=a&id=b", "id=b&id=a", true),
            ("id=a", "id=a&id=a", false),
            ("id=a+b", "id=a%20b", true),
            ("name=ü", "name=%C3%BC", true),
            ("id", "id=", true),
            ("", "&", true),
            ("a=b%26c=d", "a=b&c=d", false),
            ("a=bc", "ab=c", false),
        ] {
            assert_eq!(Parameters::of(query) == Parameters::of(other), are_same, "{query} {other}");
        }
    }

    #[test]
    fn a_target_is_shown_without_secrets() {
        let shown =
            |target: &str| RequestTarget::new(&target.parse().expect("a target"), &Redaction::default()).to_string();
        for (target, as_shown) in [
            ("/Room/", "/room"),
            ("/Room?id=A", "/room?id=A"),
            ("/room?", "/room?"),
            ("/room?token=abc&id=a", "/room?token=xxx&id=a"),
        ] {
            assert_eq!(shown(target), as_shown);
        }
        // Cuts the query only after the secrets are gone.
        assert!(!shown(&format!("/room?token={}", "a".repeat(2000))).contains("aa"));
    }
}
