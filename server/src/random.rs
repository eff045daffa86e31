//! The only source of randomness in the workspace: the seed.
//!
//! Every stream draws from one `ChaCha8` keystream, by a rule that any language can follow:
//!
//! - the **key** is the seed as eight little-endian bytes, then 24 zero bytes;
//! - the **stream number** (nonce) is the ordinal of the connection, counted from 0 in the order of their first requests;
//! - the **block counter** starts at 2³² × the ordinal of the request on the connection, counted from 0;
//! - heartbeats beside the content of a response draw from the blocks 2³¹ later, so that the content draws the same values
//!   with and without heartbeats;
//! - the keystream is read as little-endian `u64`s. A value in [0, 1) is `(x >> 11) × 2⁻⁵³`, and a whole number below `n` is
//!   `(x × n) >> 64`.
//!
//! No later client changes the values of an earlier client.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The seed of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seed(pub u64);

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Words of keystream (32 bits each, 16 a block) set aside for each request: 2³² blocks.
const WORDS_PER_REQUEST: u128 = 16 << 32;

/// The random values of one stream.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Returns the values for a request of a connection, both counted from 0.
    #[must_use]
    pub fn new(seed: Seed, connection: u64, request: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.0.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        // Chooses the stream by the connection, and the part of the stream by the request.
        rng.set_stream(connection);
        rng.set_word_pos(u128::from(request) * WORDS_PER_REQUEST);
        Self(rng)
    }

    /// Returns the values for heartbeats in answer to a request: those of the second half of the blocks.
    #[must_use]
    pub fn beside(seed: Seed, connection: u64, request: u32) -> Self {
        let Self(mut rng) = Self::new(seed, connection, request);
        rng.set_word_pos(u128::from(request) * WORDS_PER_REQUEST + WORDS_PER_REQUEST / 2);
        Self(rng)
    }

    /// Returns a whole number below `end`; 0 if `end` is 0.
    pub fn next_below(&mut self, end: u64) -> u64 {
        // Takes the upper half of the product: even enough for data of a test, and always a single draw.
        let product = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// Returns the next value, at least 0 and less than 1, as `Math.random` does.
    pub fn next_unit(&mut self) -> f64 {
        unit(self.0.next_u64())
    }
}

/// Returns the upper 53 bits of `x`, as a fraction.
#[expect(clippy::cast_precision_loss, reason = "53 bits are just what an f64 holds")]
fn unit(x: u64) -> f64 {
    const TWO_POW_MINUS_53: f64 = f64::EPSILON / 2.0;
    (x >> 11) as f64 * TWO_POW_MINUS_53
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, connection: u64, request: u32) -> f64 {
        Random::new(Seed(seed), connection, request).next_unit()
    }

    #[test]
    fn the_values_are_the_keystream_of_chacha8() {
        // The published test vector of ChaCha8 with an all-zero key and nonce begins with these eight bytes.
        let x = u64::from_le_bytes([0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6]);
        assert_eq!(first(0, 0, 0).to_bits(), unit(x).to_bits());
    }

    #[test]
    fn a_fraction_has_53_bits() {
        for (x, fraction) in
            [(0, 0.0), (1 << 63, 0.5), (0x7ff, 0.0), (0x800, 2_f64.powi(-53)), (u64::MAX, 1.0 - 2_f64.powi(-53))]
        {
            assert_eq!(unit(x).to_bits(), f64::to_bits(fraction));
        }
    }

    #[test]
    fn seed_connection_and_request_each_change_the_values() {
        let values = [first(42, 0, 0), first(43, 0, 0), first(42, 1, 0), first(42, 0, 1)];
        for (i, a) in values.iter().enumerate() {
            for b in &values[i + 1..] {
                assert_ne!(a.to_bits(), b.to_bits());
            }
        }
    }

    #[test]
    fn values_lie_in_the_unit_interval_and_fill_it() {
        let mut random = Random::new(Seed(42), 0, 0);
        let values: Vec<f64> = (0..10_000).map(|_| random.next_unit()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        let mean = values.iter().sum::<f64>() / 10_000.0;
        assert!((0.49..0.51).contains(&mean), "mean {mean}");
    }

    #[test]
    fn the_values_are_those_of_another_implementation_of_the_rule() {
        // Lists the first value and the ninth, which is in the next block, times 2⁵³, of `Random::new` and of
        // `Random::beside`: by a ChaCha8 written from the RFC.
        for (seed, connection, request, values, beside) in [
            (
                42,
                0,
                0,
                [3_136_797_389_566_453_u64, 4_203_756_084_755_732_u64],
                [925_348_425_425_894, 5_264_293_273_746_760],
            ),
            (
                0x0123_4567_89ab_cdef,
                1,
                0,
                [8_286_617_422_861_624, 5_290_723_103_706_285],
                [3_854_390_582_534_847, 4_121_354_387_132_175],
            ),
            (42, 0, 1, [8_631_820_361_894_143, 300_432_496_546_729], [6_470_889_684_997_904, 4_174_077_904_036_436]),
            (42, 7, 3, [5_698_187_254_884_451, 3_367_413_471_518_382], [7_105_586_987_316_743, 5_896_414_432_348_594]),
            (
                1,
                1 << 40,
                5,
                [7_707_414_997_985_189, 790_193_997_459_100],
                [3_611_202_643_579_228, 4_904_491_807_525_202],
            ),
            (
                u64::MAX,
                u64::MAX,
                u32::MAX,
                [5_137_412_284_887_736, 6_122_285_972_500_491],
                [5_347_215_723_146_087, 2_380_140_165_206_228],
            ),
        ] {
            let made = [Random::new, Random::beside].map(|random| {
                let mut random = random(Seed(seed), connection, request);
                let made: Vec<u64> = (0..9).map(|_| random.next_unit().to_bits()).collect();
                [made[0], made[8]]
            });
            let expected = [values, beside].map(|values| values.map(|value| unit(value << 11).to_bits()));
            assert_eq!(made, expected, "seed {seed}, connection {connection}, request {request}");
        }
    }
}
