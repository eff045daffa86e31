//! The client: sends anything at all, and logs everything received.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use onbeat_clock::Clock;
use onbeat_wire::{Framing, How, Instant, LeftHow, Part, Responses, Transcript, What};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Action, ClientLog, LogEntry};
use crate::transport::{Arrival, Sender, Tap};

/// How much of the answers of a server a client takes in before the client stops reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes.
    pub bytes_max: usize,
    /// Entries of the log: heads, writes, ends.
    pub entries_max: usize,
}

impl Bounds {
    /// No bounds, for a trusted server.
    pub const NONE: Self = Self { bytes_max: usize::MAX, entries_max: usize::MAX };
    /// Bounds for a short answer.
    pub const SHORT: Self = Self { bytes_max: 1 << 16, entries_max: 64 };
}

/// The player of a client on a connection. A task beside the owner reads all the time, unless the client pauses.
#[derive(Debug)]
pub struct Player {
    clock: Arc<dyn Clock>,
    /// Gone when the client has closed or reset the connection; the log stays.
    sender: Option<Sender>,
    shared: Arc<Shared>,
    /// The reading task, which ends with the client.
    reader: JoinSet<()>,
}

impl Player {
    /// Returns a client with these ends of a connection; the client stops reading beyond the bounds.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ends: (Sender, Tap), bounds: Bounds) -> Self {
        Self::with_notice(clock, ends, bounds, || ())
    }

    /// Returns a client as [`new`](Self::new) does, which calls `notice` whenever something has arrived.
    #[must_use]
    pub fn with_notice(
        clock: Arc<dyn Clock>,
        (sender, tap): (Sender, Tap),
        bounds: Bounds,
        notice: impl Fn() + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let mut reader = JoinSet::new();
        reader.spawn(read(tap, Arc::clone(&shared), bounds, notice));
        Self { clock, sender: Some(sender), shared, reader }
    }

    /// Does an action, and logs the action. After closing or resetting the connection, a client does no more.
    pub async fn act(&mut self, action: Action) {
        let Some(sender) = &mut self.sender else { return };
        // Logs an action before doing the action: an answer at once comes after its request.
        let now = self.clock.now();
        match &action {
            Action::Pause => self.shared.state.lock().is_paused = true,
            Action::Resume => {
                self.shared.state.lock().is_paused = false;
                self.shared.resumed.wake();
            }
            Action::Request { bytes, .. } | Action::Send(bytes) => {
                self.shared.state.lock().act(now, action.clone());
                // Ignores a failure: if the server has closed already, the reader sees the end.
                let _ = sender.send(bytes).await;
            }
            Action::Leave(LeftHow::HalfClosed) => {
                self.shared.state.lock().act(now, action.clone());
                sender.half_close().await;
            }
            Action::Leave(how @ (LeftHow::Closed | LeftHow::Reset)) => {
                if *how == LeftHow::Reset {
                    sender.reset();
                }
                // Drops both sides, the reader's and then the sender's, which closes the connection.
                self.stop_reading().await;
                self.sender = None;
                let how = if *how == LeftHow::Reset { How::Reset } else { How::Closed };
                self.shared.state.lock().leave(self.clock.now(), action, how);
            }
        }
    }

    async fn stop_reading(&mut self) {
        // Waits for the end of the task, so that its side of the connection is dropped; a panic is passed on.
        self.reader.abort_all();
        while let Some(read) = self.reader.join_next().await {
            if let Err(error) = read
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
        }
    }

    /// Sends a `GET` for `target`.
    pub async fn get(&mut self, target: &str) {
        self.request("GET", target, &[]).await;
    }

    /// Sends a request without a body.
    pub async fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        self.act(Action::plain_request(method, target, headers)).await;
    }

    /// Sends any bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.act(Action::Send(Bytes::copy_from_slice(bytes))).await;
    }

    /// Expects the answer to a request of the given method, which is about to be sent.
    pub fn expect(&mut self, method: &str) {
        self.shared.state.lock().responses.expect(method);
    }

    /// Waits until so many responses in all have ended, or the connection has.
    pub async fn responses(&self, count: usize) {
        // Waits for ends alone, since a long response has many writes.
        self.shared.wait_for(&self.shared.ended, |state| state.ended >= count).await;
    }

    /// Waits until the log is `enough`, or [no more can come](Self::is_over).
    pub async fn until(&self, mut enough: impl FnMut(&ClientLog) -> bool) {
        self.shared.wait_for(&self.shared.arrived, |state| enough(&state.log)).await;
    }

    /// Waits as [`until`](Self::until) does, but no longer than `patience`; returns whether the log is `enough`.
    pub async fn until_within(&self, patience: Duration, mut enough: impl FnMut(&ClientLog) -> bool) -> bool {
        tokio::select! {
            biased;
            () = self.until(&mut enough) => {}
            () = self.clock.sleep_until(self.clock.now() + patience) => {}
        }
        enough(&self.shared.state.lock().log)
    }

    /// Returns a reader of the log, which can be used while the client acts.
    #[must_use]
    pub fn log_reader(&self) -> LogReader {
        LogReader(Arc::clone(&self.shared))
    }

    /// Returns whether no more can come: the connection has ended, or the server's bytes can't be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.state.lock().is_over
    }

    /// Returns whether the client has neither closed nor reset the connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.sender.is_some()
    }

    /// Returns the log so far.
    #[must_use]
    pub fn log(&self) -> ClientLog {
        self.shared.state.lock().log.clone()
    }

    /// Takes out the log so far: a long stream then takes no memory.
    #[must_use]
    pub fn take(&mut self) -> ClientLog {
        std::mem::take(&mut self.shared.state.lock().log)
    }

    /// Returns the seen part of the log so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.log().into_transcript()
    }

    /// Closes the connection (FIN), if the connection is still open; returns the log.
    pub async fn close(mut self) -> ClientLog {
        self.act(Action::Leave(LeftHow::Closed)).await;
        self.take()
    }
}

