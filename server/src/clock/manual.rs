//! The manual clock: time stands still until it is told to pass.
//!
//! ```text
//!  advance ──► wake the first sleeper ──► its turn: it writes, the socket takes it ──► wake the next … ──► answer
//! ```
//!
//! Sleepers are woken one at a time, in order of deadline and then of registration. Each holds a [`Turn`] until its
//! writes have been handed over, so that an advance answers when all that was due has been. A reader that does not read
//! can keep a turn from ending. An advance waits [`BLOCKED_TIME_MAX`] for the first that takes nothing, and for none
//! after it; for readers that are merely slow it waits [`SLOW_TIME_MAX`] in all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::turn::Referee;
use super::{Clock, Instant, Party, Sleep, Turn, TurnSleep, Who};

/// How long an advance waits for a reader that takes nothing, in the machine's time.
pub const BLOCKED_TIME_MAX: Duration = Duration::from_secs(1);
/// How long an advance waits for readers that take what they are sent, but slowly, in the machine's time and in all.
pub const SLOW_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an advance waits for a sleeper that does nothing at all: only a bug keeps one from its turn.
const SILENT_TIME_MAX: Duration = Duration::from_secs(30);
/// How often an advance looks whether it waits in vain.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// Time ends here: a century after the epoch.
pub const TIME_MAX: Instant = Instant(Duration::from_secs(36_525 * 86_400));
/// How much of what fell due an advance tells one by one, and how many of the pending timers are listed.
pub const LISTED_MAX: usize = 1000;

/// A clock that moves only when told.
pub struct ManualClock {
    turns: Arc<Turns>,
    /// Advances are made one after the other, in the order in which they were asked for.
    advancing: tokio::sync::Mutex<()>,
}

/// How far to advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// By this much.
    By(Duration),
    /// To the next deadline; not at all if there is none.
    ToNext,
}

/// What an advance did.
#[derive(Clone, Debug, Default)]
pub struct Advanced {
    /// When it started.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// The first [`LISTED_MAX`] of what fell due, in the order of waking.
    pub due: Vec<Due>,
    /// How many sleepers fell due in all.
    pub due_count: u64,
    /// How many writes that were.
    pub writes: u64,
    /// How many connections were not waited for to the end, since their clients do not read.
    pub held_up: usize,
}

/// A sleeper that fell due.
#[derive(Clone, Debug)]
pub struct Due {
    /// Who slept.
    pub who: Who,
    /// Until when.
    pub at: Instant,
    /// How many writes were due.
    pub writes: u32,
    /// Whether it was not waited for to the end.
    pub held_up: bool,
}

/// A sleeper that waits.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Who sleeps.
    pub who: Who,
    /// Until when.
    pub at: Instant,
}

/// Time would end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time would pass {} ms, where it ends", TIME_MAX.as_millis())]
pub struct EndOfTime;

impl ManualClock {
    /// A clock that stands at its epoch.
    #[must_use]
    pub fn start() -> Self {
        Self { turns: Arc::new(Turns::default()), advancing: tokio::sync::Mutex::new(()) }
    }

    /// Lets time pass, and wakes everybody whose deadline comes, also those who go to sleep on the way. Returns when
    /// all turns have ended. If the caller does not wait for the answer, time stops where it is.
    ///
    /// # Errors
    ///
    /// If time would pass [`TIME_MAX`]; it then stays where it is.
    pub async fn advance(&self, advance: Advance) -> Result<Advanced, EndOfTime> {
        let _alone = self.advancing.lock().await;
        self.turns.begin(advance)?;
        let _stops = Stops(&self.turns);
        loop {
            tokio::select! {
                biased;
                advanced = poll_fn(|cx| self.turns.poll_end(cx)) => return Ok(advanced),
                () = a_while() => self.turns.look(),
            }
        }
    }

