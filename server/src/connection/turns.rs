//! The turns of a connection's streams, each waited for by a clock until what it writes has been sent.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Turn;

/// The turns of one connection.
#[derive(Default)]
pub(super) struct Turns(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Somebody is there to give turns back.
    is_open: bool,
    /// Given before the task was last polled.
    taken_up: Vec<Turn>,
    /// Given since.
    arriving: Vec<Turn>,
}

impl Turns {
    /// Keeps turns from now on.
    pub(super) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Keeps no turns any more.
    pub(super) fn close(&self) {
        let given_back = std::mem::take(&mut *self.lock());
        // A turn ends when it is dropped, and whoever is then woken may come back here.
        drop(given_back);
    }

    /// Keeps a turn whose writes have been handed over.
    pub(super) fn hold(&self, turn: Turn) {
        let mut held = self.lock();
        if held.is_open && turn.is_awaited() {
            held.taken_up.push(turn);
        }
    }

    /// Keeps a turn that the task has yet to see the reason of.
    pub(super) fn expect(&self, turn: Turn) {
        let mut held = self.lock();
        if held.is_open {
            held.arriving.push(turn);
        }
    }

    /// The task is polled, and sees the reasons of all.
    pub(super) fn take_up(&self) {
        let Held { taken_up, arriving, .. } = &mut *self.lock();
        taken_up.append(arriving);
    }

    /// All that the task has seen the reasons of has been sent.
    pub(super) fn give_back(&self) {
        let given_back = std::mem::take(&mut self.lock().taken_up);
        drop(given_back);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
