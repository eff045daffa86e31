//! Tests wake-ups that come while a stream looks for the next write: no wake-up is missed.

use parking_lot::Mutex;

use super::tests::body_at;
use super::*;
use crate::channel::{Channel, Event};
use crate::connection::BrokenOff;
use crate::endpoints::sse;
use crate::script::event_stream;
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
