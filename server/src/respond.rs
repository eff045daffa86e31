//! Answers requests: with a script, with another head, or at once.

use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::response::Response;
use onbeat_wire::How;

use crate::channel::Subscription;
use crate::connection::{Connection, Ending};
use crate::context::RequestContext;
use crate::driver::{Driver, HeadChange, Opening};
use crate::entrance::has_no_body;
use crate::script::{Script, Start};
use crate::world::World;

/// How to answer with a script.
#[derive(Debug)]
pub struct Playing {
    /// The start of the response.
    pub start: Start,
    /// The path, as a clock lists the response.
    pub path: Cow<'static, str>,
    /// The events that are writes as well.
    pub subscription: Option<Subscription>,
    /// Whether the body is played. The body of an answer to `HEAD` never is: a subscription or a hook would take the answer
    /// for a stream.
    pub is_played: bool,
}

/// Answers with the head of a script, once the head is due, and plays the rest as the body, through the hooks of the request.
/// A script that begins with a cut or a reset ends the connection in place of a response.
pub async fn respond<S: Script>(world: &World, context: RequestContext, script: S, playing: Playing) -> Response {
    let Playing { start, path, subscription, is_played } = playing;
    let RequestContext { connection, hook, .. } = context;
    let clock = Arc::clone(world.clock());
    let mut driver = Driver::new(clock, &start, script, subscription, Arc::clone(&connection)).at_path(path);
    let mut response = Response::default();
    // Leaves the hook in its slot while waiting for the head: the slot ends the hook if the client leaves.
    match driver.opening().await {
        Opening::Head(head) => {
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
        }
        Opening::Body => {}
        Opening::End(how) => {
            if let Some(mut hook) = hook.take() {
                hook.ended(how);
            }
            connection.end(if how == How::Reset { Ending::Reset } else { Ending::Cut });
            // Waits until the end of the connection drops the handler.
            pending::<()>().await;
        }
    }
    // Leaves the hook of a response without a body to the entrance, which ends the hook.
    if is_played
        && !has_no_body(response.status())
        && let Some(hook) = hook.take()
    {
        if hook.alters() {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        driver = driver.with_hook(hook);
    }
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length = length.filter(|_| is_played && !has_no_body(response.status()));
    response.map(|_: Body| Body::new(driver.with_length(length)))
}

/// Answers, unless the hooks of the request answer in place of `answer`, or set a field of the head.
pub async fn with_head_change(context: &RequestContext, answer: impl Future<Output = Response>) -> Response {
    match context.change_head() {
        HeadChange::None => answer.await,
        HeadChange::Answer(response) => *response,
        HeadChange::Field(name, value) => {
            let mut response = answer.await;
            response.headers_mut().insert(name, value);
            response
        }
    }
}

/// Answers when the server has taken in all arrived bytes. Meanwhile no time passes, and the connection stays open, also for
/// a client that sends no more.
pub async fn at_once<T>(world: &World, connection: &Arc<Connection>, answer: impl Future<Output = T>) -> T {
    let _open = connection.hold_open();
    // Takes the turn before waiting, so that no time passes meanwhile.
    let turn = world.clock().turn(connection.socket_state());
    if let Some(arrivals) = connection.arrivals() {
        arrivals.settle().await;
    }
    let answer = answer.await;
    // Holds the turn on until the answer has been sent.
    connection.turns().hold(turn.unwrap_or_default());
    answer
}
