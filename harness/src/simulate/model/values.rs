//! The random values of a stream, by the documented rule and not by the server's code.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The values that a stream prints, in order.
pub(super) struct Values {
    /// Whether a value is rounded to one decimal.
    is_rounded: bool,
    random: ChaCha8Rng,
}

impl Values {
    pub(super) fn new(is_rounded: bool, seed: u64, connection: u64, request: usize) -> Self {
        let key: Vec<u8> = seed.to_le_bytes().into_iter().chain([0; 24]).collect();
        let mut random = ChaCha8Rng::from_seed(key.try_into().unwrap_or_default());
        random.set_stream(connection);
        // 2³² blocks of 16 words for each request.
        random.set_word_pos((request as u128) << 36);
        Self { is_rounded, random }
    }

    /// The next value, as it is printed, with its key.
    pub(super) fn next(&mut self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are just what an f64 holds")]
        let unit = (self.random.next_u64() >> 11) as f64 / 2_f64.powi(53);
        let value = if self.is_rounded { (unit * 1000.0 + 0.5).floor() / 10.0 } else { unit * 100.0 };
        format!("\"value\":{}", ryu_js::Buffer::new().format(value))
    }
}
