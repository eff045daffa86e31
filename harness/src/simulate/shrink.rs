//! The shortest history that still shows what is wrong: clients, deeds and faults are taken away for as long as any can be.

use super::history::{Asked, Deed, History, Link, Manner, What};

/// More attempts than this are not worth the wait.
const ATTEMPTS_MAX: usize = 4000;

/// Makes `history` as short as it can, as long as it `shows` the violation.
pub(super) fn shrink(history: History, shows: impl Fn(&History) -> bool) -> History {
    let mut shrinking = Shrinking { shortest: history, shows, attempts: 0 };
    loop {
        let before = shrinking.shortest.clone();
        shrinking.parts();
        shrinking.clients();
        shrinking.deeds();
        shrinking.faults();
        shrinking.times();
        if shrinking.shortest == before {
            return shrinking.shortest;
        }
    }
}

struct Shrinking<F> {
    shortest: History,
    shows: F,
    attempts: usize,
}

impl<F: Fn(&History) -> bool> Shrinking<F> {
    /// Changes the history, if it still shows the violation then.
    fn attempt(&mut self, change: impl FnOnce(&mut History)) {
        let mut changed = self.shortest.clone();
        change(&mut changed);
        if changed != self.shortest && self.attempts < ATTEMPTS_MAX {
            self.attempts += 1;
            if (self.shows)(&changed) {
                self.shortest = changed;
            }
        }
    }

    /// Much at a time, then less.
    fn parts(&mut self) {
        let mut part = self.shortest.deeds.len() / 2;
        while part > 1 {
            let starts = (0..self.shortest.deeds.len()).step_by(part);
            for start in starts.rev() {
                self.attempt(|history| {
                    let end = (start + part).min(history.deeds.len());
                    history.deeds.drain(start.min(end)..end);
                });
            }
            part /= 2;
        }
    }

    fn clients(&mut self) {
        for client in (0..self.shortest.clients.len()).rev() {
            self.attempt(|history| remove_client(history, client));
        }
    }

    fn deeds(&mut self) {
        for at in (0..self.shortest.deeds.len()).rev() {
            self.attempt(|history| drop(history.deeds.remove(at)));
        }
    }

    fn faults(&mut self) {
        self.attempt(|history| history.mailbox_events_max = 1024);
        self.attempt(|history| history.connections_max = 65_536);
        for client in 0..self.shortest.clients.len() {
            self.attempt(|history| history.clients[client] = Link::PLAIN);
            self.attempt(|history| history.clients[client].again = None);
        }
        for at in 0..self.shortest.deeds.len() {
            self.attempt(|history| history.deeds[at].settles = true);
            self.attempt(|history| history.deeds[at].races = false);
            self.attempt(|history| {
                if let What::Ask { cut, .. } = &mut history.deeds[at].what {
                    *cut = None;
                }
            });
            self.attempt(|history| {
                if let What::Ask { manner, .. } = &mut history.deeds[at].what {
                    *manner = Manner::Get;
                }
            });
            self.attempt(|history| {
                if let What::Ask { asked: Asked::Broadcast(message) | Asked::Heartbeat(message), .. } =
                    &mut history.deeds[at].what
                {
                    message.text = 0;
                }
            });
        }
    }

    /// What happens at one time goes to that of what was before, and the world ends sooner.
    fn times(&mut self) {
        for at in 0..self.shortest.deeds.len() {
            self.attempt(|history| {
                let (from, to) =
                    (history.deeds[at].at_ms, at.checked_sub(1).map_or(0, |before| over(&history.deeds[before])));
                for deed in history.deeds.iter_mut().filter(|deed| deed.at_ms == from) {
                    deed.at_ms = to;
                }
            });
        }
        self.attempt(|history| history.end_ms = history.deeds.last().map_or(0, over) + 1);
        self.attempt(|history| history.end_ms = history.deeds.last().map_or(0, over).next_multiple_of(30_000) + 1);
    }
}

/// When a deed is over.
fn over(deed: &Deed) -> u64 {
    if let What::Jump { ms } = deed.what { deed.at_ms + ms } else { deed.at_ms }
}

/// Others take the client's number.
fn remove_client(history: &mut History, client: usize) {
    history.deeds.retain(|deed| deed.client != client || deed.what.is_of_the_world());
    history.clients.remove(client);
    for deed in history.deeds.iter_mut().filter(|deed| deed.client > client) {
        deed.client -= 1;
    }
    for link in &mut history.clients {
        link.again = link.again.filter(|again| *again != client).map(|again| again - usize::from(again > client));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_taken_away() {
        let asks = |deed: &&Deed| matches!(deed.what, What::Ask { asked: Asked::Stream(_), .. });
        let shows = |history: &History| history.deeds.iter().filter(asks).count() >= 2;
        let shown = (0..200).map(History::new).filter(|history| shows(history));
        for history in shown {
            let shortest = shrink(history, shows);
            assert!(shows(&shortest) && shortest.deeds.len() == 2 && shortest.clients.len() <= 2, "{shortest}");
            assert!(shortest.deeds.iter().all(|deed| deed.settles && !deed.races && deed.at_ms == 0), "{shortest}");
            assert_eq!(shortest.end_ms, 1);
        }
    }

    #[test]
    fn a_client_that_is_removed_leaves_the_others_as_they_were() {
        for mut history in (0..200).map(History::new).filter(|history| history.clients.len() > 1) {
            let mut deeds = history.deeds.clone();
            let last = history.clients.len() - 1;
            deeds.retain(|deed| deed.client != 0 || deed.what.is_of_the_world());
            remove_client(&mut history, 0);
            assert_eq!(history.clients.len(), last);
            assert!(history.deeds.iter().zip(&deeds).all(|(after, before)| after.what == before.what));
            assert!(history.clients.iter().all(|link| link.again.is_none_or(|again| again < last)));
        }
    }
}
