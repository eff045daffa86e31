//! A driver, polled by hand.

mod between_looks;
mod cues;
mod ends;
mod hooks;
mod manual_time;
mod subscribers;

use std::time::Duration;

use tokio_test::task::{self, Spawn};

use super::*;
use crate::channel::{Channel, Event};
use crate::random::Seed;
use crate::script::{Writes, event_stream};
use onbeat_clock::TokioClock;

/// A body, polled by hand, with the clock, channel and connection of the body.
struct PolledBody<S: Script> {
    clock: Arc<dyn Clock>,
    channel: Arc<Channel>,
    connection: Arc<Connection>,
    body: Spawn<Driver<ScriptSource<S>>>,
}

fn body_of<W: Writes>(writes: fn(Start) -> W, joins: bool) -> PolledBody<impl Script> {
    body_at(Arc::new(TokioClock::start()), |start| event_stream(writes(start)), joins)
}

fn body_at<S: Script>(clock: Arc<dyn Clock>, script: impl Fn(Start) -> S, joins: bool) -> PolledBody<S> {
    let channel = Arc::new(Channel::new(2));
    let connection = Arc::new(Connection::new(0));
    let epoch = "2025-12-01T00:00:00Z".parse().expect("a valid epoch");
    let start = Start { epoch, at: clock.now(), seed: Seed(42), connection: 0, request: 0 };
    let subscription = joins.then(|| channel.subscribe(Arc::clone(&connection)));
    let body = Driver::new(Arc::clone(&clock), &start, script(start), subscription, Arc::clone(&connection));
    PolledBody { clock, channel, connection, body: task::spawn(body) }
}

impl<S: Script> PolledBody<S> {
    fn poll(&mut self) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let frame = self.body.enter(|cx, body| body.poll_frame(cx));
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().expect("data frames only"))))
    }

    /// Returns the writes that are due now, over all pauses of the stream.
    fn due(&mut self) -> Vec<String> {
        let mut writes = Vec::new();
        loop {
            match self.poll() {
                Poll::Ready(Some(Ok(bytes))) => writes.push(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
                Poll::Pending if self.body.is_woken() => {}
                _ => return writes,
            }
        }
    }

    fn publish(&self, writes: [&'static str; 2]) {
        let event = Event::from(writes.map(|write| Bytes::from_static(write.as_bytes())));
        self.channel.publish(self.clock.now(), event, |_| {});
    }

    async fn until(&self, ms: u64) {
        self.clock.sleep_until(Instant::EPOCH + Duration::from_millis(ms)).await;
    }
}
