//! The network of a client, as data: room, pieces, delays, and a reset.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::draws::Draws;

/// The network between a client and the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// How many bytes may be in flight in each direction.
    pub window_bytes: usize,
    /// How many bytes travel at a time, at most.
    pub piece_bytes: usize,
    /// How long bytes travel to the client, in milliseconds.
    pub latency_ms: u64,
    /// How much longer bytes may travel, in milliseconds.
    pub jitter_ms: u64,
    /// Bytes arrive together at multiples of so many milliseconds; 1 delays no bytes.
    pub together_ms: u64,
    /// How many bytes arrive at the client before a reset of the connection.
    pub breaks_after: Option<usize>,
    /// The client of which this client is the return.
    pub again: Option<usize>,
}

impl Link {
    /// A network without faults.
    pub(crate) const PLAIN: Self = Self {
        window_bytes: 64 * 1024,
        piece_bytes: 4096,
        latency_ms: 0,
        jitter_ms: 0,
        together_ms: 1,
        breaks_after: None,
        again: None,
    };

    /// Draws a network, every second without faults. Where messages are `long`, pieces are not all short.
    pub(crate) fn draw(draws: &mut Draws, long: bool) -> Self {
        if draws.chance(2) {
            return Self::PLAIN;
        }
        let pieces = if long { [4096, 4096, 1000, 100] } else { [4096, 1, 3, 17] };
        Self {
            window_bytes: draws.one_of(&[64 * 1024, 64 * 1024, 1024, 64]),
            piece_bytes: draws.one_of(&pieces),
            latency_ms: draws.one_of(&[0, 0, 1, 40, 1000]),
            jitter_ms: draws.one_of(&[0, 0, 1, 300]),
            together_ms: draws.one_of(&[1, 1, 1, 100, 1000]),
            breaks_after: if draws.chance(8) { Some(draws.index(2000)) } else { None },
            again: None,
        }
    }

    /// Returns how long bytes travel at most, in milliseconds.
    pub(super) fn delay_ms_max(&self) -> u64 {
        // Adds the longest wait for the next multiple of the time.
        self.latency_ms + self.jitter_ms + self.together_ms - 1
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self::PLAIN;
        let traits = [
            self.again.map(|client| format!(" is client {client}, come back")),
            (self.window_bytes != plain.window_bytes).then(|| format!(" has a window of {} B", self.window_bytes)),
            (self.piece_bytes != plain.piece_bytes).then(|| format!(" gets {} B at a time", self.piece_bytes)),
            (self.latency_ms > 0).then(|| format!(" gets them {} ms late", self.latency_ms)),
            (self.jitter_ms > 0).then(|| format!(" or up to {} ms more", self.jitter_ms)),
            (self.together_ms > 1).then(|| format!(" gets them every {} ms", self.together_ms)),
            self.breaks_after.map(|bytes| format!(" is cut off (RST) after {bytes} B")),
        ];
        f.write_str(&traits.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}
