//! The way between a client of a lab and the application: room, pieces, delay and pace.

use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use onbeat_clock::{Clock, Sleep};
use onbeat_wire::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::WINDOW_BYTES;

/// The most bytes of a piece.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// No cuts.
const WHOLE: RangeInclusive<usize> = usize::MAX..=usize::MAX;

/// The network of a client, which delivers everything at once unless told otherwise.
///
/// ```
/// # use onbeat::{Network, ms};
/// // A phone: little room, small pieces, 80 ms away, and 2 KiB in a second.
/// let slow = Network::new().window(1024).pieces(512).latency(ms(80)).pace(512, ms(250));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub(super) window_bytes: usize,
    pieces: RangeInclusive<usize>,
    /// The state of the random sizes.
    random: u64,
    latency: Duration,
    /// How long each piece takes.
    every: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { window_bytes: WINDOW_BYTES, pieces: WHOLE, random: 0, latency: Duration::ZERO, every: Duration::ZERO }
    }
}

impl Network {
    /// Returns a network that delivers everything at once, with 64 KiB of room in each direction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes may be under way in each direction, as the buffers of a socket do; at least 1.
    ///
    /// A client that does not read, or reads slowly, then makes the application wait: hyper holds at most 16 pieces of a
    /// body beyond these bytes, and then asks the body for no more.
    #[must_use]
    pub fn window(self, bytes: usize) -> Self {
        Self { window_bytes: bytes.max(1), ..self }
    }

    /// Cuts what the client receives into pieces of so many bytes, from 1 to 16 384.
    #[must_use]
    pub fn pieces(self, bytes: usize) -> Self {
        let bytes = bytes.max(1);
        Self { pieces: bytes..=bytes, ..self }
    }

    /// Cuts what the client receives into pieces of random sizes within `bytes`, from 1 to 16 384, which follow from `seed`.
    #[must_use]
    pub fn random_pieces(self, seed: u64, bytes: RangeInclusive<usize>) -> Self {
        let (least, most) = (bytes.start().max(&1), bytes.end().max(&1));
        Self { pieces: *least..=*most, random: seed, ..self }
    }

    /// Delays what the client receives. Requests arrive at once.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Lets the client receive at most `bytes` bytes in each `every`; from 1 to 16 384. For a faster network, shorten `every`.
    #[must_use]
    pub fn pace(self, bytes: usize, every: Duration) -> Self {
        Self { every, ..self.pieces(bytes) }
    }

    /// Returns whether the network delivers everything at once, as it comes.
    pub(super) fn is_plain(&self) -> bool {
        // Ignores the window, which the pipe itself has.
        Self { window_bytes: WINDOW_BYTES, ..self.clone() } == Self::default()
    }

    /// Draws the size of the next piece (`SplitMix64`).
    fn next_piece(&mut self) -> usize {
        let (least, most) = (*self.pieces.start(), *self.pieces.end());
        if least >= most {
            return least.min(PIECE_BYTES_MAX);
        }
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let sizes = (most - least) as u64 + 1;
        let more = usize::try_from((mixed ^ (mixed >> 31)) % sizes).unwrap_or_default();
        (least + more).min(PIECE_BYTES_MAX)
    }

    /// Returns the client's end of a pipe, behind the network.
    pub(super) fn over<P>(self, pipe: P, clock: Arc<dyn Clock>) -> NetworkPipe<P> {
        let under_way = VecDeque::new();
        NetworkPipe { pipe, network: self, clock, under_way, next_piece: Instant::EPOCH, is_ended: false, wait: None }
    }
}

/// The end of a client, behind a network.
pub(super) struct NetworkPipe<P> {
    pipe: P,
    network: Network,
    clock: Arc<dyn Clock>,
    /// The pieces under way, with the times of their arrival; an empty piece is the end.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// When the next piece may leave the pipe.
    next_piece: Instant,
    /// Whether the pipe has ended.
    is_ended: bool,
    /// The wait for the next piece, or for the next arrival.
    wait: Option<(Instant, Sleep)>,
}

impl<P: AsyncRead + Unpin> NetworkPipe<P> {
    /// Takes the pieces out of the pipe that may leave the pipe now.
    fn take_pieces(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let now = self.clock.now();
        // Stops at a full window, so that the application has to wait.
        while !self.is_ended && self.next_piece <= now && self.bytes_under_way() < self.network.window_bytes {
            let mut bytes = vec![0; self.network.next_piece()];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(&mut self.pipe).poll_read(cx, &mut buffer) else { return Ok(()) };
            read?;
            let length = buffer.filled().len();
            bytes.truncate(length);
            // Takes a read of no bytes for the end, and sends an empty piece as the end.
            self.is_ended = length == 0;
            self.next_piece = now + self.network.every;
            self.under_way.push_back((now + self.network.latency, bytes));
        }
        Ok(())
    }

    fn bytes_under_way(&self) -> usize {
        self.under_way.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Hands over the first piece, or as much of the piece as there is room for, if the piece has arrived.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let now = self.clock.now();
        let Some((_, bytes)) = self.under_way.front_mut().filter(|(at, _)| *at <= now) else { return false };
        // Leaves the end in its place, so that each later read is the end again.
        if bytes.is_empty() {
            return true;
        }
        let rest = bytes.split_off(bytes.len().min(buf.remaining()));
        buf.put_slice(bytes);
        *bytes = rest;
        if bytes.is_empty() {
            self.under_way.pop_front();
        }
        true
    }

    /// Returns when the network has something to do again.
    fn next_time(&self) -> Option<Instant> {
        let arrival = self.under_way.front().map(|(at, _)| *at);
        let piece = (!self.is_ended && self.next_piece > self.clock.now()).then_some(self.next_piece);
        arrival.into_iter().chain(piece).min()
    }
}

impl<P: AsyncRead + Unpin> AsyncRead for NetworkPipe<P> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let network = self.get_mut();
        loop {
            network.take_pieces(cx)?;
            if network.hand_over(buf) {
                return Poll::Ready(Ok(()));
            }
            // Leaves the waking to the pipe if there is no time to wait for.
            let Some(time) = network.next_time() else { return Poll::Pending };
            // Keeps the timer of an earlier poll for the same time.
            if network.wait.as_ref().is_none_or(|(at, _)| *at != time) {
                network.wait = Some((time, network.clock.sleep_until(time)));
            }
            if let Some((_, sleep)) = &mut network.wait {
                ready!(sleep.as_mut().poll(cx));
            }
            network.wait = None;
        }
    }
}

impl<P: AsyncWrite + Unpin> AsyncWrite for NetworkPipe<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}
