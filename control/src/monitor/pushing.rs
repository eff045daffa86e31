//! Pushes writes of a test into a response under way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_clock::{Turn, TurnEnd, machine_pause};
use onbeat_wire::recording::{Exchange, Push};

use super::{END_TIME_MAX, Monitor};
use crate::connections::{
    LiveExchange, NotOpen, NotTaken, OpenConnection, OtherRequest, PushedWrite, WAITING_BYTES_MAX, WAITING_WRITES_MAX,
};

/// A write that can't be pushed; no byte was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// No connection with this ordinal is open.
    #[error(transparent)]
    NotOpen(#[from] NotOpen),
    /// The server closes the connection already.
    #[error("expected a connection that stays open; connection {0} is about to be closed")]
    Closing(u64),
    /// The response under way answers another request.
    #[error(transparent)]
    OtherRequest(#[from] OtherRequest),
    /// The response has ended.
    #[error(
        "expected a response under way on connection {connection}; the response to request {request}, {asked}, {end}"
    )]
    Over {
        /// The ordinal of the connection.
        connection: u64,
        /// The ordinal of the request.
        request: u32,
        /// The method and the target of the request.
        asked: String,
        /// The end of the response, in words.
        end: String,
    },
    /// The head of the response has told the length of the body.
    #[error("expected a response without a Content-Length; on connection {0} the head has told the length of the body")]
    LengthTold(u64),
    /// The response does not take the writes so far.
    #[error(
        "expected at most {WAITING_WRITES_MAX} writes and {WAITING_BYTES_MAX} bytes to wait for one response; on \
         connection {0} so many wait, since the client does not read or the head is not due"
    )]
    TooManyWaiting(u64),
}

/// A write that was pushed into a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// The ordinal of the request that the response answers.
    pub(crate) request: u32,
    /// Whether the write has been handed to the socket: not yet, as long as a fault holds the write back, the client does
    /// not read, or the head is not due.
    pub(crate) is_written: bool,
}

/// A write that the response may not have taken yet.
struct Pushing {
    exchange: Arc<LiveExchange>,
    /// How many writes the response had before.
    writes_before: u64,
    /// Whether the client did not read before.
    was_blocked: bool,
    sent: TurnEnd,
}

impl Monitor {
    /// Writes these bytes, as one chunk, to the response under way on a connection, behind all writes that are due. With a
    /// `request`, only to the response to that request. Faults alter the write like any other.
    ///
    /// # Errors
    ///
    /// If no such response is under way, or the response takes no more writes.
    pub fn push(&self, id: u64, request: Option<u32>, bytes: Bytes) -> Result<(), PushError> {
        self.begin_push(id, request, bytes).map(drop)
    }

    /// Pushes a write, and waits until the bytes have been handed to the socket, but no longer than [`END_TIME_MAX`]: the
    /// client may not read. While the clock is `at_rest`, a head that is not due can't be waited for.
    pub(crate) async fn push_and_wait(
        &self,
        id: u64,
        request: Option<u32>,
        bytes: Bytes,
        at_rest: bool,
    ) -> Result<Pushed, PushError> {
        let Pushing { exchange, writes_before, was_blocked, sent } = self.begin_push(id, request, bytes)?;
        let waits_for_head = at_rest && exchange.progress().status.is_none();
        // Waits only where the write can be sent: not for a blocked client, nor for a head that needs time to pass.
        let time_max = if was_blocked || waits_for_head { Duration::ZERO } else { END_TIME_MAX };
        let is_sent = tokio::select! {
            biased;
            () = sent.ended() => true,
            () = machine_pause(time_max) => false,
        };
        let progress = exchange.progress();
        // Counts the writes as well: a fault may have kept the write back, or ended the response in place of the write.
        let is_written = is_sent && progress.written.writes > writes_before;
        if !is_written && progress.end.is_some() {
            return Err(refusal(&exchange, NotTaken::Over));
        }
        Ok(Pushed { request: exchange.request, is_written })
    }

    fn begin_push(&self, id: u64, request: Option<u32>, bytes: Bytes) -> Result<Pushing, PushError> {
        let open = self.connections.find(id).ok_or_else(|| self.connections.not_open(id))?;
        open.check_request(request)?;
        let OpenConnection { connection, exchange, .. } = open;
        if exchange.is_under_way() && connection.ending().is_some() {
            return Err(PushError::Closing(id));
        }
        // Reads both before the push: the response may take the write at once.
        let (writes_before, was_blocked) = (exchange.progress().written.writes, connection.is_blocked());
        let (turn, sent) = Turn::watched();
        let pushed = exchange.push(|| {
            // Notes the push before the response can take the write: the line of the write comes later.
            let at = self.clock.now();
            self.log.note(at, Exchange { connection: Some(id), request: None }, Push { bytes: bytes.clone() });
            PushedWrite { at, bytes, turn }
        });
        pushed.map_err(|reason| refusal(&exchange, reason))?;
        connection.wake_to_write(&*self.clock);
        Ok(Pushing { exchange, writes_before, was_blocked, sent })
    }
}

fn refusal(exchange: &LiveExchange, reason: NotTaken) -> PushError {
    let LiveExchange { connection, request, .. } = *exchange;
    match reason {
        NotTaken::Over => {
            PushError::Over { connection, request, asked: exchange.asked(), end: exchange.end_in_words() }
        }
        NotTaken::LengthTold => PushError::LengthTold(connection),
        NotTaken::TooManyWaiting => PushError::TooManyWaiting(connection),
    }
}
