//! Helpers for the tests of the scripts.

use onbeat_wire::Instant;

use crate::random::Seed;
use crate::script::{Start, Writes};

/// Returns the start of a stream on 2025-12-01, together with the world.
pub(crate) fn start() -> Start {
    Start {
        epoch: "2025-12-01T00:00:00Z".parse().expect("a valid epoch"),
        at: Instant::EPOCH,
        seed: Seed(42),
        connection: 0,
        request: 0,
    }
}

/// Returns the writes as (milliseconds, text).
pub(crate) fn table(writes: impl Writes) -> Vec<(u128, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("streams are UTF-8");
    writes.map(|write| (write.at.as_millis(), text(&write.bytes))).collect()
}
