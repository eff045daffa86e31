//! The raw client: it sends any bytes at all, and notes what it sees.

use std::panic::resume_unwind;
use std::sync::Arc;

use onbeat_server::clock::Clock;
use onbeat_wire::{How, Instant, Part, Responses, Transcript, What};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::account::{Account, Note};
use crate::transport::{Arrival, Came, Sender, Tap};

/// How much of a server's answers a client takes in before it stops reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes.
    pub bytes_max: usize,
    /// Notes of its account: heads, writes, ends.
    pub notes_max: usize,
}

impl Bounds {
    /// For a server that is trusted.
    pub const NONE: Self = Self { bytes_max: usize::MAX, notes_max: usize::MAX };
}

/// A client on a connection of its own. It reads all the time, in a task beside its owner's.
#[derive(Debug)]
pub struct Client {
    clock: Arc<dyn Clock>,
    sender: Sender,
    shared: Arc<Shared>,
    /// The one reading task, which ends with its owner.
    reader: JoinSet<()>,
}

impl Client {
    /// A client at its end of a connection.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, sender: Sender, tap: Tap) -> Self {
        Self::bounded(clock, sender, tap, Bounds::NONE)
    }

    /// A client that stops reading beyond its bounds.
    #[must_use]
    pub fn bounded(clock: Arc<dyn Clock>, sender: Sender, tap: Tap, bounds: Bounds) -> Self {
        let shared = Arc::new(Shared::default());
        let mut reader = JoinSet::new();
        reader.spawn(read(tap, Arc::clone(&shared), bounds));
        Self { clock, sender, shared, reader }
    }

    /// Sends a `GET` for `target`.
    pub async fn get(&mut self, target: &str) {
        self.request("GET", target, &[]).await;
    }

    /// Sends a request without a body.
    pub async fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: onbeat\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.expect(method);
        self.send((head + "\r\n").as_bytes()).await;
    }

    /// Expects the answer to a request of this method, which is about to be sent.
    pub fn expect(&mut self, method: &str) {
        self.shared.state().responses.expect(method);
    }

    /// Sends these bytes, whatever they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.shared.state().note(self.clock.now(), Note::Sent(bytes.to_vec()));
        // If the server has closed already, the reader is the one to see it.
        let _ = self.sender.send(bytes).await;
    }

    /// Waits until this many responses in all have ended, or the connection has.
    pub async fn responses(&self, count: usize) {
        loop {
            let next = self.shared.ended.notified();
            if self.shared.state().is_done(count) {
                return;
            }
            next.await;
        }
    }

    /// Waits until what it has seen is `enough`, or nothing more can come.
    pub async fn until(&self, mut enough: impl FnMut(&Account) -> bool) {
        loop {
            let next = self.shared.arrived.notified();
            {
                let state = self.shared.state();
                if state.closed || enough(&state.account) {
                    return;
                }
            }
            next.await;
        }
    }

    /// What it has done and seen so far.
    #[must_use]
    pub fn account(&self) -> Account {
        self.shared.state().account.clone()
    }

    /// Takes out what it has done and seen so far, so that a long stream takes no memory.
    #[must_use]
    pub fn take(&mut self) -> Account {
        std::mem::take(&mut self.shared.state().account)
    }

    /// What it has seen so far.
    #[must_use]
    pub fn transcript(&self) -> Transcript {
        self.account().into_transcript()
    }

    /// Sends no more, but goes on reading.
    pub async fn half_close(&mut self) {
        self.shared.state().note(self.clock.now(), Note::HalfClosed);
        self.sender.half_close().await;
    }

    /// Closes the connection (FIN).
    pub async fn close(self) -> Account {
        self.leave(Note::Closed, How::Closed).await
    }

    /// Resets the connection (RST).
    pub async fn reset(mut self) -> Account {
        self.sender.reset();
        self.leave(Note::Reset, How::Reset).await
    }

    async fn leave(self, note: Note, how: How) -> Account {
        let Self { clock, sender, shared, mut reader } = self;
        // The pipe is closed when both its sides have been dropped: the reader's, and then the sender's.
        reader.abort_all();
        while let Some(read) = reader.join_next().await {
            if let Err(error) = read
                && let Ok(panic) = error.try_into_panic()
            {
                resume_unwind(panic);
            }
        }
        drop(sender);
        let mut state = shared.state();
        state.note(clock.now(), note);
        if !state.responses.is_between() {
            state.note(clock.now(), Note::Saw(What::End(how)));
        }
        std::mem::take(&mut state.account)
    }
}

async fn read(mut tap: Tap, shared: Arc<Shared>, mut bounds: Bounds) {
    loop {
        let arrival = tap.next().await;
        let (ended, closed) = {
            let mut state = shared.state();
            let ended = state.take_in(arrival, &mut bounds);
            (ended, state.closed)
        };
        shared.arrived.notify_waiters();
        if ended {
            shared.ended.notify_waiters();
        }
        if closed {
            return;
        }
    }
}

/// What the client and its reader share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something has come.
    arrived: Notify,
    /// A response has ended, or the connection has.
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    responses: Responses,
    account: Account,
    ended: usize,
    /// Nothing more is read: the server has closed the connection, or it can't be read any further.
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn is_done(&self, responses: usize) -> bool {
        self.closed || self.ended >= responses
    }

    fn note(&mut self, at: Instant, note: Note) {
        self.account.notes.push((at, note));
    }

    /// Notes what has come; returns whether it ended something.
    fn take_in(&mut self, Arrival { at, came }: Arrival, bounds: &mut Bounds) -> bool {
        let before = self.ended;
        match came {
            Came::Bytes(bytes) => {
                bounds.bytes_max = bounds.bytes_max.saturating_sub(bytes.len());
                self.responses.push(&bytes);
                self.read_on(at, bounds);
            }
            Came::End | Came::Reset => {
                let end = self.responses.close();
                if let Some(part) = end {
                    self.see(at, part);
                } else if !self.responses.is_between() {
                    let how = if came == Came::End { How::Cut } else { How::Reset };
                    self.note(at, Note::Saw(What::End(how)));
                }
                self.closed = true;
                self.note(at, Note::ServerClosed);
            }
        }
        self.closed || self.ended > before
    }

    fn read_on(&mut self, at: Instant, bounds: &Bounds) {
        let broken = loop {
            match self.responses.next_part() {
                Ok(Some(part)) => self.see(at, part),
                Ok(None) if bounds.bytes_max == 0 => break "more bytes came than were ever expected".to_owned(),
                Ok(None) => return,
                Err(malformed) => break malformed.to_string(),
            }
            if self.account.notes.len() > bounds.notes_max {
                break "more writes came than were ever expected".to_owned();
            }
        };
        self.closed = true;
        self.note(at, Note::Broken(broken));
    }

    fn see(&mut self, at: Instant, part: Part) {
        let what = match part {
            Part::Head(head) => What::Head(head),
            Part::Data(bytes) => match self.account.notes.last_mut() {
                // Without chunks nothing tells writes apart but their time.
                Some((then, Note::Saw(What::Write(before)))) if *then == at && !self.responses.is_chunked() => {
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
        self.note(at, Note::Saw(what));
    }
}
