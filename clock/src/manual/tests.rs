use std::time::Duration;

use onbeat_wire::TIME_MAX;
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(after: u64) -> Instant {
    Instant::EPOCH + ms(after)
}

fn waiter(connection: u64) -> Arc<Waiter> {
    Arc::new(Waiter { connection, request: 0, path: "/".into(), socket: Arc::default() })
}

fn sleeper(clock: &ManualClock, until: u64, waiter: &Arc<Waiter>) -> Spawn<TurnSleep> {
    let mut sleeper = task::spawn(clock.turn_at(at(until), waiter));
    assert!(sleeper.poll().is_pending() || at(until) <= clock.now());
    sleeper
}

fn advance(clock: &ManualClock, by: u64) -> Spawn<impl Future<Output = Result<Advanced, EndOfTime>>> {
    task::spawn(clock.advance(Advance::By(ms(by))))
}

#[tokio::test(start_paused = true)]
async fn sleepers_are_woken_one_at_a_time_by_deadline_and_then_by_registration() {
    let clock = ManualClock::start();
    let mut sleepers = [(20, 0), (10, 1), (20, 2), (10, 3)].map(|(until, id)| sleeper(&clock, until, &waiter(id)));
    let mut advance = advance(&clock, 20);
    for (next, now) in [(1, 10), (3, 10), (0, 20), (2, 20)] {
        assert_pending!(advance.poll());
        let woken: Vec<bool> = sleepers.iter_mut().map(|sleeper| sleeper.is_woken()).collect();
        assert_eq!(woken.iter().filter(|woken| **woken).count(), 1, "{woken:?}");
        assert!(woken[next]);
        assert_eq!(clock.now(), at(now));
        let mut turn = assert_ready!(sleepers[next].poll());
        // A sleeper without a future wakes no more.
        sleepers[next] = task::spawn(Box::pin(std::future::pending()));
        turn.count_write();
    }
    let advanced = assert_ready!(advance.poll()).expect("time goes on");
    assert_eq!((advanced.to, advanced.due_count, advanced.writes, advanced.held_up), (at(20), 4, 4, 0));
    let due: Vec<_> = advanced.due.iter().map(|due| (due.waiter.connection, due.at, due.writes)).collect();
    assert_eq!(due, [(1, at(10), 1), (3, at(10), 1), (0, at(20), 1), (2, at(20), 1)]);
}

#[tokio::test(start_paused = true)]
async fn who_goes_to_sleep_on_the_way_is_woken_too() {
    let clock = ManualClock::start();
    let mut beat = sleeper(&clock, 30, &waiter(0));
    let mut advance = advance(&clock, 100);
    for n in 1..=3 {
        assert_pending!(advance.poll());
        assert_eq!(clock.now(), at(30 * n));
        let turn = assert_ready!(beat.poll());
        beat = sleeper(&clock, 30 * (n + 1), &waiter(0));
        drop(turn);
    }
    assert_eq!(assert_ready!(advance.poll()).expect("time goes on").due_count, 3);
    assert_eq!(clock.now(), at(100));
    assert_eq!(clock.timers().1.iter().map(|timer| timer.at).collect::<Vec<_>>(), [at(120)]);
}

#[tokio::test(start_paused = true)]
async fn a_sleeper_that_is_dropped_gives_its_turn_back() {
    let clock = ManualClock::start();
    let sleepers = [10, 20].map(|until| sleeper(&clock, until, &waiter(0)));
    drop(sleeper(&clock, 15, &waiter(1)));
    let mut advance = advance(&clock, 30);
    for dropped in sleepers {
        assert_pending!(advance.poll());
        drop(dropped);
    }
    assert_eq!(assert_ready!(advance.poll()).expect("time goes on").due_count, 2);
    assert_eq!(clock.timers().0, 0);
}

