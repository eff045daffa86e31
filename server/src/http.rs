//! One connection: HTTP/1.1, by hyper, over anything that reads and writes.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures_util::TryFutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::clock::machine_pause;
use crate::connection::{Closing, Connection};
use crate::origin::Debut;
use crate::pipeline::Pipeline;
use crate::requests::{HEAD_BYTES_MAX, HEADERS_MAX};
use crate::watched::{Watched, Written};

/// How long a client may go on sending after the last answer, in the machine's time.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);

/// Serves `connection` over `io` until it is closed, on either side.
///
/// A client that leaves (FIN, half-close or RST) is noticed at once, whatever HTTP is busy with; its streams are then
/// dropped. Requests that come behind a stream are executed at once, and answered after it. `head_time_max` bounds the
/// wait for a request's head, in the machine's time; without it there is no bound.
pub async fn serve<I>(io: I, connection: Arc<Connection>, router: Router, head_time_max: Option<Duration>)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let socket = Watched::new(io, Pipeline::new(router, Arc::clone(&connection)));
    let answering = socket.clone();
    let service = service_fn(move |request| answering.answer(request).map_ok(begun));
    let mut http = http1::Builder::new();
    // What was asked for with the client's last words is still answered; who leaves a stream is noticed by the watcher.
    http.auto_date_header(false).half_close(true).writev(false).max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    if let Some(time) = head_time_max {
        http.timer(TokioTimer::new()).header_read_timeout(time);
    }
    connection.begin_serving();
    let _left = Leaves(&connection);
    let closing = {
        let mut served = pin!(http.serve_connection(TokioIo::new(socket.clone()), service));
        let mut told_to_end = false;
        poll_fn(|cx| {
            connection.register(cx.waker());
            connection.take_up_turns();
            if connection.is_closing_in_good_order() && !told_to_end {
                told_to_end = true;
                served.as_mut().graceful_shutdown();
            }
            let mut polled = served.as_mut().poll(cx);
            while polled.is_pending() && connection.is_paused() {
                polled = served.as_mut().poll(cx);
            }
            let written = if polled.is_pending() { socket.written() } else { Written::All };
            connection.party().set_blocked(written == Written::Blocked);
            if written == Written::All {
                connection.give_turns_back();
            }
            if let Poll::Ready(outcome) = polled {
                if let Err(error) = outcome {
                    tracing::debug!(connection = connection.ordinal(), %error, "connection broke off");
                }
                return Poll::Ready(None);
            }
            if connection.is_aborted() {
                tracing::info!(connection = connection.ordinal(), "broken off: the client does not read");
                return Poll::Ready(None);
            }
            match connection.closing() {
                Some(how) if how == Closing::Reset || written == Written::All => return Poll::Ready(Some(how)),
                _ => {}
            }
            if connection.is_streaming() { socket.poll_behind_stream(cx).map(|()| None) } else { Poll::Pending }
        })
        .await
    };
    socket.give_up_answers();
    connection.give_turns_back();
    match closing {
        Some(Closing::Half) => half_close(socket, &connection).await,
        Some(Closing::Cut | Closing::Reset) => {}
        None => linger(socket, &connection).await,
    }
}

/// A client that is still sending would have its answer destroyed by a reset, were the socket closed at once: it gets the
/// FIN, and what it sends is read and thrown away for a while (RFC 9112, 9.6).
async fn linger<I: AsyncRead + AsyncWrite + Send + Unpin>(mut socket: Watched<I>, connection: &Connection) {
    if socket.is_between_requests() || connection.is_aborted() {
        return;
    }
    if poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.is_err() {
        return;
    }
    tokio::select! {
        biased;
        // First, since who sends without end leaves it no share of the task's time.
        () = machine_pause(LINGER_TIME_MAX) => {}
        () = left_or_told_to_end(&socket, connection) => {}
    }
}

/// The answer, whose turn has come: its head is written next.
fn begun(mut response: Response) -> Response {
    Debut::of(&mut response);
    response
}

/// Sends the FIN, and waits until the client closes its side or the connection is to end.
async fn half_close<I: AsyncRead + AsyncWrite + Send + Unpin>(mut socket: Watched<I>, connection: &Connection) {
    connection.note_half_closed();
    if poll_fn(|cx| Pin::new(&mut socket).poll_shutdown(cx)).await.is_err() {
        return;
    }
    left_or_told_to_end(&socket, connection).await;
}

/// Reads, for nobody, until the client closes its side or the connection is to end.
async fn left_or_told_to_end<I: AsyncRead + AsyncWrite + Send + Unpin>(socket: &Watched<I>, connection: &Connection) {
    poll_fn(|cx| {
        connection.register(cx.waker());
        let is_reset = connection.closing() == Some(Closing::Reset);
        let is_over = is_reset || connection.is_closing_in_good_order() || connection.is_aborted();
        if is_over { Poll::Ready(()) } else { socket.poll_left(cx) }
    })
    .await;
}

/// However serving ends, nobody waits for the connection any more.
struct Leaves<'a>(&'a Connection);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.stop_serving();
    }
}
