//! The epochs of served worlds.

use onbeat_wire::Epoch;

use super::Kind;

/// The epoch of a world with a manual clock, unless another one is given.
pub const MANUAL_EPOCH: &str = "2025-12-01T00:00:00Z";

/// Returns the machine's wall-clock time, the epoch of a world that runs in real time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one look at the machine's calendar, before a world begins")]
pub fn epoch_today() -> Epoch {
    std::time::SystemTime::now().into()
}

impl Kind {
    /// Returns the epoch of a world with such a clock, unless another one is given.
    ///
    /// # Panics
    ///
    /// Never: [`MANUAL_EPOCH`] is a valid epoch.
    #[must_use]
    pub fn epoch(self) -> Epoch {
        match self {
            Self::Manual => MANUAL_EPOCH.parse().expect("a valid epoch"),
            Self::Real | Self::Scaled(_) => epoch_today(),
        }
    }
}
