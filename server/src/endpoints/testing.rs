//! What the tests of the scripts share.

use onbeat_wire::Instant;

use crate::random::Seed;
use crate::script::{Start, Writes};

/// A stream that starts with its world, on 2025-12-01.
pub(crate) fn start() -> Start {
    Start {
        epoch: "2025-12-01T00:00:00Z".parse().expect("a valid epoch"),
        at: Instant::EPOCH,
        seed: Seed(42),
        connection: 0,
        request: 0,
    }
}

/// The writes as (milliseconds, text).
pub(crate) fn table(writes: impl Writes) -> Vec<(u128, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("streams are UTF-8");
    writes.map(|write| (write.at.as_millis(), text(&write.bytes))).collect()
}