#[tokio::test(start_paused = true)]
async fn an_advance_waits_for_turns_that_were_taken_at_once() {
    let clock = ManualClock::start();
    let socket = Arc::default();
    let turn = clock.turn(&socket);
    let mut advance = advance(&clock, 0);
    assert_pending!(advance.poll());
    drop(turn);
    assert_eq!(assert_ready!(advance.poll()).expect("time goes on").to, Instant::EPOCH);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_reader_is_waited_for_once() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let (stuck, fine) = (waiter(0), waiter(1));
    stuck.socket.set_blocked(true);
    let sleepers = [sleeper(&clock, 10, &stuck), sleeper(&clock, 20, &stuck)];
    let mut reader = sleeper(&clock, 30, &fine);
    let advanced = tokio::join!(clock.advance(Advance::By(ms(40))), async {
        drop((&mut reader).await);
    });
    let advanced = advanced.0.expect("time goes on");
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
    assert_eq!((advanced.due_count, advanced.held_up), (3, 1));
    assert_eq!(advanced.due.iter().map(|due| due.held_up).collect::<Vec<_>>(), [true, true, false]);
    // A client that does not read costs no more time; a client that reads again is waited for again.
    // Checks that the advance after a given-up client is free: the machine's time stands still.
    let late = sleeper(&clock, 41, &stuck);
    assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 1);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
    drop((sleepers, late));
    stuck.socket.set_blocked(false);
    assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 0);
    // Checks that a client counts as new once the socket has been free in between.
    let _unread = sleeper(&clock, 50, &stuck);
    stuck.socket.set_blocked(true);
    assert_eq!(clock.advance(Advance::By(ms(10))).await.expect("time goes on").held_up, 1);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX * 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_blocked_readers_cost_no_more_than_one() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let all: Vec<_> = (0..1000).map(waiter).collect();
    let _sleepers: Vec<_> = all.iter().map(|waiter| sleeper(&clock, 10, waiter)).collect();
    for waiter in &all {
        waiter.socket.set_blocked(true);
    }
    assert_eq!(clock.advance(Advance::By(ms(10))).await.expect("time goes on").held_up, 1000);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn slow_readers_are_waited_for_longer_but_not_for_ever() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let slow = waiter(0);
    slow.socket.set_blocked(true);
    let mut sleeping = sleeper(&clock, 10, &slow);
    let read_slowly = async {
        // Sleeps again before the turn ends, so that each turn makes progress within the limit for stuck clients.
        for n in 2.. {
            let turn = sleeping.await;
            sleeping = sleeper(&clock, 10 * n, &slow);
            machine.sleep_until(machine.now() + ms(700)).await;
            drop(turn);
        }
    };
    let advanced = tokio::select! {
        biased;
        advanced = clock.advance(Advance::By(ms(1000))) => advanced.expect("time goes on"),
        () = read_slowly => unreachable!("it never ends"),
    };
    assert_eq!(advanced.held_up, 1);
    let waited = machine.now().since_epoch();
    assert!((SLOW_TIME_MAX..SLOW_TIME_MAX * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn advances_are_made_in_the_order_in_which_they_were_asked_for() {
    let clock = ManualClock::start();
    let first_sleeper = sleeper(&clock, 1, &waiter(0));
    let mut first = advance(&clock, 10);
    assert_pending!(first.poll());
    let (mut second, mut third) = (advance(&clock, 10), advance(&clock, 10));
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    // The first caller leaves: time stays where it is.
    drop(first);
    assert_eq!(clock.now(), at(1));
    drop(first_sleeper);
    assert_eq!(assert_ready!(second.poll()).expect("time goes on").to, at(11));
    assert_eq!(assert_ready!(third.poll()).expect("time goes on").to, at(21));
}

#[tokio::test(start_paused = true)]
async fn time_ends_after_a_century() {
    let clock = ManualClock::start();
    let end = Duration::from_secs(36_525 * 86_400);
    assert_eq!(clock.advance(Advance::By(end + ms(1))).await.expect_err("too far"), EndOfTime);
    // Passes the greatest duration as well: the addition must not overflow.
    assert_eq!(clock.advance(Advance::By(Duration::MAX)).await.expect_err("too far"), EndOfTime);
    assert_eq!(clock.now(), Instant::EPOCH);
    assert_eq!(clock.advance(Advance::By(end)).await.expect("just").to, TIME_MAX);
    let _sleeper = sleeper(&clock, TIME_MAX.as_millis() + 1, &waiter(0));
    assert_eq!(clock.advance(Advance::ToNext).await.expect_err("too far"), EndOfTime);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_ready_at_once() {
    let clock = ManualClock::start();
    clock.advance(Advance::By(ms(5))).await.expect("time goes on");
    clock.sleep_until(at(5)).await;
    let mut plain = task::spawn(clock.sleep_until(at(6)));
    assert_pending!(plain.poll());
    let mut advance = advance(&clock, 1);
    assert_pending!(advance.poll());
    assert_ready!(plain.poll());
    assert_ready!(advance.poll()).expect("time goes on");
}

#[tokio::test(start_paused = true)]
async fn an_advance_takes_no_time_of_the_machine_where_nobody_is_waited_for() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let mut sleeper = sleeper(&clock, 10, &waiter(0));
    let broadcast = clock.turn(&Arc::default());
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(20))), async {
        // Both go on at once, and wake the caller of the advance.
        drop(broadcast);
        drop((&mut sleeper).await);
    });
    assert_eq!(advanced.expect("time goes on").due_count, 1);
    assert_eq!(machine.now(), Instant::EPOCH);
}

