//! The shortest history that still shows what is wrong: clients and deeds are taken away, one by one, for as long as any
//! can be.

use super::history::{History, What};
use super::network::Link;

/// More attempts than this are not worth the wait.
const ATTEMPTS_MAX: usize = 2000;

/// Makes `history` as short as it can, as long as it `shows` the violation.
pub(super) fn shrink(history: History, shows: impl Fn(&History) -> bool) -> History {
    let mut shortest = history;
    let mut attempts = 0;
    loop {
        let shorter = candidates(&shortest).into_iter().find(|candidate| {
            attempts += 1;
            attempts < ATTEMPTS_MAX && shows(candidate)
        });
        match shorter {
            Some(shorter) => shortest = shorter,
            None => return shortest,
        }
    }
}

/// Histories a bit simpler than this one, the simplest first.
fn candidates(history: &History) -> Vec<History> {
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut History)| {
        let mut changed = history.clone();
        change(&mut changed);
        if changed != *history {
            candidates.push(changed);
        }
    };
    let half = history.deeds.len() / 2;
    with(&|history| history.deeds.truncate(half));
    for client in (0..history.links.len()).rev() {
        with(&|history| history.deeds.retain(|deed| deed.client != client));
    }
    for at in (0..history.deeds.len()).rev() {
        with(&|history| drop(history.deeds.remove(at)));
    }
    with(&|history| history.links.iter_mut().for_each(|link| *link = Link::PLAIN));
    with(&|history| history.mailbox_events_max = 1024);
    with(&|history| history.end_ms = history.deeds.last().map_or(0, |deed| deed.at_ms) + 1);
    for at in 0..history.deeds.len() {
        with(&|history| history.deeds[at].settles = true);
        with(&|history| history.deeds[at].races = false);
        with(&|history| {
            if let What::Ask { cut, .. } = &mut history.deeds[at].what {
                *cut = None;
            }
        });
        // A client without deeds is not seen.
        with(&|history| {
            if matches!(history.deeds[at].what, What::Resume) {
                history.deeds[at].what = What::Close;
            }
        });
    }
    candidates
}
