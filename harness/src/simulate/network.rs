//! The network between a client and the server: bytes that come late, in pieces, together, not for a while, or no more.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use onbeat_server::clock::{Clock, Sleep};
use onbeat_server::random::Random;
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::history::Link;
use crate::transport::Breaker;

/// The client's end of a pipe, behind a network.
pub(super) struct Network {
    /// Gone once the network has broken off.
    pipe: Option<DuplexStream>,
    breaker: Breaker,
    link: Link,
    clock: Arc<dyn Clock>,
    random: Random,
    /// On their way, and when they arrive.
    on_their_way: VecDeque<(Instant, Vec<u8>)>,
    /// The pipe has ended; what is on its way still arrives.
    ended: bool,
    arrival: Option<Sleep>,
    arrived: usize,
}

impl Network {
    pub(super) fn new(pipe: DuplexStream, breaker: Breaker, link: Link, clock: Arc<dyn Clock>, random: Random) -> Self {
        let (on_their_way, pipe) = (VecDeque::new(), Some(pipe));
        Self { pipe, breaker, link, clock, random, on_their_way, ended: false, arrival: None, arrived: 0 }
    }

    /// Takes in what the server has sent, with the time of its arrival.
    fn take_in(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let (Some(pipe), false) = (&mut self.pipe, self.ended) {
            let mut bytes = vec![0; self.link.piece_bytes];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(pipe).poll_read(cx, &mut buffer) else { break };
            read?;
            let length = buffer.filled().len();
            self.ended = length == 0;
            bytes.truncate(length);
            let at = self.arrives();
            self.on_their_way.push_back((at, bytes));
            if self.link.delay_ms_max() == 0 {
                break;
            }
        }
        Ok(())
    }

    /// When what is sent now arrives: never before what was sent before.
    fn arrives(&mut self) -> Instant {
        let Link { latency_ms, jitter_ms, together_ms, .. } = self.link;
        let late = latency_ms + self.random.next_below(jitter_ms + 1);
        let at = (self.clock.now().as_millis() + late).next_multiple_of(together_ms);
        let at = Instant::EPOCH + Duration::from_millis(at);
        self.on_their_way.back().map_or(at, |(before, _)| at.max(*before))
    }

    /// Hands over what has arrived: a piece, or all that arrives together.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let now = self.clock.now();
        while let Some((at, bytes)) = self.on_their_way.front_mut() {
            let begun = !buf.filled().is_empty();
            // The end comes alone: whoever reads nothing takes it for the end.
            if *at > now || begun && (bytes.is_empty() || bytes.len() > buf.remaining()) {
                return;
            }
            let room = self.link.breaks_after.map_or(usize::MAX, |after| after - self.arrived).min(buf.remaining());
            let rest = bytes.split_off(bytes.len().min(room));
            self.arrived += bytes.len();
            buf.put_slice(bytes);
            if rest.is_empty() {
                self.on_their_way.pop_front();
            } else {
                *bytes = rest;
                return;
            }
            if self.link.together_ms == 1 {
                return;
            }
        }
    }

    fn breaks_off(&mut self) -> bool {
        let breaks = self.link.breaks_after.is_some_and(|after| self.arrived >= after);
        if breaks {
            self.breaker.reset();
            self.pipe = None;
        }
        breaks
    }
}

impl AsyncRead for Network {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let network = self.get_mut();
        if network.breaks_off() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if network.on_their_way.is_empty() || network.link.delay_ms_max() > 0 {
            network.take_in(cx)?;
        }
        let Some((at, _)) = network.on_their_way.front() else { return Poll::Pending };
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

impl AsyncWrite for Network {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let network = self.get_mut();
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
