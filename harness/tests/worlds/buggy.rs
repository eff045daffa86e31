//! Applications with one bug each.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{interval, sleep};

/// The one channel of an application, and the number of the last note.
#[derive(Clone)]
struct Channel {
    sender: broadcast::Sender<(u64, String)>,
    log: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Channel {
    /// Returns a channel with `POST /notes`, and `GET /notes` as it is given.
    fn with<H, T>(subscribe: H) -> Router
    where
        H: axum::handler::Handler<T, Self>,
        T: 'static,
    {
        async fn publish(State(channel): State<Channel>, text: String) {
            let mut log = channel.log.lock().unwrap();
            let number = log.len() as u64 + 1;
            log.push((number, text.clone()));
            let _ = channel.sender.send((number, text));
        }
        let channel = Self { sender: broadcast::channel(16).0, log: Arc::default() };
        Router::new().route("/notes", get(subscribe).post(publish)).with_state(channel)
    }
}

fn note((number, text): (u64, String)) -> Event {
    Event::default().id(number.to_string()).data(text)
}

fn events(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    Sse::new(events.map(Ok::<_, Infallible>)).into_response()
}

fn from_channel(receiver: mpsc::UnboundedReceiver<Event>) -> impl Stream<Item = Event> {
    stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|event| (event, receiver)) })
}

/// The task that serves a client does not end when the client has left.
pub(crate) fn leaks_a_subscriber() -> Router {
    Channel::with(async |State(channel): State<Channel>| {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut notes = channel.sender.subscribe();
        tokio::spawn(async move {
            while let Ok(next) = notes.recv().await {
                let _ = sender.send(note(next));
            }
        });
        events(from_channel(receiver))
    })
}

/// A client that has fallen behind misses notes, and nobody says so.
pub(crate) fn skips_events_for_the_slow() -> Router {
    Channel::with(async |State(channel): State<Channel>| {
        events(stream::unfold(channel.sender.subscribe(), |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(next) => return Some((note(next), receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    })
}

/// What a client has missed comes in the wrong order.
pub(crate) fn repeats_backwards() -> Router {
    Channel::with(async |State(channel): State<Channel>, headers: HeaderMap| {
        let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
        let mut missed = channel.log.lock().unwrap().clone();
        missed.retain(|(number, _)| last.is_some_and(|last| *number > last));
        missed.reverse();
        let live = stream::unfold(channel.sender.subscribe(), |mut receiver| async move {
            let next = receiver.recv().await.ok()?;
            Some((next, receiver))
        });
        events(stream::iter(missed).chain(live).map(note))
    })
}

/// The notes for a client that does not read pile up.
pub(crate) fn buffers_without_bound() -> Router {
    Channel::with(async |State(channel): State<Channel>| {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut notes = channel.sender.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = sender.closed() => break,
                    next = notes.recv() => match next {
                        Ok(next) => drop(sender.send(note(next))),
                        Err(_) => break,
                    },
                }
            }
        });
        events(from_channel(receiver))
    })
}

/// A stream that is dropped before its end panics.
pub(crate) fn panics_on_an_early_leave() -> Router {
    struct Session;
    impl Drop for Session {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "the session has not ended");
        }
    }
    Router::new().route(
        "/count",
        get(async || {
            events(stream::unfold((0, Session), |(number, session)| async move {
                if number == 5 {
                    std::mem::forget(session);
                    return None;
                }
                sleep(Duration::from_secs(1)).await;
                Some((Event::default().data(number.to_string()), (number + 1, session)))
            }))
        }),
    )
}

/// The id is too short for an hour.
pub(crate) fn jumps_back() -> Router {
    Router::new().route(
        "/ticks",
        get(async || {
            events(stream::unfold((interval(Duration::from_secs(5)), 0_u64), |(mut ticks, number)| async move {
                ticks.tick().await;
                Some((Event::default().id((number % 8).to_string()).data("tick"), (ticks, number + 1)))
            }))
        }),
    )
}

/// A text is cut into tokens of four bytes.
pub(crate) fn splits_a_character() -> Router {
    async fn complete(prompt: String) -> Response {
        let tokens: Vec<Vec<u8>> = prompt.as_bytes().chunks(4).map(<[u8]>::to_vec).collect();
        let tokens = stream::iter(tokens).then(async |token| {
            sleep(Duration::from_millis(50)).await;
            Ok::<_, Infallible>([b"data: ", &token[..], b"\n\n"].concat())
        });
        ([("content-type", "text/event-stream")], Body::from_stream(tokens)).into_response()
    }
    Router::new().route("/chat", post(complete))
}

/// All clients share one count.
pub(crate) fn shares_state() -> Router {
    let count = Arc::new(AtomicU64::new(0));
    Router::new().route(
        "/count",
        get(async move || {
            events(stream::unfold((interval(Duration::from_secs(1)), count), |(mut ticks, count)| async {
                ticks.tick().await;
                Some((Event::default().data(count.fetch_add(1, Ordering::Relaxed).to_string()), (ticks, count)))
            }))
        }),
    )
}

/// The last event has no end.
pub(crate) fn forgets_the_last_line() -> Router {
    Router::new().route("/bye", get(async || ([("content-type", "text/event-stream")], "data: hello\n\ndata: bye\n")))
}

/// The handler keeps the senders of all clients, and forgets none.
pub(crate) fn keeps_senders(senders: &Arc<Mutex<Vec<mpsc::UnboundedSender<Event>>>>) -> Router {
    let senders = Arc::clone(senders);
    Router::new().route(
        "/news",
        get(async move || {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.lock().unwrap().push(sender);
            events(from_channel(receiver))
        }),
    )
}
