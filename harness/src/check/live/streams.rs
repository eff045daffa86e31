//! Watches streams twice at the same time: raw, and as an application does.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;

use super::download::Download;
use super::inspection::{Inspection, TICK};
use crate::check::hint::Pulse;
use crate::check::{LinesSeen, Noise, OtherClients, play};
use crate::judge::{Observation, PATIENCE, Scenario, Timeline};
use crate::player::Bounds;

/// The bounds of a client of `/sse`, where other users may say a lot.
const SSE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 22, entries_max: 1 << 15 };

impl Inspection<'_> {
    /// Judges a stream; again, where a busy machine may explain the evidence.
    pub(super) async fn stream(&self, stream: &Scenario, noise: Noise) {
        let take_pulse = |seen: &Observation| {
            let pulse = Pulse::take(stream, seen, &self.live.pace);
            self.findings().pulses.push(pulse);
        };
        let seen = self.watch(stream, noise, take_pulse).await;
        let timeline = Timeline::of(stream, &seen, &self.live.pace);
        let watch = async || self.judge(stream, &self.watch(stream, noise, |_| ()).await);
        let evidence = self.watch_again(stream, self.judge(stream, &seen), watch).await;
        self.findings().timelines.push(timeline);
        self.finished([evidence]);
    }

    /// Watches a stream, and calls `seen_raw` as soon as the raw client has seen all that comes.
    async fn watch(&self, stream: &Scenario, noise: Noise, seen_raw: impl FnOnce(&Observation)) -> Observation {
        let text: usize = stream.lines.iter().map(|(_, line)| line.written().len()).sum();
        // Bounds the memory for a hostile stream; a conforming stream stays far below. Counts bytes, since each may be a chunk.
        let bytes_max = 8 * text + (1 << 16);
        let bounds = match noise {
            Noise::None => Bounds { bytes_max, entries_max: bytes_max },
            Noise::OtherUsers | Noise::AllUsers => SSE_BOUNDS,
        };
        let url = format!("{}/{}", self.live.url, stream.name());
        let others = OtherClients { noise, ..OtherClients::default() };
        let download = Mutex::new(Download::counting(LinesSeen::beside(&others)));
        let by_application = self.downloader.download(url, bounds.bytes_max, &download);
        let raw = async {
            let seen = play::play(&mut self.live.clone(), stream, &others, bounds).await;
            seen_raw(&seen);
            // The application's stream may have begun later, and gets as much time as the raw stream. A raw client that was not
            // sent all writes has waited long enough for both.
            let is_whole = seen.first_response().is_some_and(|(_, pieces)| pieces.len() >= stream.writes());
            let given_up = self.live.clock.now() + if is_whole { PATIENCE } else { Duration::ZERO };
            while self.live.clock.now() < given_up && !download.lock().has(stream.writes()) {
                self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
            }
            seen
        };
        // Lets the raw client decide when the watch is over: an application would watch `/sse` for ever.
        let seen = match select(pin!(raw), pin!(by_application)).await {
            Either::Left((seen, _)) => seen,
            Either::Right(((), raw)) => raw.await,
        };
        let dispatched = download.into_inner().dispatched(&*self.live.clock).await;
        Observation { dispatched: Some(dispatched), ..seen }
    }
}