/// A reader of a client's log, beside the client.
#[derive(Clone, Debug)]
pub struct LogReader(Arc<Shared>);

impl LogReader {
    /// Calls `read` with the log so far, and returns the result. The client neither acts nor reads meanwhile.
    pub fn read<T>(&self, read: impl FnOnce(&ClientLog) -> T) -> T {
        read(&self.0.state.lock().log)
    }

    /// Returns whether no more can come: the connection has ended, or the server's bytes can't be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.state.lock().is_over
    }
}

async fn read(mut tap: Tap, shared: Arc<Shared>, mut bounds: Bounds, notice: impl Fn()) {
    loop {
        let (at, arrival) = {
            let mut next = pin!(tap.next());
            poll_fn(|cx| {
                // Registers before looking at the pause, so that a resume in between is not missed.
                shared.resumed.register(cx.waker());
                if shared.state.lock().is_paused { Poll::Pending } else { next.as_mut().poll(cx) }
            })
            .await
        };
        // Releases the lock before waking the waiting owners.
        let (has_ended, is_over) = {
            let mut state = shared.state.lock();
            let ended = state.ended;
            state.take_in(at, arrival, &mut bounds);
            (state.ended > ended, state.is_over)
        };
        shared.arrived.notify_waiters();
        if has_ended || is_over {
            shared.ended.notify_waiters();
        }
        notice();
        if is_over {
            return;
        }
    }
}

/// The state that the client and the reading task share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<ClientState>,
    /// Wakes waiting owners at each arrival.
    arrived: Notify,
    /// Wakes waiting owners at the end of each response, and of the connection.
    ended: Notify,
    /// Wakes the reading task when the client reads on.
    resumed: AtomicWaker,
}

impl Shared {
    /// Waits until the state is enough, or no more can come; looks again after each `change`.
    async fn wait_for(&self, change: &Notify, mut is_enough: impl FnMut(&ClientState) -> bool) {
        loop {
            // Registers before looking at the state, so that a change in between is not missed.
            let next = change.notified();
            {
                let state = self.state.lock();
                if state.is_over || is_enough(&state) {
                    return;
                }
            }
            next.await;
        }
    }
}

#[derive(Debug, Default)]
struct ClientState {
    responses: Responses,
    log: ClientLog,
    /// How many responses have ended.
    ended: usize,
    is_paused: bool,
    /// Whether no more is read: the connection has ended, or the server's bytes can't be read any further.
    is_over: bool,
}

