//! A hook between script and driver: the calls with their times, and pushed writes among the writes of the script.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse as _;
use parking_lot::Mutex;
use tokio_test::task;

use super::*;
use crate::driver::chain::Chain;
use crate::driver::hook::HookSlot;
use crate::endpoints::sse;
use crate::script::Cue;
use onbeat_clock::TokioClock;

/// A hook that alters no action, and notes each call with the time.
#[derive(Default)]
struct NotingHook {
    /// Makes the change of the head.
    head: Option<fn() -> HeadChange>,
    noted: Arc<Mutex<Vec<(u64, &'static str)>>>,
    on_its_way: VecDeque<Action>,
    /// Keeps so many actions back.
    keeps: usize,
}

impl NotingHook {
    fn note(&self, at: Instant, what: &'static str) {
        self.noted.lock().push((at.as_millis(), what));
    }
}

impl ResponseHook for NotingHook {
    fn change_head(&mut self) -> HeadChange {
        self.head.map_or(HeadChange::None, |change| change())
    }

    fn alters(&self) -> bool {
        false
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.note(at, "action");
        self.on_its_way.push_back(action);
    }

    fn pass_time(&mut self, now: Instant) {
        self.note(now, "time");
    }

    fn next(&mut self, at: Instant) -> Option<Action> {
        if self.on_its_way.len() <= self.keeps {
            return None;
        }
        let next = self.on_its_way.pop_front()?;
        self.note(at, "next");
        Some(next)
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn wrote(&mut self, _: &Bytes) {
        self.noted.lock().push((0, "written"));
    }

    fn ended(&mut self, how: How) {
        self.noted.lock().push((0, if how == How::Complete { "complete" } else { "not complete" }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_is_told_when_an_action_was_due_and_of_the_time_only_when_all_was_handed_over() {
    let PolledBody { clock, channel, connection, body } = body_of(sse::script, true);
    let hook = NotingHook::default();
    let noted = Arc::clone(&hook.noted);
    let body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
    let mut polled = PolledBody { clock, channel, connection, body };
    polled.until(10_000).await;
    polled.publish(["event: a\n", "data: 1\n\n"]);
    polled.until(31_000).await;
    assert_eq!(polled.due().len(), 4);
    let head = [(0, "action"), (0, "next")];
    let writes = [0, 10_000, 10_000, 30_000].map(|ms| [(ms, "action"), (ms, "next"), (0, "written")]);
    let mut expected = [head.as_slice(), writes.as_flattened()].concat();
    expected.push((31_000, "time"));
    assert_eq!(*noted.lock(), expected);
    drop(polled);
    assert_eq!(noted.lock().last(), Some(&(0, "not complete")));
}

/// A hook that alters no action, into which a test has pushed writes.
struct PushedHook {
    pushed: VecDeque<(Instant, Bytes)>,
    on_its_way: VecDeque<Action>,
}

impl ResponseHook for PushedHook {
    fn change_head(&mut self) -> HeadChange {
        HeadChange::None
    }

    fn alters(&self) -> bool {
        !self.pushed.is_empty() || !self.on_its_way.is_empty()
    }

    fn take_in(&mut self, _: Instant, action: Action) {
        self.on_its_way.push_back(action);
    }

    fn pushed(&mut self, until: Bound<Instant>) -> Option<(Instant, Bytes)> {
        self.pushed.front().filter(|(at, _)| (Bound::Unbounded, until).contains(at))?;
        self.pushed.pop_front()
    }

    fn pass_time(&mut self, _: Instant) {}

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.on_its_way.pop_front()
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        None
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, _: How) {}
}

/// Returns the polled body of a script that writes each of the texts at its milliseconds and ends at 20 ms, with these pushed
/// writes. The body passes through two hooks, of which the second has the writes.
fn pushed_into(pushed: &[(u64, &'static str)]) -> PolledBody<impl Script> {
    let script = |_| {
        let writes = [5, 10, 15].map(|ms| (ms, Action::Write(format!("{ms}").into())));
        let cues = writes.into_iter().chain([(20, Action::End(How::Complete))]);
        cues.map(|(ms, action)| Cue { at: Duration::from_millis(ms), action })
    };
    let PolledBody { clock, channel, connection, body } = body_at(Arc::new(TokioClock::start()), script, false);
    let at = |ms| Instant::EPOCH + Duration::from_millis(ms);
    let pushed = pushed.iter().map(|(ms, text)| (at(*ms), Bytes::from_static(text.as_bytes()))).collect();
    let hook = PushedHook { pushed, on_its_way: VecDeque::new() };
    let chain = Chain::new(Box::new(NotingHook::default()), Box::new(hook));
    let body = task::spawn(body.into_inner().with_hook(Box::new(chain)));
    PolledBody { clock, channel, connection, body }
}

#[tokio::test(start_paused = true)]
async fn pushed_writes_go_by_their_times_however_late_the_body_is_polled() {
    let mut polled = pushed_into(&[(10, "a"), (12, "b"), (20, "c"), (30, "lost")]);
    polled.until(40).await;
    assert!(!polled.body.is_end_stream());
    assert_eq!(polled.due(), ["5", "10", "a", "b", "15", "c"]);
    assert!(polled.body.is_end_stream());
    // Where all is polled in time, the order is the same.
    let mut polled = pushed_into(&[(10, "a"), (12, "b"), (20, "c")]);
    let mut writes = Vec::new();
    for ms in 1..=20 {
        polled.until(ms).await;
        writes.extend(polled.due());
    }
    assert_eq!(writes, ["5", "10", "a", "b", "15", "c"]);
}

#[test]
fn both_hooks_of_a_chain_are_told_what_was_written_and_how_the_response_ended() {
    let hooks = [NotingHook::default(), NotingHook::default()];
    let noted = hooks.each_ref().map(|hook| Arc::clone(&hook.noted));
    let [first, second] = hooks.map(Box::new);
    let mut chain = Chain::new(first, second);
    chain.wrote(&Bytes::from_static(b"a"));
    chain.ended(How::Complete);
    for noted in noted {
        assert_eq!(*noted.lock(), [(0, "written"), (0, "complete")]);
    }
}

#[test]
fn a_chain_alters_if_one_of_its_hooks_does() {
    let altering = |alters: bool| {
        let pushed = alters.then_some((Instant::EPOCH, Bytes::from_static(b"a")));
        Box::new(PushedHook { pushed: pushed.into_iter().collect(), on_its_way: VecDeque::new() })
    };
    for (first, second) in [(false, false), (true, false), (false, true)] {
        assert_eq!(Chain::new(altering(first), altering(second)).alters(), first || second);
    }
}

#[test]
fn the_second_hook_of_a_chain_gets_what_the_first_has_kept_before_the_time_passes() {
    let second = NotingHook::default();
    let noted = Arc::clone(&second.noted);
    let mut chain = Chain::new(Box::new(NotingHook::default()), Box::new(second));
    chain.take_in(Instant::EPOCH, Action::Flush);
    assert!(noted.lock().is_empty());
    chain.pass_time(Instant::EPOCH + Duration::from_millis(5));
    assert_eq!(*noted.lock(), [(5, "action"), (5, "time")]);
}

#[test]
fn the_second_hook_of_a_chain_gets_the_next_action_when_that_hook_keeps_one_back() {
    let mut chain =
        Chain::new(Box::new(NotingHook::default()), Box::new(NotingHook { keeps: 1, ..NotingHook::default() }));
    for action in [Action::Flush, Action::Write(Bytes::from_static(b"a"))] {
        chain.take_in(Instant::EPOCH, action);
    }
    assert_eq!(chain.next(Instant::EPOCH), Some(Action::Flush));
    assert_eq!(chain.next(Instant::EPOCH), None);
}

type MakeChange = fn() -> HeadChange;

fn shown(change: HeadChange) -> String {
    match change {
        HeadChange::None => "none".to_owned(),
        HeadChange::Answer(response) => response.status().as_str().to_owned(),
        HeadChange::Field(_, value) => value.to_str().expect("ASCII").to_owned(),
    }
}

#[test]
fn both_hooks_of_a_chain_may_change_the_head_and_an_answer_goes_before_a_field() {
    let field: MakeChange = || HeadChange::Field(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let busy: MakeChange = || HeadChange::Answer(Box::new(StatusCode::SERVICE_UNAVAILABLE.into_response()));
    let gone: MakeChange = || HeadChange::Answer(Box::new(StatusCode::GONE.into_response()));
    for (first, second, expected) in [
        (None, None, "none"),
        (None, Some(field), "text/plain"),
        (Some(field), None, "text/plain"),
        (None, Some(busy), "503"),
        (Some(busy), None, "503"),
        (Some(busy), Some(field), "503"),
        (Some(field), Some(busy), "503"),
        (Some(busy), Some(gone), "410"),
    ] {
        let [first, second] = [first, second].map(|head| Box::new(NotingHook { head, ..NotingHook::default() }));
        assert_eq!(shown(Chain::new(first, second).change_head()), expected);
    }
    // Puts the first hook before the second by the slot, which has the second already.
    let slot = HookSlot::new(Box::new(NotingHook { head: Some(gone), ..NotingHook::default() }));
    slot.precede(Box::new(NotingHook { head: Some(busy), ..NotingHook::default() }));
    assert_eq!(shown(slot.change_head()), "410");
}