    /// How many sleepers there are, and the first [`LISTED_MAX`] of them, in the order of waking.
    #[must_use]
    pub fn timers(&self) -> (usize, Vec<Timer>) {
        let state = self.turns.lock();
        let timers = state.sleepers.iter().take(LISTED_MAX);
        let timers = timers.map(|((at, _), sleeper)| Timer { who: sleeper.who.clone(), at: *at });
        (state.sleepers.len(), timers.collect())
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is the one place that waits")]
async fn a_while() {
    tokio::time::sleep(LOOK_PERIOD).await;
}

/// Stops an advance that nobody waits for any more.
struct Stops<'a>(&'a Turns);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.lock().running = None;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.turns.lock().now
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let who = Who { connection: 0, request: 0, path: "".into(), party: Arc::default() };
        let turn = self.turn_at(deadline, &who);
        Box::pin(async { drop(turn.await) })
    }

    fn turn_at(&self, deadline: Instant, who: &Who) -> TurnSleep {
        let mut state = self.turns.lock();
        let key = (deadline, state.next_number());
        if deadline > state.now {
            state.sleepers.insert(key, Sleeper { who: who.clone(), waker: None });
        }
        Box::pin(ManualSleep { turns: Arc::clone(&self.turns), key, over: deadline <= state.now })
    }

    fn turn(&self, party: &Arc<Party>) -> Option<Turn> {
        let mut state = self.turns.lock();
        let number = state.next_number();
        let awaited = !party.is_held_up();
        awaited.then(|| {
            state.awaited.insert(number, Arc::clone(party));
            Turn::new(Arc::clone(&self.turns) as Arc<dyn Referee>, number)
        })
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Who sleeps, and whose turn it is.
#[derive(Default)]
struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    now: Instant,
    numbers: u64,
    /// By deadline, and then by registration.
    sleepers: BTreeMap<(Instant, u64), Sleeper>,
    /// The turns that are waited for.
    awaited: BTreeMap<u64, Arc<Party>>,
    /// Those that are waited for no longer, and have not ended.
    given_up: BTreeMap<u64, Arc<Party>>,
    running: Option<Running>,
}

struct Sleeper {
    who: Who,
    waker: Option<Waker>,
}

/// An advance under way.
struct Running {
    target: Instant,
    advanced: Advanced,
    /// The places in the list of what fell due of those whose turns have not ended.
    open: BTreeMap<u64, u64>,
    /// Spent on readers who take nothing: since a turn last ended, and in all.
    blocked_time: Duration,
    slow_time: Duration,
    silent_time: Duration,
    over: bool,
    caller: Option<Waker>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes whom it says after letting go of it.
    fn change(&self, change: impl FnOnce(&mut State) -> Vec<Waker>) {
        let woken = change(&mut self.lock());
        woken.into_iter().for_each(Waker::wake);
    }

    fn begin(&self, advance: Advance) -> Result<(), EndOfTime> {
        let mut outcome = Ok(());
        self.change(|state| {
            let from = state.now;
            let target = match advance {
                Advance::By(duration) => from + duration,
                Advance::ToNext => state.sleepers.first_key_value().map_or(from, |((at, _), _)| *at),
            };
            if target > TIME_MAX {
                outcome = Err(EndOfTime);
                return Vec::new();
            }
            state.running = Some(Running::new(from, target));
            state.go_on()
        });
        outcome
    }

    fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Advanced> {
        let state = &mut *self.lock();
        let Some(running) = &mut state.running else { return Poll::Pending };
        if !running.over {
            running.caller = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let held_up: BTreeSet<_> = state.given_up.values().map(Arc::as_ptr).collect();
        Poll::Ready(Advanced { held_up: held_up.len(), ..std::mem::take(&mut running.advanced) })
    }

    /// Counts the time spent in vain, and goes on without those who have used it up.
    fn look(&self) {
        self.change(State::look);
    }
}

impl Referee for Turns {
    fn given_back(&self, number: u64, writes: u32) {
        self.change(|state| state.given_back(number, writes));
    }
}

impl Running {
    fn new(from: Instant, target: Instant) -> Self {
        Self {
            target,
            advanced: Advanced { from, to: target, ..Advanced::default() },
            open: BTreeMap::new(),
            blocked_time: Duration::ZERO,
            slow_time: Duration::ZERO,
            silent_time: Duration::ZERO,
            over: false,
            caller: None,
        }
    }

    /// Whether nobody waits for those who are blocked any more.
    fn is_out_of_patience(&self) -> bool {
        self.blocked_time >= BLOCKED_TIME_MAX || self.slow_time >= SLOW_TIME_MAX
    }

    fn note_due(&mut self, number: u64, who: &Who, at: Instant) {
        let place = self.advanced.due_count;
        self.advanced.due_count += 1;
        self.open.insert(number, place);
        if self.advanced.due.len() < LISTED_MAX {
            self.advanced.due.push(Due { who: who.clone(), at, writes: 0, held_up: false });
        }
    }

    fn due(&mut self, place: u64) -> Option<&mut Due> {
        usize::try_from(place).ok().and_then(|place| self.advanced.due.get_mut(place))
    }

