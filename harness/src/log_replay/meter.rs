//! The meter: how much happens while a log is played again.
//!
//! A log tells all writes. Where lines are missing, or a time was changed, streams go on until the latest time, up to a
//! century: the meter ends such a replay.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use onbeat_clock::{Clock, Sleep};
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, DuplexStream, Join, ReadBuf, ReadHalf, WriteHalf, join, split};
use tokio::sync::Notify;

/// The most waits of the server: a second's work. A stalled stream waits for each heartbeat, and leaves no line of any.
const WAITS_MAX: u64 = 700_000;

/// Counts the bytes read by clients and the waits of the server, each up to a limit.
#[derive(Debug)]
pub(super) struct Meter {
    bytes: Count,
    waits: Count,
    passed: Notify,
}

/// A count up to a limit.
#[derive(Debug)]
struct Count {
    limit: u64,
    spent: AtomicU64,
}

impl Meter {
    /// Allows clients to read so many bytes.
    pub(super) fn new(bytes_max: u64) -> Arc<Self> {
        let count = |limit| Count { limit, spent: AtomicU64::new(0) };
        Arc::new(Self { bytes: count(bytes_max), waits: count(WAITS_MAX), passed: Notify::new() })
    }

    /// Waits until a limit is passed.
    pub(super) async fn passed(&self) {
        self.passed.notified().await;
    }

    fn spend(&self, count: &Count, more: u64) {
        let before = count.spent.fetch_add(more, Ordering::Relaxed);
        // Notifies once, at the step over the limit; the permit waits for a later listener.
        if before <= count.limit && before + more > count.limit {
            self.passed.notify_one();
        }
    }
}

/// A clock that counts waits.
#[derive(Debug)]
pub(super) struct MeteredClock {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meter: Arc<Meter>,
}

impl Clock for MeteredClock {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.meter.spend(&self.meter.waits, 1);
        self.clock.sleep_until(deadline)
    }
}

/// Returns a client's end of a pipe that counts the bytes read by the client.
pub(super) fn metered(pipe: DuplexStream, meter: Arc<Meter>) -> Join<MeteredReader, WriteHalf<DuplexStream>> {
    let (pipe, writer) = split(pipe);
    join(MeteredReader { pipe, meter }, writer)
}

/// The reading side of a client's end.
pub(super) struct MeteredReader {
    pipe: ReadHalf<DuplexStream>,
    meter: Arc<Meter>,
}

impl AsyncRead for MeteredReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.pipe).poll_read(cx, buf);
        self.meter.spend(&self.meter.bytes, (buf.filled().len() - before) as u64);
        read
    }
}
