//! Serves one connection: HTTP/1.1, by hyper, over any reader and writer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use futures_util::future::{MaybeDone, maybe_done};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::{Connection, Ending};
use crate::service::answer;
use crate::watched_socket::{Left, Watched, Written};
use onbeat_clock::machine_pause;

/// How many bytes hyper buffers of a head. The bound in `malformed` is lower, but leaves out the
/// separators.
const HYPER_BUFFER_BYTES_MAX: usize = 24 * 1024;
/// How many fields a head may have. The reference bounds only their size.
const HEADERS_MAX: usize = 1024;
/// How long a reset waits for a client that does not read the bytes before, in the machine's time.
const RESET_TIME_MAX: Duration = Duration::from_secs(2);
/// How long a client may go on sending after the last answer, and pause meanwhile, in the machine's time.
const LINGER_TIME_MAX: Duration = Duration::from_secs(30);
const LINGER_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How much a client may send after the last answer.
const LINGER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Serves `connection` over `io` until either side closes the connection. Requests are executed in turn (RFC 9112, 9.3.2).
///
/// A client that leaves is noticed at once, and the connection is dropped with the handler and the body under way: after
/// RST always; after FIN, which may be a half-close, if the body is a stream or the handler waits. An answer that is
/// complete at once is still sent. `head_time_max` bounds the wait for the head of a request, in the machine's time; `None`
/// is no bound.
pub async fn serve<I>(io: I, connection: Arc<Connection>, router: Router, head_time_max: Option<Duration>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut socket = Watched::new(io, Arc::clone(&connection));
    let answering = Arc::clone(&connection);
    let service = service_fn(move |request| answer(router.clone(), Arc::clone(&answering), request));
    let mut http = http1::Builder::new();
    // Allows half-closes, so that hyper answers a request followed at once by FIN, and `socket` notices the FIN. Otherwise
    // hyper could drop such a request, and would not notice a client that leaves with another request behind a stream.
    http.auto_date_header(false)
        .half_close(true)
        .writev(false)
        .max_buf_size(HYPER_BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    if let Some(time) = head_time_max {
        http.timer(TokioTimer::new()).header_read_timeout(time);
    }
    connection.begin_serving();
    // Stops serving on every way out, also when the future is dropped: a clock must not wait for a closed connection.
    let _stop = StopServing(&connection);
    let mut served = http.serve_connection(TokioIo::new(socket.clone()), service);
    let mut told_to_end = false;
    let mut patience = None;
    let ended = poll_fn(|cx| {
        connection.task().register(cx.waker());
        // Takes up the turns before hyper runs: this poll sees the causes of all of these turns.
        connection.turns().take_up();
        if connection.ending() == Some(Ending::InGoodOrder) && !told_to_end {
            told_to_end = true;
            Pin::new(&mut served).graceful_shutdown();
        }
        socket.begin_poll();
        let mut polled = served.poll_unpin(cx);
        // Resumes a paused stream in the same poll, once hyper has sent the writes before the pause.
        while polled.is_pending() && connection.task().take_pause() {
            polled = served.poll_unpin(cx);
        }
        let written = if polled.is_pending() { socket.written() } else { Written::All };
        connection.socket_state().set_blocked(written == Written::Blocked);
        // Gives the turns back only when the socket has taken all bytes: a manual clock waits until then, and for a reset
        // until all bytes have been sent.
        if written == Written::All && connection.ending() != Some(Ending::Reset) {
            connection.turns().give_back();
        }
        if let Poll::Ready(outcome) = polled {
            if let Err(error) = outcome {
                tracing::debug!(connection = connection.ordinal(), %error, "connection broke off");
            }
            return Poll::Ready(None);
        }
        // Looks after hyper, since a fault may have ended the connection meanwhile. A cut waits for all writes before, and a
        // reset too, but not for ever.
        match connection.ending() {
            Some(ending @ Ending::BreakOff(why)) => {
                tracing::info!(connection = connection.ordinal(), %why, "connection broken off");
                return Poll::Ready(Some(ending));
            }
            Some(ending @ (Ending::Reset | Ending::Cut | Ending::HalfClose)) if written == Written::All => {
                return Poll::Ready(Some(ending));
            }
            Some(Ending::Reset) if patience.get_or_insert_with(reset_patience).poll_unpin(cx).is_ready() => {
                return Poll::Ready(Some(Ending::Reset));
            }
            Some(Ending::Reset | Ending::Cut | Ending::HalfClose | Ending::InGoodOrder) | None => {}
        }
        // Looks for the client's end last, when hyper has sent all answers that were complete at once.
        match ready!(socket.poll_left_behind_hyper(cx)) {
            Left::Reset => Poll::Ready(None),
            Left::Fin if connection.answer().is_streamed() => Poll::Ready(None),
            Left::Fin if connection.answer().waits_for_handler() => {
                // Lets other tasks run a few times more: the handler may be about to answer.
                if !connection.answer().give_last_turn() {
                    return Poll::Ready(None);
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Left::Fin => Poll::Pending,
        }
    })
    .await;
    // Drops the handler and the body under way before any wait.
    let unparsed = served.into_parts().read_buf;
    if connection.ending() == Some(Ending::Reset) {
        send_before_reset(&mut socket, &connection, patience.unwrap_or_else(reset_patience)).await;
        connection.turns().give_back();
        // Resets the socket by dropping the socket.
        return;
    }
    connection.turns().give_back();
    // Closes at once if the client has nothing more to send; any other client is heard out, so that the answer arrives.
    match ended {
        Some(Ending::HalfClose) => half_close(socket, &connection).await,
        Some(_) => {}
        None if matches!(connection.ending(), Some(Ending::BreakOff(_))) => {}
        None if unparsed.is_empty() && socket.is_read_out() && !connection.answer().left_body() => {}
        None => linger(socket, &connection).await,
    }
}

/// Sends what the machine has not sent yet, until `patience` is over.
async fn send_before_reset<I>(socket: &mut Watched<I>, connection: &Connection, patience: impl Future<Output = ()>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin,
{
    // Lets a manual clock wait no longer than for any other client that does not read.
    connection.socket_state().set_blocked(true);
    tokio::select! {
        biased;
        // Drops a failure: the client may be gone.
        _ = poll_fn(|cx| Pin::new(&mut *socket).poll_flush(cx)) => {}
        () = patience => {}
    }
}

/// Waits as long as a reset waits for a client that does not read. Stays over once over.
fn reset_patience() -> Pin<Box<MaybeDone<impl Future<Output = ()> + Send>>> {
    Box::pin(maybe_done(machine_pause(RESET_TIME_MAX)))
}

/// Sends the FIN, then reads and discards for a while what the client still sends: a socket that is closed at once would
/// reset the connection and destroy the answer (RFC 9112, 9.6).
async fn linger<I: AsyncRead + AsyncWrite + Send + Unpin>(mut socket: Watched<I>, connection: &Connection) {
    if poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.is_err() {
        return;
    }
    let heard_out = async {
        let mut bytes = 0;
        while bytes < LINGER_BYTES_MAX {
            tokio::select! {
                biased;
                more = discard(&socket, connection) => match more {
                    0 => return,
                    more => bytes += more,
                },
                () = machine_pause(LINGER_PAUSE_MAX) => return,
            }
        }
    };
    tokio::select! {
        biased;
        // Polls the timer first: a client that sends without end would leave the timer no share of the task's time.
        () = machine_pause(LINGER_TIME_MAX) => {}
        () = heard_out => {}
    }
}

/// Sends the FIN, and waits until the client closes its side or the connection is to end.
async fn half_close<I: AsyncRead + AsyncWrite + Send + Unpin>(mut socket: Watched<I>, connection: &Connection) {
    connection.note_half_closed();
    if poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.is_err() {
        return;
    }
    while discard(&socket, connection).await > 0 {}
}

/// Discards the next bytes of the client. Returns the number of bytes: 0 if the client has left, or the connection is to end.
async fn discard<I: AsyncRead + AsyncWrite + Send + Unpin>(socket: &Watched<I>, connection: &Connection) -> usize {
    poll_fn(|cx| {
        connection.task().register(cx.waker());
        let waits_for_client = matches!(connection.ending(), None | Some(Ending::HalfClose));
        if waits_for_client { socket.poll_discard(cx) } else { Poll::Ready(0) }
    })
    .await
}

/// Notes the end of serving when dropped, however serving ends.
struct StopServing<'a>(&'a Connection);

impl Drop for StopServing<'_> {
    fn drop(&mut self) {
        self.0.stop_serving();
    }
}

#[cfg(test)]
mod tests;
