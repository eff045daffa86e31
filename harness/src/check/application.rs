//! What an application sees: the events that `eventsource-stream` dispatches, from bytes in memory or through reqwest.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use eventsource_stream::Eventsource;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use onbeat_server::clock::Instant;

use crate::client::Bounds;
use crate::event_stream::Event;

/// What has been dispatched, and why nothing more will be.
#[derive(Clone, Debug, Default)]
pub(super) struct Dispatched {
    pub(super) events: Vec<Event>,
    pub(super) failed: Option<String>,
}

impl Dispatched {
    /// The events, if nothing went wrong.
    pub(super) fn outcome(self) -> Result<Vec<Event>, String> {
        self.failed.map_or(Ok(self.events), Err)
    }
}

/// The events of a stream that came in these chunks.
pub(super) fn dispatch(chunks: &[(Instant, Bytes)]) -> Result<Vec<Event>, String> {
    let dispatched = Arc::new(Mutex::new(Dispatched::default()));
    let chunks: Vec<_> = chunks.iter().map(|(_, bytes)| Ok::<_, Infallible>(bytes.clone())).collect();
    // All is there already, so there is nothing to wait for.
    let _ = read(stream::iter(chunks), Bounds::NONE, &dispatched).now_or_never();
    let dispatched = dispatched.lock().unwrap_or_else(PoisonError::into_inner).clone();
    dispatched.outcome()
}

/// Asks for `url` as an application does, and notes what is dispatched until the stream ends.
pub(super) async fn watch(client: reqwest::Client, url: String, bounds: Bounds, dispatched: Arc<Mutex<Dispatched>>) {
    match client.get(url).send().await {
        Ok(response) if response.status() == reqwest::StatusCode::OK => {
            read(response.bytes_stream(), bounds, &dispatched).await;
        }
        Ok(response) => fail(&dispatched, &format!("the status is {}", response.status())),
        Err(error) => fail(&dispatched, &error),
    }
}

async fn read<E: Display>(
    chunks: impl Stream<Item = Result<Bytes, E>>,
    bounds: Bounds,
    dispatched: &Mutex<Dispatched>,
) {
    let mut left = bounds.bytes_max;
    let mut first = true;
    let bounded = chunks.take_while(|chunk| {
        left = left.saturating_sub(chunk.as_ref().map_or(0, Bytes::len));
        std::future::ready(left > 0)
    });
    // The crate can't read what begins with a BOM, which a parser has to skip (WHATWG HTML, 9.2.6).
    let plain = bounded.map(move |chunk| {
        let begins = std::mem::replace(&mut first, false);
        chunk.map(|bytes| if begins && bytes.starts_with(b"\xEF\xBB\xBF") { bytes.slice(3..) } else { bytes })
    });
    let mut events = std::pin::pin!(plain.eventsource());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                let event = Event { event_type: event.event, data: event.data, last_event_id: event.id };
                let mut dispatched = dispatched.lock().unwrap_or_else(PoisonError::into_inner);
                dispatched.events.push(event);
                if dispatched.events.len() > bounds.notes_max {
                    return;
                }
            }
            Err(error) => return fail(dispatched, &error),
        }
    }
}

fn fail(dispatched: &Mutex<Dispatched>, why: &impl Display) {
    dispatched.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(why.to_string());
}
