//! Which answers belong to which requests, when several are under way on one connection.
//!
//! HTTP/1.1 lets a client send requests without waiting (RFC 9112, 9.3.2). hyper takes up one when the answer before it
//! is complete, which behind a stream may be never. The reference executes each when it arrives, and so does this: a
//! broadcast goes out, a stream's time begins; just the answers wait for their turn.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, Request, Version};
use axum::response::Response;
use http_body::Body as HttpBody;
use tower_service::Service;

use crate::connection::Connection;
use crate::guard;
use crate::origin::Carrier;
use crate::requests::Requests;

/// An answer under way.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// The answers of one connection.
pub(crate) struct Pipeline {
    router: Router,
    connection: Arc<Connection>,
    /// Those whose turn has not come.
    early: VecDeque<Early>,
    /// The last request was executed: the connection closes after it.
    closing: bool,
}

enum Early {
    Running(Answer),
    Ready(Response),
}

/// What follows a stream is no HTTP.
#[derive(Debug)]
pub(crate) struct Broken;

impl Pipeline {
    pub(crate) fn new(router: Router, connection: Arc<Connection>) -> Self {
        Self { router, connection, early: VecDeque::new(), closing: false }
    }

    /// Something has come on the connection.
    pub(crate) fn arrived(&self) {
        self.connection.arrived();
    }

    /// Something has been taken of what was written on it.
    pub(crate) fn taken(&self) {
        self.connection.party().note_taken();
    }

    /// The answer to the request that hyper has come to, the oldest of `requests` if none is under way already.
    pub(crate) fn answer<B>(&mut self, requests: &mut Requests, request: Request<B>) -> Answer
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        match self.early.pop_front() {
            Some(Early::Running(answer)) => answer,
            Some(Early::Ready(response)) => Box::pin(std::future::ready(Ok(response))),
            None => match requests.take().and_then(|head| head.malformed) {
                Some(why) => Box::pin(std::future::ready(Ok(guard::bad_request(why)))),
                None => self.execute(request, false),
            },
        }
    }

    /// Executes the requests that wait behind a stream, one after the other: a burst of broadcasts must not run ahead of
    /// those who read. Ready when all have been.
    pub(crate) fn execute_early(&mut self, requests: &mut Requests, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            if let Some(early) = self.early.back_mut()
                && let Early::Running(answer) = early
            {
                match answer.as_mut().poll(cx) {
                    Poll::Ready(Ok(response)) => *early = Early::Ready(response),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.closing {
                break;
            }
            let Some(head) = requests.take() else { break };
            let Some(request) = head.request() else { return Poll::Ready(Err(Broken)) };
            let answer = self.execute(request.map(|()| Body::empty()), true);
            self.early.push_back(Early::Running(answer));
        }
        Poll::Ready(if requests.is_broken() { Err(Broken) } else { Ok(()) })
    }

    /// Drops the answers whose turn has not come: it never will.
    pub(crate) fn give_up(&mut self) {
        self.early.clear();
    }

    fn execute<B>(&mut self, mut request: Request<B>, lacks_body: bool) -> Answer
    where
        B: HttpBody<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let closes = asks_to_close(request.headers());
        self.closing |= closes || request.version() != Version::HTTP_11;
        request.extensions_mut().insert(Carrier { connection: Arc::clone(&self.connection), closes, lacks_body });
        Box::pin(self.router.call(request))
    }
}

/// Whether `close` is among the connection options (RFC 9112, 9.6).
fn asks_to_close(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}
