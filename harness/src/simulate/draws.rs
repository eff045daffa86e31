//! Random draws, all out of one seed.

use std::fmt;

use onbeat_server::random::Random;

/// Random draws. The same seed gives the same draws on each machine.
pub struct Draws(Random);

impl Draws {
    /// Returns draws from random values.
    pub(crate) fn new(random: Random) -> Self {
        Self(random)
    }

    /// Draws a whole number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_below(end)
    }

    /// Draws an index below `end`; 0 if `end` is 0.
    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or_default()
    }

    /// Draws `true` with a chance of one in so many.
    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    /// Draws one of several choices, each as often as the others.
    ///
    /// # Panics
    ///
    /// If there is no choice.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())].clone()
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draws").finish_non_exhaustive()
    }
}