    fn note_held_up(&mut self, number: u64) {
        if let Some(&place) = self.open.get(&number)
            && let Some(due) = self.due(place)
        {
            due.held_up = true;
        }
    }
}

impl State {
    fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Wakes sleepers until one has a turn that is waited for, or the advance is over. Returns whom to wake.
    fn go_on(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let Some(running) = &mut self.running else { return woken };
        while self.awaited.is_empty() && !running.over {
            let first = self.sleepers.first_entry().filter(|first| first.key().0 <= running.target);
            let Some(first) = first else {
                self.now = running.target;
                running.over = true;
                woken.extend(running.caller.take());
                break;
            };
            let ((at, number), Sleeper { who, waker }) = first.remove_entry();
            self.now = at;
            running.note_due(number, &who, at);
            if who.party.is_held_up() || (who.party.is_blocked() && running.is_out_of_patience()) {
                running.note_held_up(number);
                self.given_up.insert(number, who.party);
            } else {
                self.awaited.insert(number, who.party);
            }
            woken.extend(waker);
        }
        woken
    }

    fn given_back(&mut self, number: u64, writes: u32) -> Vec<Waker> {
        self.awaited.remove(&number);
        self.given_up.remove(&number);
        if let Some(running) = &mut self.running {
            running.silent_time = Duration::ZERO;
            if !running.is_out_of_patience() {
                running.blocked_time = Duration::ZERO;
            }
            if let Some(place) = running.open.remove(&number) {
                running.advanced.writes += u64::from(writes);
                if let Some(due) = running.due(place) {
                    due.writes = writes;
                }
            }
        }
        self.go_on()
    }

