//! The random values of a stream, by the documented rule and not by the code of the server.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The values of a stream, in order.
pub(super) struct Values {
    /// Whether a value is rounded to one decimal.
    is_rounded: bool,
    random: ChaCha8Rng,
}

impl Values {
    pub(super) fn new(is_rounded: bool, seed: u64, connection: u64, request: usize) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(connection);
        // Moves to the blocks of the request: each request has 2³² blocks of 16 words.
        random.set_word_pos((request as u128) << 36);
        Self { is_rounded, random }
    }

    /// Returns the next value as the stream prints the value, with the key.
    pub(super) fn next(&mut self) -> String {
        // Takes the upper 53 bits, as many as an `f64` holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "an f64 holds just 53 bits")]
        let unit = (self.random.next_u64() >> 11) as f64 / 2_f64.powi(53);
        let value = if self.is_rounded { (unit * 1000.0 + 0.5).floor() / 10.0 } else { unit * 100.0 };
        format!("\"value\":{}", ryu_js::Buffer::new().format(value))
    }
}
