//! Shrinking: changes a value as long as the value still shows what was found.

/// The shrinking of a value, such as the history of a world.
pub(crate) struct Shrinking<V, F> {
    pub(crate) shortest: V,
    shows: F,
    attempts_left: usize,
}

impl<V: Clone + PartialEq, F: Fn(&V) -> bool> Shrinking<V, F> {
    /// Returns the shrinking of a value that `shows` what was found, in at most so many attempts.
    pub(crate) fn new(value: V, attempts_max: usize, shows: F) -> Self {
        Self { shortest: value, shows, attempts_left: attempts_max }
    }

    /// Repeats the changes of `pass` until no change shortens the value any more; returns the shortest value.
    pub(crate) fn repeat(mut self, pass: impl Fn(&mut Self)) -> V {
        loop {
            let before = self.shortest.clone();
            pass(&mut self);
            if self.shortest == before {
                return self.shortest;
            }
        }
    }

    /// Changes the value, unless the changed value does not show what was found.
    pub(crate) fn attempt(&mut self, change: impl FnOnce(&mut V)) {
        let mut changed = self.shortest.clone();
        change(&mut changed);
        // Spends no attempt on a change without an effect.
        if changed != self.shortest && self.attempts_left > 0 {
            self.attempts_left -= 1;
            if (self.shows)(&changed) {
                self.shortest = changed;
            }
        }
    }

    /// Removes half of a list, then quarters, and so on.
    pub(crate) fn remove_parts<T>(&mut self, list: fn(&mut V) -> &mut Vec<T>) {
        let mut part = list(&mut self.shortest).len() / 2;
        while part > 1 {
            let starts = (0..list(&mut self.shortest).len()).step_by(part);
            // Goes backwards, so that the starts of the parts before stay the same.
            for start in starts.rev() {
                self.attempt(|value| {
                    let list = list(value);
                    let end = (start + part).min(list.len());
                    list.drain(start.min(end)..end);
                });
            }
            part /= 2;
        }
    }

    /// Removes each item of a list in turn, the last first.
    pub(crate) fn remove_items<T>(&mut self, list: fn(&mut V) -> &mut Vec<T>) {
        for at in (0..list(&mut self.shortest).len()).rev() {
            self.attempt(|value| drop(list(value).remove(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_shrunk_to_what_shows() {
        let shows = |list: &Vec<u32>| list.contains(&7) && list.contains(&61);
        let shrinking = Shrinking::new((0..100).collect(), 1000, shows);
        let shortest = shrinking.repeat(|shrinking| {
            shrinking.remove_parts(|list| list);
            shrinking.remove_items(|list| list);
        });
        assert_eq!(shortest, [7, 61]);
    }

    #[test]
    fn attempts_are_bounded() {
        let shrinking = Shrinking::new(vec![0; 100], 3, |_: &Vec<u8>| true);
        let shortest = shrinking.repeat(|shrinking| shrinking.remove_items(|list| list));
        assert_eq!(shortest.len(), 97);
    }
}
