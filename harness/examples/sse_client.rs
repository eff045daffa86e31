//! A small SSE client that reconnects, and its test against a server in the same process: `cargo run -p onbeat --features server --example sse_client`.
//!
//! The client waits the reconnection time that the stream has set, and asks with `Last-Event-ID` for what it has missed.

use std::pin::Pin;
use std::time::Duration;

use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::{Stream, StreamExt};
use onbeat::Server;
use onbeat::server::{EventFields, Fault};

/// The events of a stream, over as many connections as it takes.
pub(crate) struct Subscription {
    url: String,
    http: reqwest::Client,
    last_event_id: String,
    reconnection_time: Duration,
    events: Option<Events>,
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<reqwest::Error>>> + Send>>;

impl Subscription {
    /// Returns a subscription without a connection yet.
    #[must_use]
    pub(crate) fn new(url: String) -> Self {
        let reconnection_time = Duration::from_secs(3);
        Self { url, http: reqwest::Client::new(), last_event_id: String::new(), reconnection_time, events: None }
    }

    /// Waits for the next event. Reconnects as often as necessary.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let next = match &mut self.events {
                Some(events) => events.next().await,
                None => match self.connect().await {
                    Some(events) => self.events.insert(events).next().await,
                    None => None,
                },
            };
            if let Some(Ok(event)) = next {
                self.last_event_id.clone_from(&event.id);
                self.reconnection_time = event.retry.unwrap_or(self.reconnection_time);
                return event;
            }
            // The stream has ended, was cut, or could not be had.
            self.events = None;
            pause(self.reconnection_time).await;
        }
    }

    async fn connect(&self) -> Option<Events> {
        let request = self.http.get(&self.url).header("accept", "text/event-stream");
        let request = match self.last_event_id.as_str() {
            "" => request,
            id => request.header("last-event-id", id),
        };
        let response = request.send().await.ok()?.error_for_status().ok()?;
        Some(Box::pin(response.bytes_stream().eventsource()))
    }
}

#[allow(clippy::disallowed_methods, reason = "a client waits in the machine's time")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A feed that numbers its events, keeps them, and tells clients to reconnect after a millisecond.
const ROUTES: &str = r#"
    [[route]]
    path = "/feed"
    steps = [{ retry = 1, data = "welcome" }, { subscribe = "feed" }]

    [channel.feed]
    history = 100
"#;

/// Tests that the client misses nothing, whatever becomes of its connections.
///
/// # Errors
///
/// If the server refuses a call.
///
/// # Panics
///
/// If the client has a bug.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().routes(ROUTES).start().await?;
    let mut feed = Subscription::new(server.url("/feed"));
    assert_eq!(feed.next().await.data, "welcome");

    server.publish("feed", EventFields::new().data("one")).await?;
    assert_eq!(feed.next().await.data, "one");

    // The connection is cut in the middle of the second event, and the next attempt meets a 503.
    server.fault("/feed", Fault::status(503)).await?;
    let connection = server.connected("/feed", 1).await?.remove(0);
    connection.send("id: 2\ndata: tw").await?;
    connection.cut().await?;
    server.publish("feed", EventFields::new().data("two")).await?;

    // The third attempt is answered, and goes on behind the first event.
    assert_eq!(feed.next().await.data, "welcome");
    assert_eq!(feed.next().await.data, "two");
    let requests = server.log().await?.requests();
    let seen: Vec<_> = requests.iter().map(|request| (request.status, request.header("last-event-id"))).collect();
    assert_eq!(seen, [(Some(200), None), (Some(503), Some("1")), (Some(200), Some("1"))]);
    Ok(())
}
