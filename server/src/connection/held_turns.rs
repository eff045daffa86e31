//! The turns of a connection: a manual clock waits for each turn until the writes have been sent.

use parking_lot::{Mutex, MutexGuard};

use onbeat_clock::Turn;

/// The turns of one connection.
#[derive(Default)]
pub(crate) struct HeldTurns(Mutex<TurnLists>);

#[derive(Default)]
struct TurnLists {
    /// Whether the connection is served: only then do turns end.
    is_open: bool,
    /// The turns from before the last poll of the task.
    taken_up: Vec<Turn>,
    /// The turns since the last poll.
    arriving: Vec<Turn>,
}

impl HeldTurns {
    /// Keeps turns from now on.
    pub(super) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Ends all turns, and keeps no turns any more.
    pub(super) fn close(&self) {
        let given_back = std::mem::take(&mut *self.lock());
        // Ends the turns without the lock: the end of a turn wakes tasks that may lock again.
        drop(given_back);
    }

    /// Keeps a turn for writes in the buffer of hyper, until the writes have been sent.
    pub(crate) fn hold(&self, turn: Turn) {
        let mut held = self.lock();
        if held.is_open && turn.is_awaited() {
            held.taken_up.push(turn);
        }
    }

    /// Keeps a turn whose cause the task has not seen, until the task has run and has sent the writes that follow.
    pub(crate) fn expect(&self, turn: Turn) {
        let mut held = self.lock();
        if held.is_open {
            held.arriving.push(turn);
        }
    }

    /// Notes that the task is polled, and sees the causes of all turns.
    pub(crate) fn take_up(&self) {
        let TurnLists { taken_up, arriving, .. } = &mut *self.lock();
        // Moves only the turns from before the poll: the poll may miss the cause of a turn that arrives meanwhile.
        taken_up.append(arriving);
    }

    /// Ends the turns whose causes the task has seen, since all writes have been sent.
    pub(crate) fn give_back(&self) {
        // Releases the lock with this statement, before the turns end.
        let given_back = std::mem::take(&mut self.lock().taken_up);
        drop(given_back);
    }

    fn lock(&self) -> MutexGuard<'_, TurnLists> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use onbeat_clock::{Clock, ManualClock, SocketState};

    /// A clock, the turns of one connection, and how many of those the clock still waits for.
    struct Scene {
        clock: ManualClock,
        socket: Arc<SocketState>,
        turns: HeldTurns,
    }

    impl Scene {
        fn new() -> Self {
            Self { clock: ManualClock::start(), socket: Arc::default(), turns: HeldTurns::default() }
        }

        fn turn(&self) -> Turn {
            self.clock.turn(&self.socket).expect("the clock waits for the socket")
        }

        fn awaited(&self) -> usize {
            self.clock.awaited()
        }
    }

    #[test]
    fn a_turn_whose_writes_were_handed_over_ends_when_all_has_been_sent() {
        let scene = Scene::new();
        scene.turns.open();
        scene.turns.hold(scene.turn());
        scene.turns.hold(Turn::unawaited());
        assert_eq!(scene.awaited(), 1);
        scene.turns.give_back();
        assert_eq!(scene.awaited(), 0);
    }

    #[test]
    fn an_expected_turn_does_not_end_before_the_task_has_seen_its_reason() {
        let scene = Scene::new();
        scene.turns.open();
        scene.turns.expect(scene.turn());
        // All has been sent, but of what was there before.
        scene.turns.give_back();
        assert_eq!(scene.awaited(), 1);
        scene.turns.take_up();
        // Another comes while the task is polled.
        scene.turns.expect(scene.turn());
        scene.turns.give_back();
        assert_eq!(scene.awaited(), 1);
        scene.turns.take_up();
        scene.turns.give_back();
        assert_eq!(scene.awaited(), 0);
    }

    #[test]
    fn nobody_waits_for_turns_where_nobody_serves_the_connection() {
        let scene = Scene::new();
        for round in 0..2 {
            scene.turns.hold(scene.turn());
            scene.turns.expect(scene.turn());
            assert_eq!(scene.awaited(), 0, "round {round}");
            scene.turns.open();
            scene.turns.hold(scene.turn());
            scene.turns.expect(scene.turn());
            assert_eq!(scene.awaited(), 2, "round {round}");
            scene.turns.close();
            assert_eq!(scene.awaited(), 0, "round {round}");
        }
    }
}
