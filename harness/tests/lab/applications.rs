//! Four ordinary applications: a ticker, a token stream, notifications, and the progress of a job.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// A tick every 30 s, and a comment after 15 s without an event.
pub(crate) fn ticker() -> Router {
    async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        let mut ticks = interval(Duration::from_secs(30));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let ticks = stream::unfold((ticks, 0), |(mut ticks, number)| async move {
            ticks.tick().await;
            Some((Ok(Event::default().id(number.to_string()).data("tick")), (ticks, number + 1)))
        });
        Sse::new(ticks).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)).text("ping"))
    }
    Router::new().route("/ticks", get(ticks))
}

/// A token each 50 ms, 400 ms after the question, and `[DONE]`.
pub(crate) fn chat() -> Router {
    slow_chat(Duration::from_millis(50))
}

/// The same with another time between two tokens.
pub(crate) fn slow_chat(apart: Duration) -> Router {
    async fn complete(apart: Duration, question: Value) -> Response {
        let Some(prompt) = question["prompt"].as_str().map(str::to_owned) else {
            return (StatusCode::UNPROCESSABLE_ENTITY, "no prompt").into_response();
        };
        sleep(Duration::from_millis(400)).await;
        let words: Vec<String> = prompt.split(' ').map(str::to_owned).collect();
        let tokens = stream::iter(words).enumerate().then(move |(number, word)| async move {
            sleep(if number == 0 { Duration::ZERO } else { apart }).await;
            Event::default().data(json!({ "token": word }).to_string())
        });
        let done = stream::once(async { Event::default().data("[DONE]") });
        Sse::new(tokens.chain(done).map(Ok::<_, Infallible>)).into_response()
    }
    Router::new().route("/chat", post(async move |Json(question): Json<Value>| complete(apart, question).await))
}

/// Notifications, of which the last eight are repeated to a client that comes back.
#[derive(Clone)]
pub(crate) struct Notifications {
    pub(crate) sender: broadcast::Sender<(u64, String)>,
    recent: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Notifications {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(16).0, recent: Arc::default() }
    }

    pub(crate) fn router(&self) -> Router {
        async fn publish(State(notifications): State<Notifications>, text: String) -> StatusCode {
            let mut recent = notifications.recent.lock().unwrap();
            let number = recent.last().map_or(1, |(number, _)| number + 1);
            recent.push((number, text.clone()));
            let surplus = recent.len().saturating_sub(8);
            recent.drain(..surplus);
            let _ = notifications.sender.send((number, text));
            StatusCode::NO_CONTENT
        }
        async fn subscribe(
            State(notifications): State<Notifications>,
            headers: HeaderMap,
        ) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
            let receiver = notifications.sender.subscribe();
            let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u64>().ok());
            let mut missed = notifications.recent.lock().unwrap().clone();
            missed.retain(|(number, _)| last.is_some_and(|last| *number > last));
            let live = stream::unfold(receiver, |mut receiver| async move {
                let next = receiver.recv().await.ok()?;
                Some((next, receiver))
            });
            let event =
                |(number, text): (u64, String)| Event::default().id(number.to_string()).event("note").data(text);
            let greeting = stream::iter([Event::default().retry(Duration::from_secs(3))]);
            Sse::new(greeting.chain(stream::iter(missed).chain(live).map(event)).map(Ok))
        }
        Router::new().route("/notes", get(subscribe).post(publish)).with_state(self.clone())
    }
}

/// A job that goes on in a task of its own: a tenth in each second.
pub(crate) async fn jobs() -> Router {
    async fn start(State(progress): State<Arc<watch::Sender<u8>>>) -> StatusCode {
        tokio::spawn(async move {
            let begin = Instant::now();
            for tenth in 1..=10_u8 {
                tokio::time::sleep_until(begin + Duration::from_secs(tenth.into())).await;
                progress.send_replace(tenth * 10);
            }
        });
        StatusCode::ACCEPTED
    }
    async fn watch(
        State(progress): State<Arc<watch::Sender<u8>>>,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        let progress = stream::unfold((progress.subscribe(), 0), |(mut receiver, last)| async move {
            if last == 100 {
                return None;
            }
            loop {
                let percent = *receiver.borrow_and_update();
                if percent != last {
                    return Some((Ok(Event::default().data(percent.to_string())), (receiver, percent)));
                }
                receiver.changed().await.ok()?;
            }
        });
        Sse::new(progress)
    }
    let progress = Arc::new(watch::channel(0).0);
    Router::new().route("/job", post(start)).route("/job/progress", get(watch)).with_state(progress)
}
