//! Alignment: finds the piece for each expected write by the least cost.

/// One step of an alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The write came as the piece, right or wrong.
    Came(usize, usize),
    /// The write is missing.
    Missing(usize),
    /// The piece is extra.
    Extra(usize),
}

/// The unit of costs.
pub(crate) const UNIT: u32 = 100;

/// Aligns `expected` writes with `got` pieces. To take piece `g` for write `e` costs `cost(e, g)`, which is 0 if the piece
/// conforms. An extra piece costs `extra(g)`, and a missing write a [`UNIT`].
pub(crate) fn align(
    expected: usize,
    got: usize,
    cost: impl Fn(usize, usize) -> u32,
    extra: impl Fn(usize) -> u32,
) -> Vec<Step> {
    // costs[e][g]: the least cost of what follows the first e writes and the first g pieces.
    let mut costs = vec![vec![0_u32; got + 1]; expected + 1];
    let mut steps = vec![vec![None; got + 1]; expected + 1];
    for e in (0..=expected).rev() {
        for g in (0..=got).rev() {
            // Adds the cost of each step and the least cost of the rest.
            let came = (e < expected && g < got).then(|| (cost(e, g) + costs[e + 1][g + 1], Step::Came(e, g)));
            let left = (g < got).then(|| (extra(g) + costs[e][g + 1], Step::Extra(g)));
            let missing = (e < expected).then(|| (UNIT + costs[e + 1][g], Step::Missing(e)));
            // Takes the first of equal costs: a wrong piece is rather a wrong write than a missing write and an extra piece.
            let best = [came, missing, left].into_iter().flatten().min_by_key(|(cost, _)| *cost);
            if let Some((least, step)) = best {
                costs[e][g] = least;
                steps[e][g] = Some(step);
            }
        }
    }
    // Follows the steps of least cost from the beginning to the end.
    let (mut e, mut g, mut path) = (0, 0, Vec::new());
    while let Some(step) = steps[e][g] {
        path.push(step);
        match step {
            Step::Came(..) => (e, g) = (e + 1, g + 1),
            Step::Missing(_) => e += 1,
            Step::Extra(_) => g += 1,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Step::{Came, Extra, Missing};
    use super::*;

    /// Letters that differ in case only are alike.
    fn steps(expected: &str, got: &str) -> Vec<Step> {
        let (expected, got) = (expected.as_bytes(), got.as_bytes());
        let cost = |e: usize, g: usize| match () {
            () if expected[e] == got[g] => 0,
            () if expected[e].eq_ignore_ascii_case(&got[g]) => UNIT,
            () => 3 * UNIT,
        };
        align(expected.len(), got.len(), cost, |_| UNIT)
    }

    #[test]
    fn what_is_there_is_found_whatever_is_not() {
        assert_eq!(steps("abc", "abc"), [Came(0, 0), Came(1, 1), Came(2, 2)]);
        assert_eq!(steps("abc", "ac"), [Came(0, 0), Missing(1), Came(2, 1)]);
        assert_eq!(steps("ac", "abc"), [Came(0, 0), Extra(1), Came(1, 2)]);
        assert_eq!(steps("abc", "aBc"), [Came(0, 0), Came(1, 1), Came(2, 2)]);
        assert_eq!(steps("abc", "axc"), [Came(0, 0), Missing(1), Extra(1), Came(2, 2)]);
        assert_eq!(steps("", "a"), [Extra(0)]);
        assert_eq!(steps("a", ""), [Missing(0)]);
        assert_eq!(steps("", ""), []);
    }

    proptest! {
        #[test]
        fn each_write_and_each_piece_is_accounted_for_once(expected in "[abAB]{0,12}", got in "[abAB]{0,12}") {
            let steps = steps(&expected, &got);
            let writes: Vec<_> = steps.iter().filter_map(|step| match step { Came(e, _) | Missing(e) => Some(*e), Extra(_) => None }).collect();
            let pieces: Vec<_> = steps.iter().filter_map(|step| match step { Came(_, g) | Extra(g) => Some(*g), Missing(_) => None }).collect();
            prop_assert_eq!(writes, (0..expected.len()).collect::<Vec<_>>());
            prop_assert_eq!(pieces, (0..got.len()).collect::<Vec<_>>());
        }
    }
}
