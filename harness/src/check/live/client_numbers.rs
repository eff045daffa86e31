//! The numbers of clients of `/sse` during a check, by which clients of other users are known.

/// The numbers of clients of `/sse` so far.
#[derive(Clone, Debug)]
pub(super) struct ClientNumbers {
    /// How many clients the server had before the check had any, if the server says so.
    at_first: Option<u64>,
    /// How many clients the check has had at most, with those that have left.
    own: u64,
    /// How many clients have left while the check looked.
    left: u64,
}

impl ClientNumbers {
    /// Returns the numbers of a check without any client.
    pub(super) fn new(at_first: Option<u64>) -> Self {
        Self { at_first, own: 0, left: 0 }
    }

    /// Counts clients of the check.
    pub(super) fn joined(&mut self, clients: usize) {
        self.own += clients as u64;
    }

    /// Counts the clients that have left between two looks.
    pub(super) fn changed(&mut self, before: Option<u64>, now: Option<u64>) {
        self.left += before.unwrap_or_default().saturating_sub(now.unwrap_or(u64::MAX));
    }

    /// Returns whether more clients have left than the check has had: a wrong server may lose the clients of the check late.
    pub(super) fn have_others_left(&self) -> bool {
        self.left > self.own
    }

    /// Returns whether other clients have come or gone, by the number of clients while the check has none: a wrong server may
    /// still count clients of the check that have left.
    pub(super) fn tell_others(&self, now: Option<u64>) -> bool {
        let (Some(at_first), Some(now)) = (self.at_first, now) else { return false };
        now < at_first || now > at_first.saturating_add(self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_by_numbers_that_the_clients_of_the_check_do_not_explain() {
        let mut numbers = ClientNumbers::new(Some(2));
        numbers.joined(3);
        let told: Vec<_> = (1..=6).map(|now| numbers.tell_others(Some(now))).collect();
        assert_eq!(told, [true, false, false, false, false, true]);
        assert!(!numbers.tell_others(None) && !ClientNumbers::new(None).tell_others(Some(9)));
    }

    #[test]
    fn others_have_left_if_more_clients_leave_than_the_check_has_had() {
        let mut numbers = ClientNumbers::new(Some(0));
        numbers.joined(2);
        for (before, now, others) in [
            (Some(5), Some(4), false),
            (Some(4), Some(9), false),
            (None, Some(3), false),
            (Some(3), None, false),
            (Some(9), Some(8), false),
            (Some(8), Some(7), true),
        ] {
            numbers.changed(before, now);
            assert_eq!(numbers.have_others_left(), others, "{before:?} {now:?}");
        }
    }
}