#[tokio::test(start_paused = true)]
async fn a_sleeper_that_moves_to_another_task_is_woken_there() {
    let clock = ManualClock::start();
    let mut sleep = clock.turn_at(at(10), &waiter(0));
    let (mut before, mut after) = (task::spawn(()), task::spawn(()));
    for task in [&mut before, &mut after] {
        task.enter(|cx, _| assert_pending!(sleep.as_mut().poll(cx)));
    }
    let mut advance = advance(&clock, 10);
    assert_pending!(advance.poll());
    assert_eq!((before.is_woken(), after.is_woken()), (false, true));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_a_reader_that_is_held_up_is_waited_for_no_more() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let stuck: Arc<SocketState> = Arc::default();
    stuck.set_blocked(true);
    let turn = clock.turn(&stuck);
    assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 1);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
    assert!(clock.turn(&stuck).is_none());
    stuck.set_blocked(false);
    assert!(clock.turn(&stuck).is_some());
    drop(turn);
    assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 0);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn who_is_blocked_does_not_have_others_given_up() {
    let clock = ManualClock::start();
    let (stuck, fine) = (waiter(0), waiter(1));
    stuck.socket.set_blocked(true);
    let (stuck_turn, fine_turn) = (clock.turn(&stuck.socket), clock.turn(&fine.socket));
    let machine = crate::TokioClock::start();
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(1))), async {
        machine.sleep_until(Instant::EPOCH + BLOCKED_TIME_MAX * 2).await;
        drop(fine_turn);
    });
    assert_eq!(advanced.expect("time goes on").held_up, 1);
    // Expects two seconds of work, during which the limit for stuck clients stands still, and one second after.
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX * 3);
    assert!(!fine.socket.is_held_up() && stuck.socket.is_held_up());
    drop(stuck_turn);
}

#[tokio::test(start_paused = true)]
async fn what_falls_due_is_counted_beyond_what_is_listed() {
    let clock = ManualClock::start();
    let sleepers: Vec<_> = (0..LISTED_MAX as u64 + 5).map(|id| sleeper(&clock, 10, &waiter(id))).collect();
    assert_eq!((clock.timers().0, clock.timers().1.len()), (LISTED_MAX + 5, LISTED_MAX));
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(10))), async {
        for sleeper in sleepers {
            let mut turn = sleeper.await;
            turn.count_write();
            turn.count_write();
        }
    });
    let advanced = advanced.expect("time goes on");
    assert_eq!((advanced.due.len(), advanced.due_count), (LISTED_MAX, LISTED_MAX as u64 + 5));
    assert_eq!(advanced.writes, 2 * (LISTED_MAX as u64 + 5));
    assert!(advanced.due.iter().all(|due| due.writes == 2));
}

#[tokio::test(start_paused = true)]
async fn patience_that_has_run_out_with_the_blocked_is_left_for_who_is_just_slow() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let (stuck, fine) = (waiter(0), waiter(1));
    stuck.socket.set_blocked(true);
    let _stuck = sleeper(&clock, 10, &stuck);
    let working = sleeper(&clock, 20, &fine);
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(40))), async {
        let turn = working.await;
        machine.sleep_until(machine.now() + BLOCKED_TIME_MAX).await;
        drop(turn);
    });
    let advanced = advanced.expect("time goes on");
    assert_eq!(advanced.due.iter().map(|due| due.held_up).collect::<Vec<_>>(), [true, false]);
    assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX * 2);
}

#[tokio::test(start_paused = true)]
async fn writes_to_a_client_that_reads_again_during_the_advance_are_counted() {
    let clock = ManualClock::start();
    let (stuck, fine) = (waiter(0), waiter(1));
    stuck.socket.set_blocked(true);
    let (unread, working) = (sleeper(&clock, 10, &stuck), sleeper(&clock, 20, &fine));
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(40))), async {
        let mut turn = unread.await;
        turn.count_write();
        // Wakes only when the advance waits for the stuck client no longer.
        let other = working.await;
        drop(turn);
        drop(other);
    });
    let advanced = advanced.expect("time goes on");
    assert_eq!((advanced.due[0].writes, advanced.due[0].held_up), (1, true));
    assert_eq!((advanced.writes, advanced.held_up), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn to_next_is_to_the_first_deadline_and_wakes_all_of_that_instant() {
    let clock = ManualClock::start();
    let all = [20, 10, 30, 10].map(|until| clock.turn_at(at(until), &waiter(until)));
    let awake: Vec<_> = all.into_iter().map(|sleep| tokio::spawn(async { drop(sleep.await) })).collect();
    for (now, due_count) in [(10, 2), (20, 1), (30, 1), (30, 0)] {
        let advanced = clock.advance(Advance::ToNext).await.expect("time goes on");
        assert_eq!((advanced.to, advanced.due_count), (at(now), due_count));
    }
    for sleeper in awake {
        sleeper.await.expect("woken");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_little_by_little_is_waited_for_longer_too() {
    let (clock, machine) = (ManualClock::start(), crate::TokioClock::start());
    let slow = waiter(0);
    slow.socket.set_blocked(true);
    let sleeping = sleeper(&clock, 10, &slow);
    let (advanced, ()) = tokio::join!(clock.advance(Advance::By(ms(10))), async {
        let turn = sleeping.await;
        // Takes bytes every 700 ms, and so never reaches the second after which a client counts as stuck.
        for _ in 0..5 {
            machine.sleep_until(machine.now() + ms(700)).await;
            slow.socket.note_taken();
        }
        drop(turn);
    });
    assert_eq!(advanced.expect("time goes on").held_up, 0);
    assert_eq!(machine.now().since_epoch(), ms(3500));
}