    fn look(&mut self) -> Vec<Waker> {
        let Some(running) = &mut self.running else { return Vec::new() };
        if self.awaited.values().all(|party| party.is_blocked()) {
            running.blocked_time += LOOK_PERIOD;
            running.slow_time += LOOK_PERIOD;
        } else {
            running.silent_time += LOOK_PERIOD;
        }
        let is_silent = running.silent_time >= SILENT_TIME_MAX;
        let is_out_of_patience = running.is_out_of_patience();
        self.awaited.retain(|number, party| {
            let goes_on_without = is_silent || (is_out_of_patience && party.is_blocked());
            if goes_on_without {
                party.hold_up();
                running.note_held_up(*number);
                self.given_up.insert(*number, Arc::clone(party));
            }
            !goes_on_without
        });
        if is_silent {
            tracing::error!("a stream that was woken did nothing for a long time: this is a bug in onbeat");
            running.silent_time = Duration::ZERO;
        }
        self.go_on()
    }
}

/// Ready, with its turn, when the clock has woken it.
struct ManualSleep {
    turns: Arc<Turns>,
    key: (Instant, u64),
    /// The turn has been taken, or there is none.
    over: bool,
}

impl Future for ManualSleep {
    type Output = Turn;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        if self.over {
            return Poll::Ready(Turn::unawaited());
        }
        if let Some(sleeper) = self.turns.lock().sleepers.get_mut(&self.key) {
            sleeper.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.over = true;
        Poll::Ready(Turn::new(Arc::clone(&self.turns) as Arc<dyn Referee>, self.key.1))
    }
}

impl Drop for ManualSleep {
    /// Gives the turn back that it had or would have had.
    fn drop(&mut self) {
        if !self.over && self.turns.lock().sleepers.remove(&self.key).is_none() {
            self.turns.given_back(self.key.1, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::task::{self, Spawn};
    use tokio_test::{assert_pending, assert_ready};

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(after: u64) -> Instant {
        Instant::EPOCH + ms(after)
    }

    fn who(connection: u64) -> Who {
        Who { connection, request: 0, path: "/".into(), party: Arc::default() }
    }

    fn sleeper(clock: &ManualClock, until: u64, who: &Who) -> Spawn<TurnSleep> {
        let mut sleeper = task::spawn(clock.turn_at(at(until), who));
        assert!(sleeper.poll().is_pending() || at(until) <= clock.now());
        sleeper
    }

    fn advance(clock: &ManualClock, by: u64) -> Spawn<impl Future<Output = Result<Advanced, EndOfTime>>> {
        task::spawn(clock.advance(Advance::By(ms(by))))
    }

    #[tokio::test(start_paused = true)]
    async fn sleepers_are_woken_one_at_a_time_by_deadline_and_then_by_registration() {
        let clock = ManualClock::start();
        let mut sleepers = [(20, 0), (10, 1), (20, 2), (10, 3)].map(|(until, id)| sleeper(&clock, until, &who(id)));
        let mut advance = advance(&clock, 20);
        for (next, now) in [(1, 10), (3, 10), (0, 20), (2, 20)] {
            assert_pending!(advance.poll());
            let woken: Vec<bool> = sleepers.iter_mut().map(|sleeper| sleeper.is_woken()).collect();
            assert_eq!(woken.iter().filter(|woken| **woken).count(), 1, "{woken:?}");
            assert!(woken[next]);
            assert_eq!(clock.now(), at(now));
            let mut turn = assert_ready!(sleepers[next].poll());
            // A sleeper without a future is woken no more.
            sleepers[next] = task::spawn(Box::pin(std::future::pending()));
            turn.count_write();
        }
        let advanced = assert_ready!(advance.poll()).expect("time goes on");
        assert_eq!((advanced.to, advanced.due_count, advanced.writes, advanced.held_up), (at(20), 4, 4, 0));
        let due: Vec<_> = advanced.due.iter().map(|due| (due.who.connection, due.at, due.writes)).collect();
        assert_eq!(due, [(1, at(10), 1), (3, at(10), 1), (0, at(20), 1), (2, at(20), 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_to_sleep_on_the_way_is_woken_too() {
        let clock = ManualClock::start();
        let mut beat = sleeper(&clock, 30, &who(0));
        let mut advance = advance(&clock, 100);
        for n in 1..=3 {
            assert_pending!(advance.poll());
            assert_eq!(clock.now(), at(30 * n));
            let turn = assert_ready!(beat.poll());
            beat = sleeper(&clock, 30 * (n + 1), &who(0));
            drop(turn);
        }
        assert_eq!(assert_ready!(advance.poll()).expect("time goes on").due_count, 3);
        assert_eq!(clock.now(), at(100));
        assert_eq!(clock.timers().1.iter().map(|timer| timer.at).collect::<Vec<_>>(), [at(120)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_that_is_dropped_gives_its_turn_back() {
        let clock = ManualClock::start();
        let sleepers = [10, 20].map(|until| sleeper(&clock, until, &who(0)));
        drop(sleeper(&clock, 15, &who(1)));
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
        let party = Arc::default();
        let turn = clock.turn(&party);
        let mut advance = advance(&clock, 0);
        assert_pending!(advance.poll());
        drop(turn);
        assert_eq!(assert_ready!(advance.poll()).expect("time goes on").to, Instant::EPOCH);
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_reader_is_waited_for_once() {
        let (clock, machine) = (ManualClock::start(), crate::clock::TokioClock::start());
        let (stuck, fine) = (who(0), who(1));
        stuck.party.set_blocked(true);
        let sleepers = [sleeper(&clock, 10, &stuck), sleeper(&clock, 20, &stuck)];
        let mut reader = sleeper(&clock, 30, &fine);
        let advanced = tokio::join!(clock.advance(Advance::By(ms(40))), async {
            drop((&mut reader).await);
        });
        let advanced = advanced.0.expect("time goes on");
        assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
        assert_eq!((advanced.due_count, advanced.held_up), (3, 1));
        assert_eq!(advanced.due.iter().map(|due| due.held_up).collect::<Vec<_>>(), [true, true, false]);
        // Until it reads again it costs no more time; then it is waited for as everybody is.
        assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 1);
        assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
        drop(sleepers);
        stuck.party.set_blocked(false);
        assert_eq!(clock.advance(Advance::By(ms(1))).await.expect("time goes on").held_up, 0);
        let _unread = sleeper(&clock, 50, &stuck);
        stuck.party.set_blocked(true);
        assert_eq!(clock.advance(Advance::By(ms(10))).await.expect("time goes on").held_up, 1);
        assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_blocked_readers_cost_no_more_than_one() {
        let (clock, machine) = (ManualClock::start(), crate::clock::TokioClock::start());
        let all: Vec<Who> = (0..1000).map(who).collect();
        let _sleepers: Vec<_> = all.iter().map(|who| sleeper(&clock, 10, who)).collect();
        for who in &all {
            who.party.set_blocked(true);
        }
        assert_eq!(clock.advance(Advance::By(ms(10))).await.expect("time goes on").held_up, 1000);
        assert_eq!(machine.now().since_epoch(), BLOCKED_TIME_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_readers_are_waited_for_longer_but_not_for_ever() {
        let (clock, machine) = (ManualClock::start(), crate::clock::TokioClock::start());
        let slow = who(0);
        slow.party.set_blocked(true);
        let mut sleeping = sleeper(&clock, 10, &slow);
        let read_slowly = async {
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
        let first_sleeper = sleeper(&clock, 1, &who(0));
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
        assert_eq!(clock.advance(Advance::By(Duration::MAX)).await.expect_err("too far"), EndOfTime);
        assert_eq!(clock.now(), Instant::EPOCH);
        assert_eq!(clock.advance(Advance::By(end)).await.expect("just").to, TIME_MAX);
        let _sleeper = sleeper(&clock, TIME_MAX.as_millis() + 1, &who(0));
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
}
