//! The network between a client and the server: delays bytes, cuts bytes into pieces, and resets the connection.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use onbeat_clock::{Clock, Sleep};
use onbeat_server::random::{Random, Seed};
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::link::Link;
use crate::transport::Breaker;

/// The end of a client, behind a network.
pub(crate) struct LinkNetwork {
    /// The pipe to the server; none after the network has reset the connection.
    pipe: Option<DuplexStream>,
    breaker: Breaker,
    link: Link,
    clock: Arc<dyn Clock>,
    random: Random,
    /// The bytes in flight, with the times of their arrival.
    in_flight: VecDeque<(Instant, Vec<u8>)>,
    /// Whether the pipe has ended. Bytes in flight still arrive.
    is_ended: bool,
    /// The wait for the next arrival.
    arrival: Option<Sleep>,
    /// How many bytes have arrived.
    arrived: usize,
}

impl LinkNetwork {
    /// Returns the network of a client of the world of a seed, by the number of the client, around the client's end of a pipe.
    pub(crate) fn of_client(
        seed: u64,
        number: usize,
        link: Link,
        clock: Arc<dyn Clock>,
    ) -> impl FnOnce(DuplexStream, Breaker) -> Self {
        // Draws with an ordinal that neither a connection of the world nor the generator has.
        let random = Random::new(Seed(seed), u64::MAX - 1 - number as u64, 0);
        let (in_flight, is_ended, arrival, arrived) = (VecDeque::new(), false, None, 0);
        move |pipe, breaker| Self {
            pipe: Some(pipe),
            breaker,
            link,
            clock,
            random,
            in_flight,
            is_ended,
            arrival,
            arrived,
        }
    }

    /// Reads the bytes that the server has sent, and decides when each piece arrives.
    fn take_in(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let (Some(pipe), false) = (&mut self.pipe, self.is_ended) {
            let mut bytes = vec![0; self.link.piece_bytes];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(pipe).poll_read(cx, &mut buffer) else { break };
            read?;
            let length = buffer.filled().len();
            self.is_ended = length == 0;
            bytes.truncate(length);
            let at = self.draw_arrival();
            self.in_flight.push_back((at, bytes));
            // Takes a single piece where there is no delay: then only the pipe holds bytes in flight.
            if self.link.delay_ms_max() == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Draws when bytes that are sent now arrive: never before bytes that were sent earlier.
    fn draw_arrival(&mut self) -> Instant {
        let Link { latency_ms, jitter_ms, together_ms, .. } = self.link;
        let late = latency_ms + self.random.next_below(jitter_ms + 1);
        let at = (self.clock.now().as_millis() + late).next_multiple_of(together_ms);
        let at = Instant::EPOCH + Duration::from_millis(at);
        self.in_flight.back().map_or(at, |(before, _)| at.max(*before))
    }

    /// Hands over the bytes that have arrived: a piece, or all pieces that arrive together.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let now = self.clock.now();
        while let Some((at, bytes)) = self.in_flight.front_mut() {
            let begun = !buf.filled().is_empty();
            // Hands over the end alone, since a read of no bytes is the end.
            if *at > now || begun && (bytes.is_empty() || bytes.len() > buf.remaining()) {
                return;
            }
            let room = self.link.breaks_after.map_or(usize::MAX, |after| after - self.arrived).min(buf.remaining());
            let rest = bytes.split_off(bytes.len().min(room));
            self.arrived += bytes.len();
            buf.put_slice(bytes);
            if rest.is_empty() {
                self.in_flight.pop_front();
            } else {
                *bytes = rest;
                return;
            }
            if self.link.together_ms == 1 {
                return;
            }
        }
    }

    /// Resets the connection if enough bytes have arrived; returns whether the connection is reset.
    fn breaks_off(&mut self) -> bool {
        let breaks = self.link.breaks_after.is_some_and(|after| self.arrived >= after);
        if breaks {
            self.breaker.reset();
            self.pipe = None;
        }
        breaks
    }
}

impl AsyncRead for LinkNetwork {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let network = self.get_mut();
        // Resets at the read behind the last byte, so that the client has seen all bytes before.
        if network.breaks_off() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if network.in_flight.is_empty() || network.link.delay_ms_max() > 0 {
            network.take_in(cx)?;
        }
        // Leaves the waking to the pipe, or waits here until the first bytes in flight arrive.
        let Some((at, _)) = network.in_flight.front() else { return Poll::Pending };
        if *at > network.clock.now() {
            let clock = Arc::clone(&network.clock);
            let sleep = network.arrival.get_or_insert_with(|| clock.sleep_until(*at));
            ready!(sleep.as_mut().poll(cx));
        }
        network.arrival = None;
        network.hand_over(buf);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LinkNetwork {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let network = self.get_mut();
        // Cuts requests into pieces as well, but without a delay.
        let piece = &bytes[..bytes.len().min(network.link.piece_bytes)];
        match &mut network.pipe {
            Some(pipe) => Pin::new(pipe).poll_write(cx, piece),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pipe.as_mut().map_or(Poll::Ready(Ok(())), |pipe| Pin::new(pipe).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().pipe.as_mut().map_or(Poll::Ready(Ok(())), |pipe| Pin::new(pipe).poll_shutdown(cx))
    }
}
