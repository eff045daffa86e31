//! Tests what happens while a stream looks for the next write: no wake-up is missed, and no action that falls due.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::channel::{Channel, Event};
use crate::connection::BrokenOff;
use crate::endpoints::sse;
use crate::script::{Cue, event_stream};
use onbeat_clock::{Sleep, TokioClock};

/// Something that another thread may do, and its name.
type Meddle = (&'static str, fn(&Channel, &Connection));

/// A clock in whose hands something else happens while a stream asks for the time, as on another thread.
struct Meddles {
    clock: TokioClock,
    meddle: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Meddles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddles")
    }
}

impl Clock for Meddles {
    fn now(&self) -> Instant {
        let meddle = self.meddle.lock().take();
        if let Some(meddle) = meddle {
            meddle();
        }
        self.clock.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.clock.sleep_until(deadline)
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_while_a_stream_looks_for_it_is_not_missed() {
    let meddles: [Meddle; 3] = [
        ("an event", |channel, _| {
            channel.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"data: 1\n\n")]), |_| {});
        }),
        ("the end", |_, connection| connection.end(Ending::InGoodOrder)),
        ("an eviction", |_, connection| connection.end(Ending::BreakOff(BrokenOff::Evicted))),
    ];
    for (name, meddle) in meddles {
        let clock = Arc::new(Meddles { clock: TokioClock::start(), meddle: Mutex::default() });
        let script = |start| event_stream(sse::script(start));
        let mut polled = body_at(Arc::clone(&clock) as Arc<dyn Clock>, script, true);
        polled.due();
        let (channel, connection) = (Arc::clone(&polled.channel), Arc::clone(&polled.connection));
        *clock.meddle.lock() = Some(Box::new(move || meddle(&channel, &connection)));
        let frame = polled.poll();
        assert!(frame.is_ready() || polled.body.is_woken(), "{name} was missed");
        assert!(frame.is_ready() || polled.poll().is_ready(), "{name} was lost");
    }
}

/// A clock that moves on by a second with each look, as a fast clock on a busy machine.
#[derive(Debug, Default)]
struct MovingClock(AtomicU64);

impl Clock for MovingClock {
    fn now(&self) -> Instant {
        Instant::EPOCH + Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Instant) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// A hook that cuts the response off at a time, as a fault does.
struct CutHook {
    cut_at: Instant,
    on_its_way: VecDeque<Action>,
}

impl CutHook {
    fn look(&mut self, at: Instant) {
        if at >= self.cut_at {
            self.on_its_way.push_back(Action::End(How::Cut));
        }
    }
}

impl ResponseHook for CutHook {
    fn change_head(&mut self) -> HeadChange {
        HeadChange::None
    }

    fn alters(&self) -> bool {
        true
    }

    fn take_in(&mut self, at: Instant, action: Action) {
        self.look(at);
        self.on_its_way.push_back(action);
    }

    fn pass_time(&mut self, now: Instant) {
        self.look(now);
    }

    fn next(&mut self, _: Instant) -> Option<Action> {
        self.on_its_way.pop_front()
    }

    fn deadline(&self, _: Instant) -> Option<Instant> {
        Some(self.cut_at)
    }

    fn wrote(&mut self, _: &Bytes) {}

    fn ended(&mut self, _: How) {}
}

#[test]
fn what_falls_due_between_two_looks_goes_before_a_later_cut() {
    // Puts all that falls due between two looks of the clock, at one look after another.
    for first in 1..20 {
        let script = move |_| {
            let at = move |n: u64| Duration::from_millis(1000 * first - 500 + 100 * n);
            let cue = move |n| Cue { at: at(n), action: Action::Write(format!("{n}").into()) };
            (0..3).map(cue)
        };
        let PolledBody { body, .. } = body_at(Arc::new(MovingClock::default()), script, false);
        let cut_at = Instant::EPOCH + Duration::from_millis(1000 * first - 250);
        let hook = CutHook { cut_at, on_its_way: VecDeque::new() };
        let mut body = task::spawn(body.into_inner().with_hook(Box::new(hook)));
        let mut writes = Vec::new();
        for _ in 0..100 {
            if let Poll::Ready(Some(Ok(frame))) = body.enter(|cx, body| body.poll_frame(cx)) {
                writes.push(String::from_utf8(frame.into_data().expect("data").to_vec()).expect("UTF-8"));
            }
        }
        assert_eq!(writes, ["0", "1", "2"], "{first}");
    }
}
