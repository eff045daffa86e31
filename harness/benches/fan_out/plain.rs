//! The same two endpoints, as one writes them with axum and tokio alone.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

pub(crate) async fn plain(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let (sender, _) = broadcast::channel(1024);
    let router = Router::new().route("/sse", get(plain_sse)).route("/broadcast-text", get(plain_broadcast));
    let listener = tokio::net::TcpListener::bind(addr).await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| {
        // A client that has left already is noticed when it is served.
        let _ = socket.set_nodelay(true);
    });
    Ok(axum::serve(listener, router.with_state(sender)).await?)
}

async fn plain_sse(
    State(sender): State<broadcast::Sender<String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let greeting = stream::iter([Ok(Event::default().data("{\"message\": \"连接成功\"}"))]);
    // An event that was missed shows in the numbers.
    let broadcasts = BroadcastStream::new(sender.subscribe()).filter_map(async |data| data.ok());
    Sse::new(greeting.chain(broadcasts.map(|data| Ok(Event::default().event("broadcast").data(data)))))
}

#[derive(Deserialize)]
struct Broadcast {
    msg: String,
}

async fn plain_broadcast(
    State(sender): State<broadcast::Sender<String>>,
    Query(Broadcast { msg }): Query<Broadcast>,
) -> String {
    let data = serde_json::json!({ "msg": msg, "ts": format!("{:.3}", jiff::Timestamp::now()) });
    let sent = sender.send(data.to_string()).unwrap_or(0);
    serde_json::json!({ "ok": true, "sent": sent, "clients": sent }).to_string()
}
