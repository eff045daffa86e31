//! An application whose one stream follows a script, so that a test can plant a bug by an edit of the script.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use onbeat::ms;
use tokio::time::{Instant, sleep_until};

/// What the application does.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// When the head goes out, in milliseconds.
    pub(crate) head_ms: u64,
    /// The writes, each with its time.
    pub(crate) writes: Vec<(u64, String)>,
    pub(crate) end: End,
}

/// How the stream ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Complete(u64),
    Cut(u64),
    Never,
}

impl Script {
    /// Returns the right script: a token stream whose waits differ, with ids, a comment, and an event in two writes.
    pub(crate) fn right() -> Self {
        let writes = [
            (400, "retry: 3000\n\n"),
            (400, "id: 1\nevent: token\ndata: {\"n\":1,\"text\":\"Hel\"}\n\n"),
            (455, "id: 2\nevent: token\ndata: {\"n\":2,\"text\":\"lo\"}\n\n"),
            (655, ": ping\n\n"),
            (1655, "id: 3\nevent: token\n"),
            (1655, "data: {\"n\":3,\"text\":\" you\"}\n\n"),
            (1958, "data: [DONE]\n\n"),
        ];
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream"), ("x-room", "7")],
            head_ms: 400,
            writes: writes.map(|(ms, text)| (ms, text.to_owned())).into(),
            end: End::Complete(1960),
        }
    }

    /// Returns the application.
    pub(crate) fn application(self) -> Router {
        Router::new().route("/tokens", get(async move || self.answer().await))
    }

    async fn answer(self) -> Response<Body> {
        let start = Instant::now();
        let at = move |time| sleep_until(start + ms(time));
        at(self.head_ms).await;
        let writes = stream::iter(self.writes).then(move |(time, text)| async move {
            at(time).await;
            Ok(text)
        });
        let end = stream::once(async move {
            match self.end {
                End::Complete(time) => {
                    at(time).await;
                    None
                }
                End::Cut(time) => {
                    at(time).await;
                    Some(Err(io::Error::other("the model has crashed")))
                }
                End::Never => std::future::pending().await,
            }
        });
        let body = Body::from_stream(writes.chain(end.filter_map(async |end| end)));
        let builder =
            self.headers.into_iter().fold(Response::builder(), |builder, (name, value)| builder.header(name, value));
        builder.status(self.status).body(body).expect("a response")
    }
}