impl ClientState {
    fn add(&mut self, at: Instant, entry: LogEntry) {
        self.log.entries.push((at, entry));
    }

    fn act(&mut self, at: Instant, action: Action) {
        if let Action::Request { method, .. } = &action {
            self.responses.expect(method);
        }
        self.add(at, LogEntry::Did(action));
    }

    /// Logs the leaving of the client, which ends a response under way.
    fn leave(&mut self, at: Instant, action: Action, how: How) {
        self.act(at, action);
        if !self.responses.is_between() {
            self.add(at, LogEntry::Saw(What::End(how)));
        }
        self.is_over = true;
    }

    fn take_in(&mut self, at: Instant, arrival: Arrival, bounds: &mut Bounds) {
        match arrival {
            Arrival::Bytes(bytes) => {
                bounds.bytes_max = bounds.bytes_max.saturating_sub(bytes.len());
                self.responses.push(&bytes);
                self.read_on(at, bounds);
            }
            Arrival::End | Arrival::Reset => {
                let is_between = self.responses.is_between();
                let how = if arrival == Arrival::End { How::Cut } else { How::Reset };
                // Completes a body without a length by the end of the connection, which cuts any other response. A reset
                // completes no body.
                match self.responses.close().filter(|_| how == How::Cut) {
                    Some(part) => self.see(at, part),
                    None if is_between => {}
                    None => self.add(at, LogEntry::Saw(What::End(how))),
                }
                self.is_over = true;
                self.add(at, LogEntry::ServerClosed);
            }
        }
    }

    fn read_on(&mut self, at: Instant, bounds: &Bounds) {
        let why = loop {
            match self.responses.next_part() {
                Ok(Some(part)) => self.see(at, part),
                // Reads all complete parts before the bounds end the reading.
                Ok(None) if bounds.bytes_max == 0 => break "more bytes came than were ever expected".to_owned(),
                Ok(None) => match self.piece() {
                    Some(piece) => self.see(at, piece),
                    None => return,
                },
                Err(malformed) => break malformed.to_string(),
            }
            if self.log.entries.len() > bounds.entries_max {
                break "more writes came than were ever expected".to_owned();
            }
        };
        self.is_over = true;
        self.add(at, LogEntry::Unreadable(why));
    }

    /// Takes the bytes so far of a body with a length; only a chunk is waited for as a whole.
    fn piece(&mut self) -> Option<Part> {
        let has_length = self.responses.framing() == Some(Framing::Length);
        has_length.then(|| self.responses.take_held())?.map(Part::Data)
    }

    fn see(&mut self, at: Instant, part: Part) {
        let what = match part {
            Part::Head(head) => What::Head(head),
            Part::Data(bytes) => match self.log.entries.last_mut() {
                // Joins bytes of an instant: without chunks only times separate writes.
                Some((then, LogEntry::Saw(What::Write(before)))) if *then == at && !self.responses.is_chunked() => {
                    *before = [&before[..], &bytes[..]].concat().into();
                    return;
                }
                _ => What::Write(bytes),
            },
            Part::End => {
                self.ended += 1;
                What::End(How::Complete)
            }
        };
        self.add(at, LogEntry::Saw(what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_completes_no_body_and_the_end_of_the_connection_a_body_without_a_length() {
        let (until_close, chunked) = ("", "transfer-encoding: chunked\r\n");
        for (framing, arrival, how) in [
            (until_close, Arrival::End, How::Complete),
            (until_close, Arrival::Reset, How::Reset),
            (chunked, Arrival::End, How::Cut),
            (chunked, Arrival::Reset, How::Reset),
        ] {
            let mut state = ClientState::default();
            state.act(Instant::EPOCH, Action::request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
            let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n");
            for arrival in [Arrival::Bytes(head.into()), arrival] {
                state.take_in(Instant::EPOCH, arrival, &mut Bounds::NONE.clone());
            }
            let end = state.log.first_exchange().and_then(|exchange| exchange.end);
            assert_eq!(end.map(|(_, how)| how), Some(how), "{framing:?}");
        }
    }
}
